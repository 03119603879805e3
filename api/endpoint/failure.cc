#include "api/endpoint/failure.h"

namespace parley::endpoint {

struct ErrorDetails {
  std::optional<std::string> field;
  std::optional<std::string> issue;
  std::optional<std::int64_t> current_version;
  std::optional<std::string> command_id;
};
struct ErrorText {
  Code code{};
  std::string message;
  ErrorDetails details;
};
struct ErrorBody {
  ErrorText error;
};

}  // namespace parley::endpoint

namespace parley::schema {

template <>
inline constexpr auto fields<endpoint::ErrorDetails> = std::tuple{
    field("field", &endpoint::ErrorDetails::field, {}, "Path of the field, parameter or header that is not valid"),
    field("issue", &endpoint::ErrorDetails::issue, {}, "What is wrong with it"),
    field("current_version", &endpoint::ErrorDetails::current_version, {},
          "Of VERSION_CONFLICT: the version that the resource has"),
    field("command_id", &endpoint::ErrorDetails::command_id, {},
          "Of a command whose outcome is not known: what logs and events call it"),
};
template <>
inline constexpr auto fields<endpoint::ErrorText> = std::tuple{
    field("code", &endpoint::ErrorText::code, {}, "Never renamed once released"),
    field("message", &endpoint::ErrorText::message, {},
          "For people, in the language of Accept-Language: ru (default) or en"),
    field("details", &endpoint::ErrorText::details),
};
template <>
inline constexpr auto fields<endpoint::ErrorBody> = std::tuple{field("error", &endpoint::ErrorBody::error)};

}  // namespace parley::schema

namespace parley::endpoint {
namespace {

constexpr std::string_view kRetryAfterSeconds = "1";

schema::Problem problem_of(const http::Refusal& refusal) {
  std::string issue(refusal.issue);
  if (const auto at = issue.find('#'); at != std::string::npos) issue.replace(at, 1, std::to_string(refusal.most));
  return {std::string(refusal.field), std::move(issue)};
}

/// Rounded up: who asks then is let through.
std::int64_t seconds_up(std::chrono::milliseconds time) {
  return std::chrono::ceil<std::chrono::seconds>(time).count();
}

}  // namespace

Failure::Failure(const Error& error) : code(error.code) {
  if (const auto* version = std::get_if<CurrentVersion>(&error.details)) current_version = version->version;
  if (const auto* invalid = std::get_if<InvalidField>(&error.details)) problem = {invalid->name, invalid->issue};
  if (code == Code::internal_error)
    problem.issue = "it was not decided, or its outcome cannot be read: the decider's log, or this one, says why";
}

Failure::Failure(const postgres::Error& error)
    : code(error.retryable() || error.kind == postgres::ErrorKind::in_doubt ? Code::unavailable
                                                                            : Code::internal_error) {
  if (code == Code::internal_error)
    problem.issue = "PostgreSQL: " + std::string(postgres::name_of(error.kind)) + ": " + error.detail;
}

http::Headers limit_headers(const limits::Standing& standing) {
  const auto now = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::system_clock::now()).time_since_epoch();
  return {{"X-RateLimit-Limit", std::to_string(standing.limit)},
          {"X-RateLimit-Remaining", std::to_string(standing.remaining)},
          {"X-RateLimit-Reset", std::to_string(seconds_up(now + standing.more_in))}};
}

http::Response error_response(const Failure& failure, std::string_view accept_language) {
  const auto& row = schema::error_row(failure.code);
  const auto language = preferred_language(accept_language);
  ErrorBody body{{failure.code, std::string(language == Language::english ? row.english : row.russian), {}}};
  auto& details = body.error.details;
  if (!failure.problem.issue.empty() && failure.code != Code::internal_error) {  // that one's is for the log
    details.field = failure.problem.field;
    details.issue = issue_in(language, failure.problem.issue);
  }
  details.current_version = failure.current_version;
  if (!failure.command_id.empty()) details.command_id = failure.command_id;

  auto response = http::Response::json(row.status, schema::write(body));
  response.headers.set(
      "Cache-Control",
      "no-store");  // it depends on who asks, in which language, and on what will be otherwise in a moment
  response.headers.set("Content-Language", language == Language::english ? "en" : "ru");
  if (row.status == 401)
    response.headers.set("WWW-Authenticate",
                         failure.code == Code::token_expired ? R"(Bearer error="invalid_token")" : "Bearer");
  if (row.status == 503 && row.retryable) response.headers.set("Retry-After", std::string(kRetryAfterSeconds));
  if (failure.limited) {
    response.headers.set("Retry-After", std::to_string(seconds_up(failure.limited->more_in)));
    for (const auto& [name, value] : limit_headers(*failure.limited)) response.headers.set(name, value);
  }
  return response;
}

http::Response kernel_error(const http::KernelError& error) {
  const auto code = schema::code_named(error.refusal.code);
  Failure failure(code.value_or(error.refusal.status == 503 ? Code::unavailable : Code::internal_error));
  failure.problem = problem_of(error.refusal);
  auto response = error_response(failure, error.accept_language);
  response.status = error.refusal.status;
  return response;
}

std::string error_schema() { return schema::json_schema<ErrorBody>(); }

}  // namespace parley::endpoint
