#include "api/endpoint/edge.h"

#include <array>

#include "api/commands/dispatcher.h"
#include "api/endpoint/cors.h"

namespace parley::endpoint {
namespace {

constexpr auto kErrors = std::to_array<Code>(
    {kBadRequest, kNotFound, kMethodNotAllowed, kRequestTimeout, kPayloadTooLarge, kUriTooLong, kHeadersTooLarge,
     kInternalError, kOverloaded, kUnavailable, api::kCommandTimeout, kHttpVersionNotSupported});
constexpr const char* kOrigin = "{origin}";
constexpr const char* kMethods = "{methods}";

void member(json::Writer& w, std::string_view name, std::string_view text) {
  w.key(name);
  w.string(text);
}
void headers(json::Writer& w, std::string_view name, const http::Headers& headers) {
  w.key(name);
  w.begin_object();
  for (const auto& [field, value] : headers) member(w, field, value);
  w.end_object();
}

void error(json::Writer& w, const Code& code, const ErrorForm& form) {
  w.begin_object();
  member(w, "code", code.name());
  w.key("status");
  w.integer(form.row(code).status);
  for (const auto& language : form.languages) {
    const auto response = error_response(code, language.tag, form);
    w.key(language.tag);
    w.begin_object();
    headers(w, "headers", response.headers);
    member(w, "body", response.body);
    w.end_object();
  }
  w.end_object();
}

void cross_origin(json::Writer& w, const Registry& registry) {
  http::Headers readable;
  allow_origin(readable, kOrigin);
  http::Request asked;
  asked.headers = {{"Origin", kOrigin}};
  w.begin_object();
  headers(w, "readable", readable);
  headers(w, "preflight", preflight(asked, kMethods, registry.cross_origin_headers()).headers);
  w.key("paths");
  w.begin_object();
  for (const auto& [path, methods] : registry.cross_origin_paths()) member(w, path, methods);
  w.end_object();
  w.end_object();
}

}  // namespace

std::string edge_answers(const Registry& registry) {
  json::Writer w;
  w.begin_object();
  w.key("languages");
  w.begin_array();
  for (const auto& language : registry.surface().errors.languages) w.string(language.tag);
  w.end_array();
  w.key("errors");
  w.begin_array();
  for (const auto& code : kErrors) error(w, code, registry.surface().errors);
  w.end_array();
  w.key("cross_origin");
  cross_origin(w, registry);
  w.key("streams");
  w.begin_array();
  for (const auto& endpoint : registry.endpoints()) {
    if (endpoint.form == Endpoint::Form::stream) w.string(endpoint.path);
  }
  w.end_array();
  w.key("uploads");
  w.begin_object();
  for (const auto& endpoint : registry.endpoints()) {
    if (endpoint.spec.upload == nullptr) continue;
    w.key(endpoint.path);
    w.integer(static_cast<std::int64_t>(endpoint.spec.body_bytes_max));
  }
  w.end_object();
  w.end_object();
  return std::string(w.text());
}

}  // namespace parley::endpoint
