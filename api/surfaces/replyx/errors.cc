// The form of an error, and its texts. The table of codes, with a text in both languages, is schemas/errors.
#include "api/surfaces/replyx/errors.h"

#include <array>

#include "schemas/errors.h"

namespace parley::replyx {

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

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr auto fields<replyx::ErrorDetails> = std::tuple{
    field("field", &replyx::ErrorDetails::field, {}, "Path of the field, parameter or header that is not valid"),
    field("issue", &replyx::ErrorDetails::issue, {}, "What is wrong with it"),
    field("current_version", &replyx::ErrorDetails::current_version, {},
          "With VERSION_CONFLICT: the present version of the resource"),
    field("command_id", &replyx::ErrorDetails::command_id, {},
          "When the outcome of a command is not known: the command's id in logs and events"),
};
template <>
inline constexpr auto fields<replyx::ErrorText> = std::tuple{
    field("code", &replyx::ErrorText::code, {}, "Never renamed once released"),
    field("message", &replyx::ErrorText::message, {},
          "A text for people, in the language of Accept-Language: ru (default) or en"),
    field("details", &replyx::ErrorText::details),
};
template <>
inline constexpr auto fields<replyx::ErrorBody> = std::tuple{field("error", &replyx::ErrorBody::error)};

}  // namespace parley::schema

namespace parley::replyx {
namespace {

using endpoint::Failure;
using endpoint::Language;

/// The issues that this surface and the commands that it sends find, in Russian; tests/checks/issues.py misses none.
constexpr auto kIssues = std::to_array<endpoint::Translation>({
    {"must be a token as Telegram's BotFather gives it: <id>:<# characters>",
     "должен быть токеном в том виде, в котором его даёт BotFather: <id>:<# символов>"},
    {"must be an e-mail address", "Неверный формат email"},
    {"must not contain invisible characters: *", "не должно содержать невидимые символы: *"},
    {"must be the current password", "должен быть текущим паролем"},
    {"must be a host name in ASCII form", "должно быть именем хоста в форме ASCII"},
    {"must be a next_cursor as it was answered", "должен быть next_cursor в том виде, в котором он был получен"},
    {"is a cursor of another log: begin without it", "курсор другого журнала: начните без него"},
    {"is a cursor of a longer log: begin without it", "курсор более длинного журнала: начните без него"},
    {"must be given: the whole list has more than # rows or # bytes",
     "нужно указать: в полном списке больше # строк или # байт"},
    {"cannot be given beside *", "нельзя указывать вместе с *"},
    {"must be UTF-8", "должно быть в UTF-8"},
    {"must be an id as this feed gives it", "должен быть идентификатор в том виде, в котором его даёт этот поток"},
    {"must be a version like # or a time like *", "должно быть версией вида # или временем вида *"},
    {"must be at most the dialog's version, which is #", "не может быть больше версии диалога: #"},
    {"must be earlier: one answer is made of at most # events with # bytes",
     "должно быть раньше: один ответ складывается не более чем из # событий и # байт"},
});

std::string_view russian(Code code) { return schema::error_row(code).russian; }
std::string_view english(Code code) { return schema::error_row(code).english; }

std::string body(const Failure& failure, const Language& language) {
  ErrorBody body{{failure.code, std::string(language.message(failure.code)), {}}};
  auto& details = body.error.details;
  if (!failure.problem.issue.empty() && failure.code != Code::internal_error) {
    details.field = failure.problem.field;
    details.issue = endpoint::issue_in(language, failure.problem.issue);
  }
  details.current_version = failure.current_version;
  if (!failure.command_id.empty()) details.command_id = failure.command_id;
  return schema::write(body);
}

std::string json_schema() { return schema::json_schema<ErrorBody>(); }

}  // namespace

endpoint::ErrorForm error_form() {
  return {.languages = {{"ru", russian, {kIssues, endpoint::russian_issues()}}, {"en", english}},
          .body = body,
          .json_schema = json_schema};
}

}  // namespace parley::replyx
