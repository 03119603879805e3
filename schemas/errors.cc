#include "schemas/errors.h"

namespace parley::schema {
namespace {

constexpr std::array<ErrorRow, static_cast<std::size_t>(Code::count_)> kRows{{
    {Code::bad_request, "BAD_REQUEST", 400, false, "Некорректный запрос", "The request is malformed"},
    {Code::validation_error, "VALIDATION_ERROR", 422, false, "Некорректные данные", "The data is not valid"},
    {Code::not_authenticated, "NOT_AUTHENTICATED", 401, false, "Требуется авторизация", "Authentication is required"},
    {Code::token_expired, "TOKEN_EXPIRED", 401, false, "Срок действия токена истёк", "The token has expired"},
    {Code::invalid_credentials, "INVALID_CREDENTIALS", 401, false, "Неверный email или пароль",
     "Wrong e-mail or password"},
    {Code::insufficient_permissions, "INSUFFICIENT_PERMISSIONS", 403, false, "Недостаточно прав",
     "You may not do this"},
    {Code::not_found, "NOT_FOUND", 404, false, "Ресурс не найден", "There is no such resource"},
    {Code::dialog_not_found, "DIALOG_NOT_FOUND", 404, false, "Диалог не найден", "There is no such dialog"},
    {Code::assistant_not_found, "ASSISTANT_NOT_FOUND", 404, false, "Ассистент не найден", "There is no such assistant"},
    {Code::assistant_inactive, "ASSISTANT_INACTIVE", 403, false, "Ассистент отключён", "The assistant is switched off"},
    {Code::operator_not_found, "OPERATOR_NOT_FOUND", 404, false, "Оператор не найден", "There is no such operator"},
    {Code::api_key_not_found, "API_KEY_NOT_FOUND", 404, false, "Ключ API не найден", "There is no such API key"},
    {Code::api_key_limit_reached, "API_KEY_LIMIT_REACHED", 409, false,
     "Достигнуто наибольшее число ключей API: сначала отзовите один из них",
     "The account has as many API keys as it may: revoke one first"},
    {Code::email_taken, "EMAIL_TAKEN", 409, false, "Этот email уже зарегистрирован",
     "This e-mail is registered already"},
    {Code::method_not_allowed, "METHOD_NOT_ALLOWED", 405, false, "Метод не поддерживается",
     "The method is not allowed here"},
    {Code::request_timeout, "REQUEST_TIMEOUT", 408, true, "Запрос не получен вовремя",
     "The request did not arrive in time"},
    {Code::length_required, "LENGTH_REQUIRED", 411, false, "Требуется Content-Length", "Content-Length is required"},
    {Code::payload_too_large, "PAYLOAD_TOO_LARGE", 413, false, "Слишком большое тело запроса", "The body is too large"},
    {Code::unsupported_media_type, "UNSUPPORTED_MEDIA_TYPE", 415, false, "Тип содержимого не поддерживается",
     "The content type is not supported"},
    {Code::uri_too_long, "URI_TOO_LONG", 414, false, "Слишком длинный адрес запроса", "The request target is too long"},
    {Code::expectation_failed, "EXPECTATION_FAILED", 417, false, "Заголовок Expect не поддерживается",
     "The Expect header is not supported"},
    {Code::headers_too_large, "HEADERS_TOO_LARGE", 431, false, "Слишком большие заголовки запроса",
     "The headers are too large"},
    {Code::http_version_not_supported, "HTTP_VERSION_NOT_SUPPORTED", 505, false, "Версия HTTP не поддерживается",
     "The HTTP version is not supported"},
    {Code::invalid_last_event_id, "INVALID_LAST_EVENT_ID", 422, false, "Некорректный Last-Event-ID",
     "Last-Event-ID is not valid"},
    {Code::invalid_telegram_token, "INVALID_TELEGRAM_TOKEN", 422, false, "Некорректный токен Telegram",
     "The Telegram token is not valid"},
    {Code::bot_already_exists, "BOT_ALREADY_EXISTS", 409, false, "Бот с таким токеном уже существует",
     "Another assistant has this Telegram bot already"},
    {Code::idempotency_key_reused, "IDEMPOTENCY_KEY_REUSED", 422, false,
     "Ключ идемпотентности уже использован с другим запросом", "The idempotency key was used with another request"},
    {Code::version_conflict, "VERSION_CONFLICT", 409, false, "Версия ресурса изменилась",
     "The resource has another version"},
    {Code::command_expired, "COMMAND_EXPIRED", 504, true, "Команда не успела выполниться и отклонена",
     "The command came too late and was refused"},
    {Code::command_timeout, "COMMAND_TIMEOUT", 504, true,
     "Ответ не получен вовремя; повторите запрос с тем же ключом идемпотентности",
     "No answer came in time; repeat the request with the same idempotency key"},
    {Code::stream_parked, "STREAM_PARKED", 503, true, "Объект временно недоступен для изменений",
     "This object cannot be changed for now"},
    {Code::stream_not_parked, "STREAM_NOT_PARKED", 409, false, "Объект не остановлен", "The stream is not parked"},
    {Code::command_skipped, "COMMAND_SKIPPED", 409, false, "Команда отклонена администратором",
     "The command was skipped by an operator of the system"},
    {Code::rate_limit_exceeded, "RATE_LIMIT_EXCEEDED", 429, true, "Слишком много запросов, повторите позже",
     "Too many requests, try again later"},
    {Code::overloaded, "OVERLOADED", 503, true, "Слишком много запросов одновременно", "Too many requests at once"},
    {Code::unavailable, "UNAVAILABLE", 503, true, "Сервис временно недоступен", "The service is unavailable for now"},
    {Code::internal_error, "INTERNAL_ERROR", 500, true, "Внутренняя ошибка", "Internal error"},
    {Code::assistant_limit_reached, "ASSISTANT_LIMIT_REACHED", 409, false,
     "Достигнуто наибольшее число ассистентов: сначала удалите один из них",
     "The account has as many assistants as it may: delete one first"},
}};
static_assert(!kRows.back().name.empty(), "every code has a row");

}  // namespace

std::span<const ErrorRow> error_rows() { return kRows; }

std::string error_catalogue() {
  std::string out =
      "# Error codes\n\nWhat `code` of an error may be (`schemas/errors.cc`, of which this page is made). A code is "
      "never renamed; its status stays "
      "too.\n"
      "*Again*: the same request may succeed later, unchanged: ask again, with the same `Idempotency-Key`, after "
      "`Retry-After` where there is one.\n"
      "`/openapi.json` says which endpoint answers which.\n\n| code | status | again | по-русски | in English "
      "|\n|---|---|---|---|---|\n";
  for (const auto& row : kRows) {
    out.append("| `")
        .append(row.name)
        .append("` | ")
        .append(std::to_string(row.status))
        .append(" | ")
        .append(row.retryable ? "yes" : "no");
    out.append(" | ").append(row.russian).append(" | ").append(row.english).append(" |\n");
  }
  return out;
}

const ErrorRow& error_row(Code code) { return kRows.at(static_cast<std::size_t>(code)); }

std::optional<Code> code_named(std::string_view name) {
  for (const auto& row : kRows) {
    if (row.name == name) return row.code;
  }
  return std::nullopt;
}

void Codec<Code>::schema(json::Writer& w, const Limits&) {
  w.key("type");
  w.string("string");
  w.key("enum");
  w.begin_array();
  for (const auto& row : kRows) w.string(row.name);
  w.end_array();
  w.key("x-enum-descriptions");
  w.begin_array();
  for (const auto& row : kRows) w.string(row.english);
  w.end_array();
}

}  // namespace parley::schema
