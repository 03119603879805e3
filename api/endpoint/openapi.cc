// The OpenAPI 3.1 document of a registry: every path, parameter, body, answer, error and limit, from the declarations
// alone.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <map>
#include <set>

#include "api/commands/dispatcher.h"
#include "api/endpoint/idempotency.h"
#include "api/endpoint/registry.h"
#include "domain/parking/parking.h"

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
void reference(Writer& w, std::string_view kind, std::string_view name) {
  pair(w, "$ref", fmt::format("#/components/{}/{}", kind, name));
}
void raw(Writer& w, std::string_view key, std::string_view json) {
  w.key(key);
  w.raw(json);
}
void flag(Writer& w, std::string_view key) {
  w.key(key);
  w.boolean(true);
}

// What many operations have in common stands in the components, under the header's own name.

struct Header {
  std::string_view name;
  std::string description;
  std::string schema;
};

constexpr std::string_view kAcceptLanguage = "Accept-Language";

/// "\"ru\",\"en\""
std::string quoted_tags(const ErrorForm& form) {
  std::string out;
  for (const auto& language : form.languages) out.append(out.empty() ? "\"" : ",\"").append(language.tag).append("\"");
  return out;
}
/// "ru (default) or en", "uk (default), ru or en"
std::string choice_of_languages(const ErrorForm& form) {
  std::string out;
  for (const auto& language : form.languages) {
    const bool is_first = &language == &form.languages.front();
    const bool is_last = &language == &form.languages.back();
    out.append(is_first ? "" : is_last ? " or " : ", ").append(language.tag).append(is_first ? " (default)" : "");
  }
  return out;
}

Header accept_language(const ErrorForm& form) {
  return {kAcceptLanguage, "Language of error messages: " + choice_of_languages(form),
          R"({"type":"string","examples":[)" + quoted_tags(form) + "]}"};
}
const Header& idempotency() {
  static const Header header{"Idempotency-Key",
                             "Makes repeated requests safe: for 24 hours a request with the same key and the same body "
                             "gets the first response again (refusals too) with the header Idempotency-Hit: true. The "
                             "API refuses the same key with another body. Use a random value, for example a UUID",
                             R"({"type":"string","minLength":1,"maxLength":)" + std::to_string(kIdempotencyKeyMax) +
                                 R"(,"pattern":"^[!-~]+$"})"};
  return header;
}
const Header& if_match() {
  static const Header header{"If-Match",
                             "The version that the resource must have, in quotes: an event stream's ids are versions",
                             R"({"type":"string","pattern":"^(\"(0|[1-9][0-9]{0,14})\"|\\*)$"})"};
  return header;
}
const Header& read_after() {
  static const Header header{
      "X-Read-After",
      "An X-Event-Position: the API waits until reads show that event, for about two seconds at most; after that the "
      "response has X-Projection: pending. The API answers 422 for a position of another log (the log was restored "
      "from a backup) and for one beyond the log's end (the log has lost its end)",
      R"({"type":"string","pattern":"^[A-Za-z0-9_-]+\\.(0|[1-9][0-9]*):(0|[1-9][0-9]*)$"})"};
  return header;
}
std::vector<Header> request_headers(const ErrorForm& form) {
  return {accept_language(form), idempotency(), if_match(), read_after()};
}
std::vector<Header> answer_headers(const ErrorForm& form) {
  constexpr auto kNumber = R"({"type":"string","pattern":"^[0-9]+$"})";
  return {
      {"X-Request-Id",
       "The request's id in the logs and events of every process: the caller's X-Request-Id when it is plain text, "
       "otherwise a new id",
       R"({"type":"string","pattern":"^[A-Za-z0-9._-]{1,64}$"})"},
      {"X-Event-Position", "The position in the log of the last event that the request wrote; see X-Read-After",
       read_after().schema},
      {"Idempotency-Hit", "The response is the first response to an earlier request with the same key",
       R"({"type":"string","enum":["true"]})"},
      {"ETag", "The version of the resource, for If-Match", R"({"type":"string","pattern":"^\"(0|[1-9][0-9]*)\"$"})"},
      {"X-Next-Cursor", "There are more rows: send the value as `cursor` to get them", R"({"type":"string"})"},
      {"X-Projection", "pending: reads do not show the effect of the request yet",
       R"({"type":"string","enum":["pending"]})"},
      {"Content-Language", "The language of the error's texts",
       R"({"type":"string","enum":[)" + quoted_tags(form) + "]}"},
      {"X-RateLimit-Limit",
       "The number of requests that the caller may make in the period of the operation's limit. Every response of the "
       "operation itself has these three headers",
       kNumber},
      {"X-RateLimit-Remaining", "The number of requests that the caller may still make now", kNumber},
      {"X-RateLimit-Reset", "The Unix time, in seconds, at which the caller may make more requests", kNumber},
      {"Retry-After", "Seconds to wait before a retry, when a retry may help", kNumber},
      {"WWW-Authenticate", "RFC 6750", R"({"type":"string","pattern":"^Bearer"})"},
  };
}

void described_parameter(Writer& w, std::string_view in, std::string_view name, std::string_view description,
                         std::string_view json_schema) {
  pair(w, "name", name);
  pair(w, "in", in);
  if (in == "path") flag(w, "required");
  if (!description.empty()) pair(w, "description", description);
  raw(w, "schema", json_schema);
}

/// "1,048,576"
template <std::integral Integer>
std::string with_thousands(Integer number) {
  auto text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

/// Whether there is one thing, before the command, that it is for.
bool has_version(const Endpoint& e) { return e.path.contains('{') || (e.spec.single && e.spec.method != "POST"); }

void parameters_of(Writer& w, const Endpoint& e) {
  constexpr std::string_view kPlaces[] = {"path", "query", "header"};
  w.key("parameters");
  w.begin_array();
  for (const auto& p : e.parameters) {
    w.begin_object();
    described_parameter(w, kPlaces[static_cast<int>(p.in)], p.name, p.description, p.schema);
    w.end_object();
  }
  const auto common = [&](std::string_view name) {
    w.begin_object();
    reference(w, "parameters", name);
    w.end_object();
  };
  common(kAcceptLanguage);
  if (e.form == Endpoint::Form::command) {
    common(idempotency().name);
    if (has_version(e)) common(if_match().name);
  }
  if (e.form == Endpoint::Form::query) common(read_after().name);
  w.end_array();
}

/// On every answer of an endpoint that has a limit.
constexpr std::array<std::string_view, 3> kLimitHeaders{"X-RateLimit-Limit", "X-RateLimit-Remaining",
                                                        "X-RateLimit-Reset"};

/// `own`: those that are no operation's else, as plain texts.
void headers(Writer& w, const std::vector<std::string_view>& names, const std::vector<std::string_view>& own = {}) {
  object(w, "headers", [&] {
    for (const auto name : names) object(w, name, [&] { reference(w, "headers", name); });
    for (const auto name : own) object(w, name, [&] { raw(w, "schema", R"({"type":"string"})"); });
  });
}

/// As OpenAPI describes streams up to 3.1: one event of them (3.2 has a word of its own for that).
constexpr std::string_view kEachEvent =
    R"({"type":"object","description":"Each event of the stream","properties":{)"
    R"("id":{"type":"string","description":"The Last-Event-ID to resume with"},"data":{"type":"string","description":"JSON, or __ping__"}}})";

void success(Writer& w, const Endpoint& e) {
  constexpr int kCreated = 201;
  const bool streams = e.form == Endpoint::Form::stream;
  std::vector<std::string_view> names;
  if (e.form == Endpoint::Form::command) names = {"X-Event-Position", "Idempotency-Hit"};
  if (e.spec.single) names.push_back("ETag");
  if (e.is_paged) names.push_back("X-Next-Cursor");
  if (e.form == Endpoint::Form::command || e.form == Endpoint::Form::query) names.push_back("X-Projection");
  names.push_back("X-Request-Id");
  if (e.spec.limit != nullptr) names.insert(names.end(), kLimitHeaders.begin(), kLimitHeaders.end());
  object(w, std::to_string(e.spec.status), [&] {
    pair(w, "description",
         streams                     ? "A stream of server-sent events"
         : !e.spec.redirects.empty() ? "`Location` says where to go on"
         : e.spec.status == kCreated ? "Created"
                                     : "Done");
    std::vector<std::string_view> own;
    if (!e.spec.redirects.empty()) own = {"Location"};
    if (e.is_file) own = {"Content-Disposition", "ETag"};
    headers(w, names, own);
    if (!streams && e.answer_schema.empty()) return;
    object(w, "content", [&] {
      object(w, streams ? "text/event-stream" : e.answer_type,
             [&] { raw(w, "schema", streams ? kEachEvent : std::string_view(e.answer_schema)); });
    });
  });
  if (!e.is_file) return;
  object(w, "206", [&] { pair(w, "description", "The part that `Range` names"); });
  object(w, "304", [&] { pair(w, "description", "The client has it: `If-None-Match` names its tag"); });
}

/// What may be answered before an endpoint is reached, by the API or by its edge: to what is no HTTP, too large, too
/// slow or too much.
constexpr std::array kBeforeEndpoints{kBadRequest,    kRequestTimeout,    kLengthRequired,  kPayloadTooLarge,
                                      kUriTooLong,    kExpectationFailed, kHeadersTooLarge, kHttpVersionNotSupported,
                                      kInternalError, kOverloaded,        kUnavailable,     api::kCommandTimeout};

std::vector<Code> errors_of(const Endpoint& e) {
  std::vector<Code> codes(kBeforeEndpoints.begin(), kBeforeEndpoints.end());
  const auto add = [&](const auto& list) { codes.insert(codes.end(), std::begin(list), std::end(list)); };
  if (e.spec.limit != nullptr) codes.push_back(kRateLimitExceeded);
  add(e.spec.access->refusals);
  add(e.spec.errors);
  if (!e.parameters.empty() || e.form != Endpoint::Form::stream) codes.push_back(kValidationError);
  if (!e.body_schema.empty() && e.spec.verify == nullptr) codes.push_back(kUnsupportedMediaType);
  if (e.form == Endpoint::Form::command) {
    add(std::array{schema::kIdempotencyKeyReused, parking::kStreamParked, parking::kCommandSkipped,
                   schema::kCommandExpired});
    if (has_version(e)) codes.push_back(kVersionConflict);
  }
  return codes;
}

/// Answers of one status.
using Rows = std::vector<const ErrorRow*>;

/// "ValidationErrorOrIdempotencyKeyReused"
std::string title_of(const Rows& rows) {
  std::string title;
  for (const auto* row : rows) {
    if (!title.empty()) title += "Or";
    bool first = true;
    for (const char c : row->code.name()) {
      if (c != '_') title += first || c < 'A' ? c : static_cast<char>(c + ('a' - 'A'));
      first = c == '_';
    }
  }
  return title;
}

/// One answer of that code, as it is really made.
std::string sample(const ErrorRow& row, const ErrorForm& form) {
  const auto& code = row.code;
  Failure failure(code);
  if (code == kValidationError) failure.problem = {"email", "must be an e-mail address"};
  if (code == kInvalidLastEventId) failure.problem = {"Last-Event-ID", "must be an integer"};
  if (code == kUnsupportedMediaType) failure.problem = {"Content-Type", "must be application/json"};
  if (code == kVersionConflict) failure.current_version = 7;
  if (code == api::kCommandTimeout || code == schema::kCommandExpired)
    failure.command_id = "019f9f7c-6b0e-7cc3-98c4-dc0c0c07398f";
  const auto& language = form.languages.front();
  return form.body(failure, form.message(row, language), language);
}

/// Answers of errors, all of one status. The document is in English, where the surface speaks it.
void failure(Writer& w, const Rows& rows, const ErrorForm& form) {
  const int status = rows.front()->status;
  const auto& english = preferred_language("en", form.languages);
  std::string text;
  for (const auto* row : rows)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", row->code.name(), form.message(*row, english));
  pair(w, "description", text);
  std::vector<std::string_view> names{"X-Request-Id", "Content-Language"};
  if (status == 503 || status == 429) names.push_back("Retry-After");
  if (status == 401) names.push_back("WWW-Authenticate");
  const auto comes_before = [](const ErrorRow* row) {
    return std::ranges::find(kBeforeEndpoints, row->code) != kBeforeEndpoints.end();
  };
  if (std::ranges::none_of(rows, comes_before)) names.insert(names.end(), kLimitHeaders.begin(), kLimitHeaders.end());
  headers(w, names);
  object(w, "content", [&] {
    object(w, "application/json", [&] {
      object(w, "schema", [&] { reference(w, "schemas", "Error"); });
      object(w, "examples", [&] {
        for (const auto* row : rows) object(w, row->code.name(), [&] { raw(w, "value", sample(*row, form)); });
      });
    });
  });
}

/// Title -> rows, of one operation or of all of them.
using Failures = std::map<std::string, Rows>;

/// Each in the order of the surface's rows.
std::map<int, Rows> by_status(const Endpoint& e) {
  const auto& form = e.surface->errors;
  std::set<const ErrorRow*> rows;
  for (const auto& code : errors_of(e)) rows.insert(&form.row(code));
  std::map<int, Rows> out;
  for (const auto* row : rows) out[row->status].push_back(row);
  return out;
}

/// The tag with the longest path that the endpoint's begins with.
const Tag& tag_of(const Endpoint& e, const std::vector<Tag>& tags) {
  const Tag* best = nullptr;
  for (const auto& tag : tags) {
    if (e.spec.path.starts_with(tag.path) && (best == nullptr || tag.path.size() > best->path.size())) best = &tag;
  }
  if (best == nullptr) throw std::invalid_argument("no tag of the surface covers " + e.path);
  return *best;
}

/// How an API key is sent to the endpoint; nothing when it takes none.
const SecurityScheme* api_key_of(const Endpoint& e) { return e.spec.right.empty() ? nullptr : e.spec.access->api_key; }

/// With what a list holds, and what an API key must be good for, which tools show of few kinds of credentials.
std::string description_of(const Endpoint& e) {
  std::string text(e.spec.description);
  const auto sentence = [&text]() -> std::string& {
    if (!text.empty()) text += text.ends_with('.') ? " " : ". ";
    return text;
  };
  if (e.spec.page) {
    sentence() += fmt::format("One answer has at most {} rows, and ends early where they come to {} bytes",
                              with_thousands(e.spec.page->rows_max), with_thousands(e.spec.page->bytes_max));
  }
  if (api_key_of(e) == nullptr) return text;
  return sentence() += fmt::format("An API key needs the scope `{}`", e.spec.right);
}

void operation(Writer& w, const Endpoint& e, const std::vector<Tag>& tags) {
  std::string method(e.spec.method);
  std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(c + ('a' - 'A')); });
  object(w, method, [&] {
    pair(w, "operationId", e.spec.operation);
    pair(w, "summary", e.spec.summary);
    if (const auto text = description_of(e); !text.empty()) pair(w, "description", text);
    if (const auto& page = e.spec.page) {
      object(w, "x-page", [&] {
        w.key("rows_max");
        w.integer(page->rows_max);
        w.key("bytes_max");
        w.integer(page->bytes_max);
      });
    }
    w.key("tags");
    w.begin_array();
    w.string(tag_of(e, tags).name);
    w.end_array();
    w.key("security");
    w.begin_array();
    for (const auto& alternative : e.spec.access->security) {
      w.begin_object();
      for (const auto* scheme : alternative) {
        w.key(scheme->name);
        w.begin_array();
        w.end_array();
      }
      w.end_object();
    }
    if (const auto* scheme = api_key_of(e)) {
      w.begin_object();
      w.key(scheme->name);
      w.begin_array();
      w.string(e.spec.right);
      w.end_array();
      w.end_object();
    }
    w.end_array();
    parameters_of(w, e);
    if (!e.body_schema.empty()) {
      object(w, "requestBody", [&] {
        pair(w, "description", "At most " + with_thousands(e.spec.body_bytes_max) + " bytes");
        w.key("required");
        w.boolean(e.body_required);
        object(w, "content", [&] { object(w, e.body_type, [&] { raw(w, "schema", e.body_schema); }); });
      });
    }
    object(w, "responses", [&] {
      success(w, e);
      for (const auto& [status, rows] : by_status(e)) {
        object(w, std::to_string(status), [&] { reference(w, "responses", title_of(rows)); });
      }
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
  const auto& info = surface_->info;
  const auto& form = surface_->errors;
  std::map<std::string, std::vector<const Endpoint*>> paths;
  std::map<std::string_view, const SecurityScheme*> schemes;
  Failures all_failures;
  schema::Components components;
  components.schemas["Error"] = form.json_schema();
  for (const auto& e : endpoints_) {
    paths[e.path].push_back(&e);
    for (const auto& alternative : e.spec.access->security) {
      for (const auto* scheme : alternative) schemes[scheme->name] = scheme;
    }
    if (const auto* scheme = api_key_of(e)) schemes[scheme->name] = scheme;
    for (auto& [status, rows] : by_status(e)) all_failures[title_of(rows)] = rows;
    components.merge(e.body_components);
    components.merge(e.answer_components);
  }
  Writer w;
  w.begin_object();
  pair(w, "openapi", "3.1.0");
  object(w, "info", [&] {
    pair(w, "title", info.title);
    pair(w, "version", info.version);
    pair(w, "description", info.description);
  });
  raw(w, "servers", R"([{"url":"/"}])");
  w.key("tags");
  w.begin_array();
  for (const auto& tag : info.tags) {
    w.begin_object();
    pair(w, "name", tag.name);
    pair(w, "description", tag.description);
    w.end_object();
  }
  w.end_array();
  object(w, "paths", [&] {
    for (const auto& [path, operations] : paths) {
      object(w, path, [&] {
        for (const auto* e : operations) operation(w, *e, info.tags);
      });
    }
  });
  object(w, "components", [&] {
    object(w, "schemas", [&] {
      for (const auto& [name, schema] : components.schemas) raw(w, name, schema);
    });
    object(w, "parameters", [&] {
      for (const auto& header : request_headers(form)) {
        object(w, header.name,
               [&] { described_parameter(w, "header", header.name, header.description, header.schema); });
      }
    });
    object(w, "headers", [&] {
      for (const auto& header : answer_headers(form)) {
        object(w, header.name, [&] {
          pair(w, "description", header.description);
          raw(w, "schema", header.schema);
        });
      }
    });
    object(w, "responses", [&] {
      for (const auto& [title, rows] : all_failures) {
        object(w, title, [&] { failure(w, rows, form); });
      }
    });
    object(w, "securitySchemes", [&] {
      for (const auto& [name, scheme] : schemes) security_scheme(w, *scheme);
    });
  });
  w.end_object();
  return w.take();
}

}  // namespace parley::endpoint
