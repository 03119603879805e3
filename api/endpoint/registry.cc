#include "api/endpoint/registry.h"

#include <algorithm>

#include "api/endpoint/cors.h"
#include "api/endpoint/header_fields.h"
#include "api/endpoint/run.h"
#include "api/limits/limiter.h"

namespace parley::endpoint {
Result<json::Document> Registry::parse_body(const http::Request& request) {
  const auto malformed = [](std::string field, std::string issue) {
    return fail({Code::bad_request, {std::move(field), std::move(issue)}});
  };
  if (!request.body.empty()) {
    const auto unsupported = [](std::string field, std::string issue) {
      return fail({Code::unsupported_media_type, {std::move(field), std::move(issue)}});
    };
    const auto type = request.headers.get("Content-Type"), coding = request.headers.get("Content-Encoding");
    if (!type.empty() && !is_json(type)) return unsupported("Content-Type", "must be application/json");
    if (is_encoded(coding)) return unsupported("Content-Encoding", "is not supported");
  }
  if (request.body.contains('\0')) return malformed("body", "must not contain the NUL character");
  auto document = json::Document::parse(request.body.empty() ? "{}" : request.body, json::Strict::yes);
  if (document) return std::move(*document);
  auto& error = document.error();
  if (!error.of_a_field) return malformed("body", std::move(error.issue));
  return fail(at_body({std::move(error.field), std::move(error.issue)}));
}

schema::Problem Registry::at_body(schema::Problem problem) {
  if (problem.field.empty()) problem.field = "body";
  return problem;
}

std::map<std::string, std::string, std::less<>> Registry::cross_origin_paths() const {
  std::map<std::string, std::string, std::less<>> paths;
  for (const auto& endpoint : endpoints_) {
    if (endpoint.spec.gate->cross_origin) paths[endpoint.path].append(endpoint.spec.method).append(", ");
  }
  for (auto& [path, methods] : paths) methods += "OPTIONS";
  return paths;
}

void Registry::mount(http::Routes& routes, const Deps& deps) const {
  for (const auto& declared : endpoints_) {
    const auto endpoint = std::make_shared<const Endpoint>(declared);
    for (const auto* limit : {endpoint->spec.limit, endpoint->spec.address_limit}) {
      if (limit != nullptr && !deps.limits.knows(*limit))
        throw std::invalid_argument("the limit " + std::string(limit->name) + " is not set");
    }
    routes.add(std::string(endpoint->spec.method), endpoint->path, handler(endpoint, deps),
               endpoint->spec.body_bytes_max);
  }
  for (const auto& [path, methods] : cross_origin_paths()) {
    const auto allow = [methods](const http::Request& request, const http::Responder& responder) {
      responder.send(preflight(request, methods));
    };
    routes.add("OPTIONS", path, allow, kUnreadBodyBytesMax);
  }
  const auto show = [document = openapi()](const http::Request&, const http::Responder& responder) {
    responder.send(http::Response::json(200, document));
  };
  routes.add("GET", prefix_ + "/openapi.json", show, kUnreadBodyBytesMax);
}

}  // namespace parley::endpoint
