// The OpenAPI 3.1 document of a registry: every path, parameter, body, answer, error and limit, from the declarations alone.
#include <algorithm>
#include <map>
#include <set>

#include "api/endpoint/idempotency.h"
#include "api/endpoint/registry.h"

namespace parley::endpoint {
namespace {

using json::Writer;

void pair(Writer& w, std::string_view key, std::string_view value) {
  w.key(key);
  w.string(value);
}
/// `"key":{...}`
template <class F>
void object(Writer& w, std::string_view key, F members) {
  w.key(key);
  w.begin_object();
  members();
  w.end_object();
}
void text_schema(Writer& w, std::size_t length_max = 0) {
  object(w, "schema", [&] { schema::Codec<std::string>::schema(w, {.length_min = length_max != 0 ? 1U : 0U, .length_max = length_max}); });
}

void parameter(Writer& w, std::string_view in, std::string_view name, std::string_view description, std::string_view json_schema) {
  w.begin_object();
  pair(w, "name", name);
  pair(w, "in", in);
  if (in == "path") {
    w.key("required");
    w.boolean(true);
  }
  if (!description.empty()) pair(w, "description", description);
  w.key("schema");
  w.raw(json_schema);
  w.end_object();
}

void parameters_of(Writer& w, const Endpoint& e) {
  constexpr std::string_view kPlaces[] = {"path", "query", "header"};
  w.key("parameters");
  w.begin_array();
  for (const auto& p : e.parameters) parameter(w, kPlaces[static_cast<int>(p.in)], p.name, p.description, p.schema);
  parameter(w, "header", "Accept-Language", "Language of error messages: ru (default) or en", R"({"type":"string"})");
  if (e.form == Endpoint::Form::command) {
    parameter(w, "header", "Idempotency-Key",
              "Makes a repeated request one: for 24 hours the same key with the same body gets the first answer again, refusals too, with the header "
              "Idempotency-Hit: true; with another body it is refused. Use a random one, for example a UUID",
              R"({"type":"string","minLength":1,"maxLength":)" + std::to_string(kIdempotencyKeyMax) + R"(,"pattern":"^[!-~]+$"})");
    if (e.path.contains('{')) {
      parameter(w, "header", "If-Match", "The version that the resource must have, in quotes: an event stream's ids are versions",
                R"({"type":"string","pattern":"^(\"(0|[1-9][0-9]*)\"|\\*)$"})");
    }
  }
  if (e.form == Endpoint::Form::query) {
    parameter(w, "header", "X-Read-After",
              "An X-Event-Position: the answer waits until it can be read, at most two seconds; then it has X-Projection: pending. One of another "
              "log (it was restored from a backup since) is refused with 422",
              R"({"type":"string","pattern":"^[A-Za-z0-9_-]+\\.(0|[1-9][0-9]*):(0|[1-9][0-9]*)$"})");
  }
  w.end_array();
}

void answer_header(Writer& w, std::string_view name, std::string_view description) {
  object(w, name, [&] {
    pair(w, "description", description);
    text_schema(w);
  });
}

void success(Writer& w, const Endpoint& e) {
  object(w, std::to_string(e.spec.status), [&] {
    pair(w, "description", e.form == Endpoint::Form::stream ? "A stream of server-sent events" : "Done");
    object(w, "headers", [&] {
      if (e.form == Endpoint::Form::command) {
        answer_header(w, "X-Event-Position", "Where the last event of the decision stands in this log; see X-Read-After");
        answer_header(w, "Idempotency-Hit", "\"true\" when this is an earlier answer again");
      }
      if (e.spec.single) answer_header(w, "ETag", "The version of what is answered, in quotes: for If-Match");
      if (e.form != Endpoint::Form::stream) answer_header(w, "X-Projection", "\"pending\" when reads do not show the effect yet");
      answer_header(w, "X-Request-Id", "What logs and events of every process call this request");
    });
    if (e.form != Endpoint::Form::stream && e.answer_schema.empty()) return;
    object(w, "content", [&] {
      if (e.form == Endpoint::Form::stream) {
        object(w, "text/event-stream", [&] { text_schema(w); });
      } else {
        object(w, "application/json", [&] {
          w.key("schema");
          w.raw(e.answer_schema);
        });
      }
    });
  });
}

std::set<Code> errors_of(const Endpoint& e) {
  std::set<Code> codes{Code::internal_error, Code::bad_request};
  const auto add = [&](const auto& list) { codes.insert(std::begin(list), std::end(list)); };
  add(e.spec.gate->refusals);
  add(e.spec.errors);
  if (!e.parameters.empty() || e.form != Endpoint::Form::stream) codes.insert(Code::validation_error);
  if (e.form == Endpoint::Form::command) {
    add(std::initializer_list<Code>{Code::idempotency_key_reused, Code::payload_too_large, Code::length_required, Code::stream_parked,
                                    Code::command_skipped, Code::command_expired, Code::command_timeout});
    if (e.path.contains('{')) codes.insert(Code::version_conflict);
  }
  if (e.form != Endpoint::Form::stream) add(std::initializer_list<Code>{Code::overloaded, Code::unavailable});
  return codes;
}

void failures(Writer& w, const Endpoint& e) {
  std::map<int, std::string> by_status;
  for (const Code code : errors_of(e)) {
    const auto& row = schema::error_row(code);
    auto& text = by_status[row.status];
    text.append(text.empty() ? "" : "; ").append(row.name).append(": ").append(row.english);
  }
  for (const auto& [status, description] : by_status) {
    object(w, std::to_string(status), [&] {
      pair(w, "description", description);
      if (status == 503) object(w, "headers", [&] { answer_header(w, "Retry-After", "Seconds"); });
      if (status == 401) object(w, "headers", [&] { answer_header(w, "WWW-Authenticate", "Bearer"); });
      object(w, "content",
             [&] { object(w, "application/json", [&] { object(w, "schema", [&] { pair(w, "$ref", "#/components/schemas/Error"); }); }); });
    });
  }
}

void operation(Writer& w, const Endpoint& e) {
  std::string method(e.spec.method);
  std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(c + ('a' - 'A')); });
  object(w, method, [&] {
    pair(w, "operationId", e.spec.operation);
    pair(w, "summary", e.spec.summary);
    if (!e.spec.description.empty()) pair(w, "description", e.spec.description);
    w.key("security");
    w.begin_array();
    for (const auto& alternative : e.spec.gate->security) {
      w.begin_object();
      for (const auto* scheme : alternative) {
        w.key(scheme->name);
        w.begin_array();
        w.end_array();
      }
      w.end_object();
    }
    w.end_array();
    parameters_of(w, e);
    if (!e.body_schema.empty()) {
      object(w, "requestBody", [&] {
        w.key("required");
        w.boolean(e.body_required);
        object(w, "content", [&] {
          object(w, "application/json", [&] {
            w.key("schema");
            w.raw(e.body_schema);
          });
        });
      });
    }
    object(w, "responses", [&] {
      success(w, e);
      failures(w, e);
    });
  });
}

void security_scheme(Writer& w, const SecurityScheme& scheme) {
  object(w, scheme.name, [&] {
    if (scheme.kind == SecurityScheme::Kind::bearer) {
      pair(w, "type", "http");
      pair(w, "scheme", "bearer");
      pair(w, "bearerFormat", scheme.parameter);
    } else {
      pair(w, "type", "apiKey");
      pair(w, "in", scheme.kind == SecurityScheme::Kind::header ? "header" : "query");
      pair(w, "name", scheme.parameter);
    }
    pair(w, "description", scheme.description);
  });
}

}  // namespace

std::string Registry::openapi() const {
  std::map<std::string, std::vector<const Endpoint*>> paths;
  std::map<std::string_view, const SecurityScheme*> schemes;
  for (const auto& e : endpoints_) {
    paths[e.path].push_back(&e);
    for (const auto& alternative : e.spec.gate->security) {
      for (const auto* scheme : alternative) schemes[scheme->name] = scheme;
    }
  }
  Writer w;
  w.begin_object();
  pair(w, "openapi", "3.1.0");
  object(w, "info", [&] {
    pair(w, "title", info_.title);
    pair(w, "version", info_.version);
    pair(w, "description", info_.description);
  });
  w.key("servers");
  w.begin_array();
  w.begin_object();
  pair(w, "url", "/");
  w.end_object();
  w.end_array();
  object(w, "paths", [&] {
    for (const auto& [path, operations] : paths) {
      object(w, path, [&] {
        for (const auto* e : operations) operation(w, *e);
      });
    }
  });
  object(w, "components", [&] {
    object(w, "schemas", [&] {
      w.key("Error");
      w.raw(error_schema());
    });
    object(w, "securitySchemes", [&] {
      for (const auto& [name, scheme] : schemes) security_scheme(w, *scheme);
    });
  });
  w.end_object();
  return w.take();
}

}  // namespace parley::endpoint
