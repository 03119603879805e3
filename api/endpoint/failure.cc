#include "api/endpoint/failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "api/auth/tokens.h"

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

const ErrorRow* ErrorForm::find(const Code& code) const {
  const auto row = std::ranges::find(rows, code, &ErrorRow::code);
  return row == rows.end() ? nullptr : &*row;
}

const ErrorRow& ErrorForm::row(const Code& code) const {
  if (const auto* found = find(code)) return *found;
  throw std::invalid_argument("the surface has no answer to " + std::string(code.name()));
}

std::string_view ErrorForm::message(const ErrorRow& row, const Language& language) const {
  const auto at = std::ranges::find(languages, language.tag, &Language::tag) - languages.begin();
  return row.messages.at(static_cast<std::size_t>(at));
}

std::optional<std::string> ErrorForm::lacks() const {
  for (const auto& code : refusals()) {
    if (find(code) == nullptr) return "no answer to " + std::string(code.name());
  }
  for (const auto& row : rows) {
    const bool is_said = row.messages.size() == languages.size() &&
                         std::ranges::none_of(row.messages, [](std::string_view text) { return text.empty(); });
    if (!is_said) return "not a message in each language for " + std::string(row.code.name());
  }
  return std::nullopt;
}

Failure answerable(const Failure& failure, const ErrorForm& form) {
  if (form.find(failure.code) != nullptr) return failure;
  Failure unknown(kInternalError);
  unknown.problem.issue = "this build does not know the refusal " + std::string(failure.code.name());
  return unknown;
}

Failure::Failure(const Error& error) : code(error.code) {
  if (const auto* version = std::get_if<CurrentVersion>(&error.details)) current_version = version->version;
  if (const auto* invalid = std::get_if<InvalidField>(&error.details)) problem = {invalid->name, invalid->issue};
  if (code == kInternalError)
    problem.issue = "it was not decided, or its outcome cannot be read: the decider's log, or this one, says why";
}

Failure::Failure(const postgres::Error& error)
    : code(error.retryable() || error.kind == postgres::ErrorKind::in_doubt ? kUnavailable : kInternalError) {
  if (code == kInternalError)
    problem.issue = fmt::format("PostgreSQL: {}: {}", postgres::name_of(error.kind), error.detail);
}

http::Headers limit_headers(const limits::Standing& standing) {
  const auto now = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::system_clock::now()).time_since_epoch();
  return {{"X-RateLimit-Limit", std::to_string(standing.limit)},
          {"X-RateLimit-Remaining", std::to_string(standing.remaining)},
          {"X-RateLimit-Reset", std::to_string(seconds_up(now + standing.more_in))}};
}

http::Response error_response(const Failure& given, std::string_view accept_language, const ErrorForm& form) {
  const auto failure = answerable(given, form);
  const auto& row = form.row(failure.code);
  const auto& language = preferred_language(accept_language, form.languages);
  auto response = http::Response::json(row.status, form.body(failure, form.message(row, language), language));
  response.headers.set(
      "Cache-Control",
      "no-store");  // it depends on who asks, in which language, and on what will be otherwise in a moment
  response.headers.set("Content-Language", std::string(language.tag));
  if (row.status == 401)
    response.headers.set("WWW-Authenticate",
                         failure.code == api::kTokenExpired ? R"(Bearer error="invalid_token")" : "Bearer");
  if (row.status == 503 && row.is_retryable) response.headers.set("Retry-After", std::string(kRetryAfterSeconds));
  if (failure.limited) {
    response.headers.set("Retry-After", std::to_string(seconds_up(failure.limited->more_in)));
    for (const auto& [name, value] : limit_headers(*failure.limited)) response.headers.set(name, value);
  }
  return response;
}

http::Response kernel_error(const http::KernelError& error, const ErrorForm& form) {
  const auto code = Code::named(error.refusal.code);
  Failure failure(code && form.find(*code) != nullptr ? *code
                  : error.refusal.status == 503       ? kUnavailable
                                                      : kInternalError);
  failure.problem = problem_of(error.refusal);
  auto response = error_response(failure, error.accept_language, form);
  response.status = error.refusal.status;
  return response;
}

}  // namespace parley::endpoint
