#pragma once
// Why a request is not done, and the one form in which that is answered.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/endpoint/language.h"
#include "api/http/message.h"
#include "api/http/options.h"
#include "api/limits/limiter.h"
#include "platform/postgres/error.h"
#include "schemas/errors.h"
#include "schemas/fields.h"

namespace parley::endpoint {

/// A code of the error table, and what the answer's details say beside it. Never holds personal text.
struct Failure {
  Code code{};
  schema::Problem problem{};  ///< Which field and what is wrong with it, in English; empty when the code says it all.
  std::optional<std::int64_t> current_version{};
  std::string command_id{};  ///< For whoever asks later what became of the command.
  /// Refused because this process has not heard of something that another one may have made a moment ago: looked at
  /// again before it is answered.
  bool retry_after_catch_up = false;
  std::optional<limits::Standing> limited{};  ///< Of rate_limit_exceeded.

  Failure(Code c) : code(c) {}
  Failure(Code c, schema::Problem p) : code(c), problem(std::move(p)) {}
  Failure(schema::Problem p) : Failure(Code::validation_error, std::move(p)) {}
  Failure(const limits::Standing& refused) : code(Code::rate_limit_exceeded), limited(refused) {}
  Failure(const Error& error);
  /// For callers a database that is away, slow or contended is one thing: unavailable. A statement that it rejects is
  /// our fault.
  Failure(const postgres::Error& error);
};
template <class T>
using Result = std::expected<T, Failure>;
inline std::unexpected<Failure> fail(Failure failure) { return std::unexpected(std::move(failure)); }
inline std::unexpected<Failure> invalid(std::string field, std::string issue) {
  return fail(schema::Problem{std::move(field), std::move(issue)});
}

/// How a surface says that a request is not done. Immutable; thread-safe.
struct ErrorForm {
  std::vector<Language> languages{};  ///< The first one is the default; there is one at least.
  /// The body, as JSON. It must not show the issue of an internal_error: that is for the log.
  std::string (*body)(const Failure&, const Language&){};
  std::string (*json_schema)(){};  ///< JSON Schema of every such body.
};

/// What an answer says of the limit of its endpoint: X-RateLimit-Limit, -Remaining, and -Reset, the Unix second at
/// which more is let through.
http::Headers limit_headers(const limits::Standing& standing);
/// The answer in a surface's form, with WWW-Authenticate on 401, Retry-After on a 503 that may pass, and both kinds of
/// what limits say on 429.
http::Response error_response(const Failure& failure, std::string_view accept_language, const ErrorForm& form);
/// What the HTTP kernel answers by itself, in that form: for http::Hooks::error.
http::Response kernel_error(const http::KernelError& error, const ErrorForm& form);

}  // namespace parley::endpoint
