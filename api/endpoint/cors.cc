#include "api/endpoint/cors.h"

#include <algorithm>

namespace parley::endpoint {

void allow_origin(http::Headers& headers, std::string_view origin) {
  if (origin.empty()) return;
  headers.set("Access-Control-Allow-Origin", std::string(origin));
  headers.set("Access-Control-Expose-Headers",
              "Allow, ETag, Idempotency-Hit, Retry-After, X-Event-Position, X-Projection, X-RateLimit-Limit, "
              "X-RateLimit-Remaining, X-RateLimit-Reset, "
              "X-Request-Id");
  headers.combine("Vary", "Origin");
}

http::Response preflight(const http::Request& request, const std::string& methods, const std::string& headers) {
  http::Response response{.status = 204, .headers = {{"Allow", methods}}, .body = {}};
  const auto origin = request.headers.get("Origin");
  if (origin.empty()) return response;
  response.headers.set("Access-Control-Allow-Origin", std::string(origin));
  response.headers.set("Access-Control-Allow-Methods", methods);
  response.headers.set("Access-Control-Allow-Headers", headers);
  response.headers.set("Access-Control-Max-Age", "600");
  response.headers.set("Vary", "Origin");
  return response;
}

std::string_view origin_host(std::string_view origin) {
  const auto scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {};
  auto host = origin.substr(scheme + 3);
  if (host.starts_with('[')) return host.substr(0, host.find(']') == std::string_view::npos ? 0 : host.find(']') + 1);
  return host.substr(0, host.find_first_of(":/"));
}

bool covers(std::string_view domain, std::string_view host) {
  if (!domain.starts_with("*.")) return http::equals_ignoring_case(domain, host);
  domain.remove_prefix(1);  // ".example.com"
  return host.size() > domain.size() && http::equals_ignoring_case(domain, host.substr(host.size() - domain.size()));
}

bool cover_origin(const std::vector<std::string>& domains, std::string_view origin) {
  const auto host = origin_host(origin);
  return std::ranges::any_of(domains, [&](const std::string& domain) { return covers(domain, host); });
}

}  // namespace parley::endpoint
