// The form of an error, the table of all of them, and their texts.
#include "api/surfaces/replyx/errors.h"

#include <array>

#include "api/auth/tokens.h"
#include "api/commands/dispatcher.h"
#include "api/directory/directory.h"
#include "domain/accounts/accounts.h"
#include "domain/assistants/assistants.h"
#include "domain/dialogs/dialogs.h"
#include "domain/parking/parking.h"

namespace parley::replyx {

struct ErrorDetails {
  std::optional<std::string> field;
  std::optional<std::string> issue;
  std::optional<std::int64_t> current_version;
  std::optional<std::string> command_id;
};
struct ErrorCode {
  Code code;
};
struct ErrorText {
  ErrorCode code;
  std::string message;
  ErrorDetails details;
};
struct ErrorBody {
  ErrorText error;
};

namespace {

struct Row {
  Code code;
  int status;
  bool is_retryable;
  std::string_view russian;
  std::string_view english;
};
/// In the order of the OpenAPI document and of docs/errors.md, which are made of it.
constexpr auto kRows = std::to_array<Row>({
    {endpoint::kBadRequest, 400, false, "Некорректный запрос", "The request is malformed"},
    {kValidationError, 422, false, "Некорректные данные", "The data is not valid"},
    {kNotAuthenticated, 401, false, "Требуется авторизация", "Authentication is required"},
    {api::kTokenExpired, 401, false, "Срок действия токена истёк", "The token has expired"},
    {accounts::kInvalidCredentials, 401, false, "Неверный email или пароль", "Wrong e-mail or password"},
    {kInsufficientPermissions, 403, false, "Недостаточно прав", "You may not do this"},
    {kNotFound, 404, false, "Ресурс не найден", "There is no such resource"},
    {dialogs::kDialogNotFound, 404, false, "Диалог не найден", "There is no such dialog"},
    {assistants::kAssistantNotFound, 404, false, "Ассистент не найден", "There is no such assistant"},
    {api::kAssistantInactive, 403, false, "Ассистент отключён", "The assistant is switched off"},
    {accounts::kOperatorNotFound, 404, false, "Оператор не найден", "There is no such operator"},
    {accounts::kApiKeyNotFound, 404, false, "Ключ API не найден", "There is no such API key"},
    {accounts::kApiKeyLimitReached, 409, false, "Достигнуто наибольшее число ключей API: сначала отзовите один из них",
     "The account has as many API keys as it may: revoke one first"},
    {accounts::kEmailTaken, 409, false, "Этот email уже зарегистрирован", "This e-mail is registered already"},
    {endpoint::kMethodNotAllowed, 405, false, "Метод не поддерживается", "The method is not allowed here"},
    {endpoint::kRequestTimeout, 408, true, "Запрос не получен вовремя", "The request did not arrive in time"},
    {endpoint::kLengthRequired, 411, false, "Требуется Content-Length", "Content-Length is required"},
    {endpoint::kPayloadTooLarge, 413, false, "Слишком большое тело запроса", "The body is too large"},
    {endpoint::kUnsupportedMediaType, 415, false, "Тип содержимого не поддерживается",
     "The content type is not supported"},
    {endpoint::kUriTooLong, 414, false, "Слишком длинный адрес запроса", "The request target is too long"},
    {endpoint::kExpectationFailed, 417, false, "Заголовок Expect не поддерживается",
     "The Expect header is not supported"},
    {endpoint::kHeadersTooLarge, 431, false, "Слишком большие заголовки запроса", "The headers are too large"},
    {endpoint::kHttpVersionNotSupported, 505, false, "Версия HTTP не поддерживается",
     "The HTTP version is not supported"},
    {endpoint::kInvalidLastEventId, 422, false, "Некорректный Last-Event-ID", "Last-Event-ID is not valid"},
    {kInvalidTelegramToken, 422, false, "Некорректный токен Telegram", "The Telegram token is not valid"},
    {assistants::kBotAlreadyExists, 409, false, "Бот с таким токеном уже существует",
     "Another assistant has this Telegram bot already"},
    {schema::kIdempotencyKeyReused, 422, false, "Ключ идемпотентности уже использован с другим запросом",
     "The idempotency key was used with another request"},
    {kVersionConflict, 409, false, "Версия ресурса изменилась", "The resource has another version"},
    {schema::kCommandExpired, 504, true, "Команда не успела выполниться и отклонена",
     "The command came too late and was refused"},
    {api::kCommandTimeout, 504, true, "Ответ не получен вовремя; повторите запрос с тем же ключом идемпотентности",
     "No answer came in time; repeat the request with the same idempotency key"},
    {parking::kStreamParked, 503, true, "Объект временно недоступен для изменений",
     "This object cannot be changed for now"},
    {parking::kStreamNotParked, 409, false, "Объект не остановлен", "The stream is not parked"},
    {parking::kCommandSkipped, 409, false, "Команда отклонена администратором",
     "The command was skipped by an operator of the system"},
    {endpoint::kRateLimitExceeded, 429, true, "Слишком много запросов, повторите позже",
     "Too many requests, try again later"},
    {kOverloaded, 503, true, "Слишком много запросов одновременно", "Too many requests at once"},
    {kUnavailable, 503, true, "Сервис временно недоступен", "The service is unavailable for now"},
    {kInternalError, 500, true, "Внутренняя ошибка", "Internal error"},
    {assistants::kAssistantLimitReached, 409, false,
     "Достигнуто наибольшее число ассистентов: сначала удалите один из них",
     "The account has as many assistants as it may: delete one first"},
});

}  // namespace
}  // namespace parley::replyx

namespace parley::schema {

template <>
struct Codec<replyx::ErrorCode> {
  static void write(json::Writer& w, const replyx::ErrorCode& code) { w.string(code.code.name()); }
  /// With what each code means, in the words of generators of clients.
  static void schema(json::Writer& w, const Limits&) {
    w.key("type");
    w.string("string");
    w.key("enum");
    w.begin_array();
    for (const auto& row : replyx::kRows) w.string(row.code.name());
    w.end_array();
    w.key("x-enum-descriptions");
    w.begin_array();
    for (const auto& row : replyx::kRows) w.string(row.english);
    w.end_array();
  }
};

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

std::string body(const Failure& failure, std::string_view message, const Language& language) {
  ErrorBody body{{{failure.code}, std::string(message), {}}};
  auto& details = body.error.details;
  if (!failure.problem.issue.empty() && failure.code != kInternalError) {
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
  endpoint::ErrorForm form{
      .languages = {{"ru", {kIssues, endpoint::russian_issues()}}, {"en"}}, .body = body, .json_schema = json_schema};
  for (const auto& row : kRows)
    form.rows.push_back({row.code, row.status, row.is_retryable, {row.russian, row.english}});
  return form;
}

std::string error_catalogue() {
  std::string out =
      "# Error codes\n\nWhat `code` of an error may be (`api/surfaces/replyx/errors.cc`, of which this page is made). "
      "A code is never "
      "renamed; its status stays too.\n"
      "*Again*: the same request may succeed later, unchanged: ask again, with the same `Idempotency-Key`, after "
      "`Retry-After` where there is one.\n"
      "`/openapi.json` says which endpoint answers which.\n\n| code | status | again | по-русски | in English "
      "|\n|---|---|---|---|---|\n";
  for (const auto& row : kRows) {
    out.append("| `")
        .append(row.code.name())
        .append("` | ")
        .append(std::to_string(row.status))
        .append(" | ")
        .append(row.is_retryable ? "yes" : "no");
    out.append(" | ").append(row.russian).append(" | ").append(row.english).append(" |\n");
  }
  return out;
}

}  // namespace parley::replyx
