#pragma once
// Cross-origin requests (the Fetch standard's CORS protocol), for pages on other sites that carry a widget.
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"

namespace parley::endpoint {

/// Lets the page of `origin` read the answer. Without an origin nothing changes.
void allow_origin(http::Headers& headers, std::string_view origin);

/// The answer to a preflight: any origin may send the headers and methods that the API knows (lists of them, as the
/// answer has them). Whether it gets an answer is decided by the request itself, whose credentials a preflight does not
/// have.
http::Response preflight(const http::Request& request, const std::string& methods, const std::string& headers);

/// The host of an Origin ("https://shop.example:8443" -> "shop.example"); empty for "null" and whatever is no origin.
std::string_view origin_host(std::string_view origin);
/// Whether an entry of a list of domains covers a host: the same name, or below it for "*.example.com". ASCII case does
/// not matter.
bool covers(std::string_view domain, std::string_view host);
/// Whether one of them covers the host of an Origin.
bool cover_origin(const std::vector<std::string>& domains, std::string_view origin);

}  // namespace parley::endpoint
