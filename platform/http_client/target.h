#pragma once
// Internal: where a URL leads, and whether a call may go there.
#include <string>
#include <vector>

#include "platform/http_client/client.h"

namespace parley::http_client {

struct Target {
  std::string scheme;
  std::string host;   ///< lower case; an IPv6 address in brackets
  std::string place;  ///< "host:port": what connections and limits are counted by
  bool is_trusted = false;
};

/// An error (invalid, sure not sent) for what is no absolute URL, holds a user or a password, or has a scheme that this
/// host must not be called by. `trusted_hosts` as in Options.
Result<Target> target_of(const std::string& url, const std::vector<std::string>& trusted_hosts);

/// What of a request can be told to be wrong before it is tried: its URL, method, fields, body and parts.
Result<Target> checked(const Request& request, const Options& options);

/// ASCII alone, as names of fields and hosts are compared.
bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace parley::http_client
