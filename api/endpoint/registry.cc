#include "api/endpoint/registry.h"

#include <algorithm>
#include <map>

#include "api/endpoint/cors.h"
#include "api/endpoint/run.h"
#include "api/limits/limiter.h"

namespace parley::endpoint {
namespace {

/// "application/json" or "application/…+json", with or without parameters.
bool is_json(std::string_view content_type) {
  auto type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return http::equals_ignoring_case(type, "application/json") || type.ends_with("+json");
}

}  // namespace

Result<json::Document> Registry::parse_body(const http::Request& request) {
  const auto malformed = [](std::string field, std::string issue) { return fail({Code::bad_request, {std::move(field), std::move(issue)}}); };
  if (!request.body.empty()) {
    const auto unsupported = [](std::string field, std::string issue) {
      return fail({Code::unsupported_media_type, {std::move(field), std::move(issue)}});
    };
    const auto type = request.headers.get("Content-Type"), coding = request.headers.get("Content-Encoding");
    if (!type.empty() && !is_json(type)) return unsupported("Content-Type", "must be application/json");
    if (!coding.empty() && !http::equals_ignoring_case(coding, "identity")) return unsupported("Content-Encoding", "is not supported");
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

void Registry::mount(http::Routes& routes, const Deps& deps) const {
  std::map<std::string, std::string> cross_origin;  // path -> its methods
  for (const auto& declared : endpoints_) {
    const auto endpoint = std::make_shared<const Endpoint>(declared);
    for (const auto* limit : {endpoint->spec.limit, endpoint->spec.address_limit}) {
      if (limit != nullptr && !deps.limits.knows(*limit)) throw std::invalid_argument("the limit " + std::string(limit->name) + " is not set");
    }
    routes.add(std::string(endpoint->spec.method), endpoint->path, handler(endpoint, deps));
    if (endpoint->spec.gate->cross_origin) {
      auto& methods = cross_origin[endpoint->path];
      methods.append(methods.empty() ? "" : ", ").append(endpoint->spec.method);
    }
  }
  for (auto& [path, methods] : cross_origin) {
    routes.add("OPTIONS", path, [methods = methods + ", OPTIONS"](const http::Request& request, const http::Responder& responder) {
      responder.send(preflight(request, methods));
    });
  }
  routes.add("GET", prefix_ + "/openapi.json",
             [document = openapi()](const http::Request&, const http::Responder& responder) { responder.send(http::Response::json(200, document)); });
}

}  // namespace parley::endpoint
