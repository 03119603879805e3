// How errors are answered on this surface, and what of that is the same on all.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "api/auth/tokens.h"
#include "api/commands/dispatcher.h"
#include "api/endpoint/failure.h"
#include "api/endpoint/parameters.h"
#include "api/http/cause.h"
#include "api/http/request_reader.h"
#include "api/http/url.h"
#include "api/surfaces/replyx/errors.h"
#include "api/surfaces/replyx/replyx.h"
#include "domain/parking/parking.h"
#include "schemas/contexts/dialogs.h"
#include "schemas/events.h"

namespace parley::replyx {
namespace {

using endpoint::Failure;
using endpoint::Nothing;
using endpoint::ParameterCodec;

using testing::HasSubstr;
using testing::Not;

const endpoint::ErrorForm& form() { return surface().errors; }
const endpoint::Language& russian() { return form().languages.at(0); }
const endpoint::Language& english() { return form().languages.at(1); }

http::Response error_response(const Failure& failure, std::string_view language) {
  return endpoint::error_response(failure, language, form());
}
http::Response kernel_error(const http::KernelError& error) { return endpoint::kernel_error(error, form()); }

TEST(Language, is_russian_unless_english_is_liked_better) {
  // The table is the edge's too: tests/ops/edge_test.py, tests/contract/error_form_test.py.
  std::ostringstream text;
  text << std::ifstream(PARLEY_SOURCE_DIR "/tests/contract/accept_language.json").rdbuf();
  const auto table = json::Document::parse(text.str(), json::Strict::yes);
  ASSERT_TRUE(table);
  ASSERT_GT(table->root().size(), 50U);
  for (std::size_t i = 0; i < table->root().size(); ++i) {
    const auto asked = table->root().at(i).at(0).string().value();
    EXPECT_EQ(endpoint::preferred_language(asked, form().languages).tag, table->root().at(i).at(1).string()) << asked;
  }
}

TEST(ErrorAnswer, has_the_documented_form) {
  const auto answer = error_response(schema::Problem{"email", "is required"}, "en");
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(answer.headers.get("Content-Language"), "en");
  EXPECT_EQ(
      answer.body,
      R"({"error":{"code":"VALIDATION_ERROR","message":"The data is not valid","details":{"field":"email","issue":"is required"}}})");
}
TEST(ErrorAnswer, is_russian_by_default_and_its_issue_too) {
  const auto answer = error_response(schema::Problem{"email", "must be an e-mail address"}, "");
  EXPECT_EQ(
      answer.body,
      R"({"error":{"code":"VALIDATION_ERROR","message":"Некорректные данные","details":{"field":"email","issue":"Неверный формат email"}}})");
}
TEST(ErrorAnswer, always_has_details) {
  EXPECT_THAT(error_response(dialogs::kDialogNotFound, "en").body, HasSubstr(R"("details":{})"));
}
TEST(ErrorAnswer, tells_how_to_authenticate) {
  EXPECT_EQ(error_response(kNotAuthenticated, "").headers.get("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(error_response(api::kTokenExpired, "").headers.get("WWW-Authenticate"), R"(Bearer error="invalid_token")");
  EXPECT_FALSE(error_response(dialogs::kDialogNotFound, "").headers.has("WWW-Authenticate"));
}
TEST(ErrorAnswer, says_when_to_ask_again) {
  for (const Code code : {kOverloaded, kUnavailable, parking::kStreamParked})
    EXPECT_TRUE(error_response(code, "").headers.has("Retry-After"));
  EXPECT_FALSE(error_response(kInternalError, "").headers.has("Retry-After"));
}
TEST(ErrorAnswer, to_one_who_asks_too_often_says_when_he_may_ask_again) {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto answer = error_response(
      limits::Standing{.allowed = false, .limit = 5, .remaining = 0, .more_in = std::chrono::milliseconds(12'001)},
      "en");
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"RATE_LIMIT_EXCEEDED")"));
  EXPECT_EQ(answer.headers.get("Retry-After"), "13");
  EXPECT_EQ(answer.headers.get("X-RateLimit-Limit"), "5");
  EXPECT_EQ(answer.headers.get("X-RateLimit-Remaining"), "0");
  EXPECT_GE(std::stoll(std::string(answer.headers.get("X-RateLimit-Reset"))), now + 13);
  EXPECT_LE(std::stoll(std::string(answer.headers.get("X-RateLimit-Reset"))), now + 15);
}
TEST(Failure, of_ours_says_its_cause_to_the_log_and_to_nobody_else) {
  const postgres::Error error{postgres::ErrorKind::rejected,
                              "42703 ERROR:  column \"x\" does not exist in: SELECT x FROM dialogs"};
  const Failure rejected(error);
  EXPECT_EQ(rejected.problem.issue,
            "PostgreSQL: rejected: 42703 ERROR:  column \"x\" does not exist in: SELECT x FROM dialogs");
  EXPECT_THAT(error_response(rejected, "en").body, Not(HasSubstr("42703")));
  EXPECT_FALSE(Failure(Error{kInternalError, {}}).problem.issue.empty());
  EXPECT_EQ(Failure(postgres::Error{postgres::ErrorKind::timeout, "57014"}).problem.issue, "");
}
TEST(Cause, of_an_exception_has_its_text_only_where_that_is_the_programs_own) {
  const auto cause_of = [](const auto& exception) {
    try {
      throw exception;
    } catch (...) {
      return http::cause_of_current_exception();
    }
  };
  EXPECT_EQ(cause_of(std::out_of_range("no such column")), "std::out_of_range: no such column");
  EXPECT_EQ(cause_of(std::runtime_error("what a visitor wrote")), "std::runtime_error");
  EXPECT_EQ(cause_of(7), "int");
}
TEST(ErrorForm, answers_every_refusal_that_there_is_in_both_languages) { EXPECT_EQ(form().lacks(), std::nullopt); }
TEST(ErrorForm, that_lacks_an_answer_or_a_language_says_for_which_refusal) {
  auto without = form();
  std::erase_if(without.rows, [](const auto& row) { return row.code == dialogs::kDialogNotFound; });
  EXPECT_EQ(without.lacks(), "no answer to DIALOG_NOT_FOUND");
  EXPECT_THROW(without.row(dialogs::kDialogNotFound), std::invalid_argument);
  auto silent = form();
  silent.rows.front().messages.pop_back();
  EXPECT_EQ(silent.lacks(), "not a message in each language for BAD_REQUEST");
}
TEST(ErrorAnswer, to_a_refusal_of_a_newer_build_is_an_internal_error_that_names_it_for_the_log) {
  const Failure failure(Error{Code::named("OF_A_NEWER_BUILD").value(), {}});
  const auto answer = error_response(failure, "en");
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"INTERNAL_ERROR")"));
  EXPECT_THAT(answer.body, Not(HasSubstr("OF_A_NEWER_BUILD")));
  EXPECT_THAT(endpoint::answerable(failure, form()).problem.issue, HasSubstr("OF_A_NEWER_BUILD"));
}
TEST(ErrorCatalogue, is_the_committed_page) {
  const auto path = std::string(PARLEY_SOURCE_DIR) + "/docs/errors.md";
  if (std::getenv("PARLEY_WRITE_SCHEMAS") != nullptr) std::ofstream(path) << error_catalogue();
  std::ostringstream page;
  page << std::ifstream(path).rdbuf();
  EXPECT_EQ(page.str(), error_catalogue());
}
TEST(ErrorAnswer, of_a_conflict_names_the_current_version) {
  EXPECT_THAT(error_response(Error{kVersionConflict, CurrentVersion{7}}, "").body,
              HasSubstr(R"("details":{"current_version":7})"));
}
TEST(ErrorAnswer, of_a_timeout_names_the_command) {
  Failure failure(api::kCommandTimeout);
  failure.command_id = "0198-a";
  const auto answer = error_response(failure, "");
  EXPECT_EQ(answer.status, 504);
  EXPECT_THAT(answer.body, HasSubstr(R"("details":{"command_id":"0198-a"})"));
}
TEST(ErrorAnswer, never_tells_what_the_database_said) {
  const auto rejected = error_response(postgres::Error{postgres::ErrorKind::rejected, "secret detail"}, "en");
  EXPECT_EQ(rejected.status, 500);
  EXPECT_THAT(rejected.body, Not(HasSubstr("secret")));
  for (const auto kind :
       {postgres::ErrorKind::unavailable, postgres::ErrorKind::timeout, postgres::ErrorKind::conflict}) {
    EXPECT_EQ(error_response(postgres::Error{kind, ""}, "").status, 503);
  }
}

TEST(KernelError, has_the_same_form_for_every_code_of_the_kernel) {
  const std::pair<int, std::string_view> kCodes[] = {{400, "BAD_REQUEST"},
                                                     {404, "NOT_FOUND"},
                                                     {405, "METHOD_NOT_ALLOWED"},
                                                     {408, "REQUEST_TIMEOUT"},
                                                     {411, "LENGTH_REQUIRED"},
                                                     {413, "PAYLOAD_TOO_LARGE"},
                                                     {414, "URI_TOO_LONG"},
                                                     {417, "EXPECTATION_FAILED"},
                                                     {431, "HEADERS_TOO_LARGE"},
                                                     {500, "INTERNAL_ERROR"},
                                                     {505, "HTTP_VERSION_NOT_SUPPORTED"}};
  for (const auto& [status, code] : kCodes) {
    const auto answer = kernel_error({.refusal = {status, code}, .accept_language = "en", .request_id = "r"});
    EXPECT_EQ(answer.status, status);
    EXPECT_THAT(answer.body, HasSubstr("\"" + std::string(code) + "\""));
  }
  const auto unavailable =
      kernel_error({.refusal = {503, "SERVICE_UNAVAILABLE"}, .accept_language = "", .request_id = "r"});
  EXPECT_EQ(unavailable.status, 503);
  EXPECT_THAT(unavailable.body, HasSubstr("UNAVAILABLE"));
}

TEST(KernelError, names_the_limit_that_a_request_is_over) {
  const auto body_of = [](const http::Refusal& refusal, std::string_view language) {
    return kernel_error({.refusal = refusal, .accept_language = language, .request_id = "r"}).body;
  };
  EXPECT_THAT(body_of(http::body_too_large(16'384), "en"),
              HasSubstr(R"("details":{"field":"body","issue":"must be at most 16384 bytes"})"));
  EXPECT_THAT(body_of(http::body_too_large(16'384), "ru"),
              HasSubstr(R"("details":{"field":"body","issue":"должно быть не больше 16384 байт"})"));
  std::string query;
  for (int i = 0; i <= 100; ++i) query += "p" + std::to_string(i) + "&";
  EXPECT_THAT(body_of(http::parse_query(query).error(), "ru"),
              HasSubstr(R"("details":{"field":"query","issue":"должно содержать не больше 100 параметров"})"));
  EXPECT_THAT(body_of({431, "HEADERS_TOO_LARGE", "header", "must have at most # lines", 100}, "ru"),
              HasSubstr(R"("details":{"field":"header","issue":"должно содержать не больше 100 строк"})"));
}

template <class T>
std::string issue_of(std::string_view text, const schema::Limits& limits = {}) {
  const auto document = json::Document::parse(std::string(text), json::Strict::yes);
  if (!document) return document.error().issue;
  const auto read = schema::Codec<T>::read(document->root(), limits);
  return read ? "(no issue)" : read.error().issue;
}

TEST(Issues, that_reading_can_find_have_a_russian_text) {
  const std::string nested = std::string(40, '[') + std::string(40, ']');
  std::string many = "[0";
  for (int i = 0; i < 1'000; ++i) many += ",0";
  many += "]";
  for (const auto& issue : {
           std::string("is required"),
           issue_of<std::string>("7"),
           issue_of<std::string>(R"("")", {.length_min = 1}),
           issue_of<std::string>(R"("short")", {.length_min = 8}),
           issue_of<std::string>(R"("long")", {.length_max = 3}),
           issue_of<std::string>(R"("\u0000")"),
           issue_of<std::string>(R"("\udc00")"),
           issue_of<bool>("7"),
           issue_of<std::int64_t>("1.5"),
           issue_of<double>("true"),
           issue_of<DialogId>("0"),
           issue_of<Timestamp>("7"),
           issue_of<dialogs::Sender>(R"("nobody")"),
           issue_of<std::vector<std::string>>("7"),
           issue_of<std::vector<std::string>>(R"(["a","b"])", {.length_max = 1}),
           issue_of<Nothing>("7"),
           issue_of<Nothing>(R"({"a":1,"a":2})"),
           issue_of<Nothing>(R"({"\u0000":1})"),
           issue_of<Nothing>(nested),
           issue_of<Nothing>(many),
           issue_of<Nothing>("[10e308]"),
           issue_of<Nothing>(""),
           issue_of<Nothing>("{} {}"),
           issue_of<Nothing>("nul"),
           issue_of<Nothing>("{"),
           issue_of<Nothing>(R"({"a" 1})"),
           issue_of<Nothing>(R"({"a":1 "b":2})"),
           issue_of<Nothing>("[1 2]"),
           issue_of<Nothing>(R"("\u00zz")"),
           issue_of<Nothing>(R"("\ud800")"),
           issue_of<Nothing>(R"("\q")"),
           issue_of<Nothing>("\"a\tb\""),
           issue_of<Nothing>("\"open"),
           issue_of<Nothing>("\"\xFF\""),
           issue_of<Nothing>("1e999"),
           issue_of<Nothing>("1."),
           issue_of<Nothing>("1e"),
           issue_of<Nothing>(std::string_view("1\0", 2)),
           ParameterCodec<std::int64_t>::read("x", {.min = 1, .max = 9}).error().issue,
           ParameterCodec<std::string>::read("xx", {.length_max = 1}).error().issue,
       }) {
    EXPECT_NE(issue, "(no issue)");
    EXPECT_NE(endpoint::issue_in(russian(), issue), issue);
    EXPECT_FALSE(issue.contains("syntax error")) << issue;
    EXPECT_EQ(endpoint::issue_in(english(), issue), issue);
  }
  EXPECT_EQ(endpoint::issue_in(russian(), "must be at most 10000 characters"), "должно быть не длиннее 10000 символов");
  EXPECT_EQ(endpoint::issue_in(russian(), "must be an integer from 1 to 100"), "должно быть целым числом от 1 до 100");
  EXPECT_EQ(endpoint::issue_in(russian(), "something new"), "something new");
}

}  // namespace
}  // namespace parley::replyx
