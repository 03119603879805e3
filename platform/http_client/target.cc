#include "platform/http_client/target.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

namespace parley::http_client {
namespace {

constexpr std::array<std::string_view, 5> kOwnFields{"Host", "Content-Length", "Transfer-Encoding", "Connection",
                                                     "Expect"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::unexpected<Error> invalid(std::string text) {
  return std::unexpected(Error{.kind = Kind::invalid, .is_sure_not_sent = true, .text = std::move(text)});
}

std::string part_of(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
  std::string copy = text;
  curl_free(text);
  return copy;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text,
                             [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

Result<Target> target_of(const std::string& url, const std::vector<std::string>& trusted_hosts) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK)
    return invalid("the URL is not absolute, is malformed or holds a user");
  Target target{.scheme = part_of(parsed.get(), CURLUPART_SCHEME), .host = part_of(parsed.get(), CURLUPART_HOST)};
  std::ranges::transform(target.host, target.host.begin(), lower);
  if (target.host.empty()) return invalid("the URL has no host");
  target.place = target.host + ":" + part_of(parsed.get(), CURLUPART_PORT);
  target.is_trusted = std::ranges::any_of(trusted_hosts, [&](const std::string& trusted) {
    return equals_ignoring_case(trusted, target.host) || equals_ignoring_case(trusted, target.place);
  });
  if (target.scheme != "https" && !(target.scheme == "http" && target.is_trusted))
    return invalid(target.host + " may only be called by https, because it is not among the trusted hosts");
  return target;
}

Result<Target> checked(const Request& request, const Options& options) {
  if (!is_token(request.method)) return invalid("the method is not a token");
  for (const auto& [name, value] : request.fields) {
    if (!is_token(name) || has_control(value)) return invalid("a field has characters that it must not have");
    if (std::ranges::any_of(kOwnFields, [&](std::string_view own) { return equals_ignoring_case(own, name); }))
      return invalid("the field " + name + " is the client's own");
  }
  const bool has_body = !request.body.empty() || !request.parts.empty();
  if (has_body && (request.method == "GET" || request.method == "HEAD")) return invalid("GET and HEAD have no body");
  if (!request.body.empty() && !request.parts.empty()) return invalid("a request has a body or parts, not both");
  for (const auto& part : request.parts) {
    if (!part.path.empty() && ::access(part.path.c_str(), R_OK) != 0)
      return invalid("the file of the part " + part.name + " cannot be read");
  }
  return target_of(request.url, options.trusted_hosts);
}

}  // namespace parley::http_client
