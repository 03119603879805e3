#include "api/endpoint/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "api/endpoint/cors.h"
#include "api/endpoint/run.h"
#include "api/limits/limiter.h"

namespace parley::endpoint {

void Registry::check(const Spec& spec, const Kind& kind) {
  const auto contradiction = [&](std::string why) {
    return std::invalid_argument(std::string(spec.method) + " " + std::string(spec.path) + " " + std::move(why));
  };
  if (kind.is_raw != (spec.verify != nullptr))
    throw contradiction("takes a raw body without verifying it, or verifies another one");
  if (kind.redirects == spec.redirects.empty())
    throw contradiction("redirects without a target, or has targets and redirects nowhere");
  if (kind.redirects && spec.status != 302 && spec.status != 303)
    throw contradiction("redirects with another status than 302 and 303");
  if (kind.is_upload != (spec.upload != nullptr))
    throw contradiction("takes an upload without bounds, or has them and takes none");
  for (const auto* target : spec.redirects) {
    if (!is_target(target->url)) throw contradiction("may not redirect to " + target->url);
  }
}

std::map<std::string, std::string, std::less<>> Registry::cross_origin_paths() const {
  std::map<std::string, std::string, std::less<>> paths;
  for (const auto& endpoint : endpoints_) {
    if (endpoint.spec.access->cross_origin) paths[endpoint.path].append(endpoint.spec.method).append(", ");
  }
  for (auto& [path, methods] : paths) methods += "OPTIONS";
  return paths;
}

std::string Registry::cross_origin_headers() const {
  std::set<std::string_view> names{"Accept-Language", "Authorization", "Content-Type", "Idempotency-Key",
                                   "If-Match",        "Last-Event-ID", "X-Read-After", "X-Request-Id"};
  for (const auto& endpoint : endpoints_) {
    if (!endpoint.spec.access->cross_origin) continue;
    for (const auto& alternative : endpoint.spec.access->security) {
      for (const auto* scheme : alternative) {
        if (scheme->kind == SecurityScheme::Kind::header) names.insert(scheme->parameter);
      }
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

void Registry::mount(http::Routes& routes, const Deps& deps) const {
  for (const auto& declared : endpoints_) {
    const auto endpoint = std::make_shared<const Endpoint>(declared);
    for (const auto* limit : {endpoint->spec.limit, endpoint->spec.address_limit}) {
      if (limit != nullptr && !deps.limits.knows(*limit))
        throw std::invalid_argument(fmt::format("the limit {} is not set", limit->name));
    }
    routes.add(std::string(endpoint->spec.method), endpoint->path, handler(endpoint, deps),
               endpoint->spec.body_bytes_max, intake(endpoint, deps));
  }
  const auto headers = cross_origin_headers();
  for (const auto& [path, methods] : cross_origin_paths()) {
    const auto allow = [methods, headers](const http::Request& request, const http::Responder& responder) {
      responder.send(preflight(request, methods, headers));
    };
    routes.add("OPTIONS", path, allow, kUnreadBodyBytesMax);
  }
  const auto show = [document = openapi()](const http::Request&, const http::Responder& responder) {
    responder.send(http::Response::json(200, document));
  };
  routes.add("GET", prefix_ + "/openapi.json", show, kUnreadBodyBytesMax);
}

}  // namespace parley::endpoint
