#pragma once
// Why a request is not done, and the one form in which that is answered.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/endpoint/language.h"
#include "api/endpoint/refusals.h"
#include "api/http/message.h"
#include "api/http/options.h"
#include "api/limits/limiter.h"
#include "platform/postgres/error.h"
#include "schemas/fields.h"

namespace parley::endpoint {

/// The name of the refusal, and what the answer's details say beside it. Never holds personal text.
struct Failure {
  Code code;
  schema::Problem problem{};  ///< Which field and what is wrong with it, in English; empty when the code says it all.
  std::optional<std::int64_t> current_version{};
  std::string command_id{};  ///< For whoever asks later what became of the command.
  /// Refused because this process has not heard of something that another one may have made a moment ago: looked at
  /// again before it is answered.
  bool retry_after_catch_up = false;
  std::optional<limits::Standing> limited{};  ///< Of kRateLimitExceeded.

  Failure(const Code& c) : code(c) {}
  Failure(const Code& c, schema::Problem p) : code(c), problem(std::move(p)) {}
  Failure(schema::Problem p) : Failure(kValidationError, std::move(p)) {}
  Failure(const limits::Standing& refused) : code(kRateLimitExceeded), limited(refused) {}
  Failure(const Error& error);
  /// For callers a database that is away, slow or contended is one thing: kUnavailable. A statement that it rejects is
  /// our fault.
  Failure(const postgres::Error& error);
};
template <class T>
using Result = std::expected<T, Failure>;
inline std::unexpected<Failure> fail(Failure failure) { return std::unexpected(std::move(failure)); }
inline std::unexpected<Failure> invalid(std::string field, std::string issue) {
  return fail(schema::Problem{std::move(field), std::move(issue)});
}

/// How a surface answers a refusal.
struct ErrorRow {
  Code code;
  int status = 0;
  bool is_retryable = false;                 ///< The same request may succeed later, unchanged.
  std::vector<std::string_view> messages{};  ///< For people, in each of the form's languages, in their order.
};
/// How a surface says that a request is not done. Immutable; thread-safe.
struct ErrorForm {
  std::vector<Language> languages{};  ///< The first one is the default; there is one at least.
  /// Of every refusal that there is (endpoint::refusals(), and the surface's own), in the order of its OpenAPI
  /// document.
  std::vector<ErrorRow> rows{};
  /// The body, as JSON. It must not show the issue of an internal error: that is for the log.
  std::string (*body)(const Failure&, std::string_view message, const Language&){};
  std::string (*json_schema)(){};  ///< JSON Schema of every such body.

  /// nullptr for a refusal that the surface does not know.
  const ErrorRow* find(const Code& code) const;
  /// Throws std::invalid_argument, which names the refusal, where find() finds nothing.
  const ErrorRow& row(const Code& code) const;
  std::string_view message(const ErrorRow& row, const Language& language) const;
  /// What keeps the surface from answering everything, by name; nothing: it has a row for every refusal, with a message
  /// in each language.
  std::optional<std::string> lacks() const;
};
/// As the surface answers it. A refusal that it has no row for, which a newer decider may give, is an internal error,
/// whose issue names it for the log.
Failure answerable(const Failure& failure, const ErrorForm& form);

/// What an answer says of the limit of its endpoint: X-RateLimit-Limit, -Remaining, and -Reset, the Unix second at
/// which more is let through.
http::Headers limit_headers(const limits::Standing& standing);
/// The answer in a surface's form, with WWW-Authenticate on 401, Retry-After on a 503 that may pass, and both kinds of
/// what limits say on 429.
http::Response error_response(const Failure& failure, std::string_view accept_language, const ErrorForm& form);
/// What the HTTP kernel answers by itself, in that form: for http::Hooks::error.
http::Response kernel_error(const http::KernelError& error, const ErrorForm& form);

}  // namespace parley::endpoint
