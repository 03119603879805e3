#include "schemas/replies.h"

#include "schemas/errors.h"
#include "schemas/events.h"

namespace parley::schema {

template <>
inline constexpr std::string_view type_name<accounts::SignedIn> = "account.signed_in";
template <>
inline constexpr auto fields<accounts::SignedIn> = std::tuple{
    field("account_id", &accounts::SignedIn::account), field("email", &accounts::SignedIn::email),
    field("balance_kopecks", &accounts::SignedIn::balance), field("role", &accounts::SignedIn::role), field("owner_id", &accounts::SignedIn::owner)};
template <>
inline constexpr std::string_view type_name<accounts::Profile> = "account.profile";
template <>
inline constexpr auto fields<accounts::Profile> = std::tuple{
    field("account_id", &accounts::Profile::account),
    field("email", &accounts::Profile::email),
    field("created_at", &accounts::Profile::created_at),
    field("role", &accounts::Profile::role),
    field("first_name", &accounts::Profile::first_name),
    field("last_name", &accounts::Profile::last_name),
    field("onboarding_completed", &accounts::Profile::onboarding_completed),
    field("balance_kopecks", &accounts::Profile::balance),
    field("welcome_bonus_kopecks", &accounts::Profile::welcome_bonus),
};
template <>
inline constexpr std::string_view type_name<accounts::TeamMember> = "account.team_member";
template <>
inline constexpr auto fields<accounts::TeamMember> = std::tuple{
    field("account_id", &accounts::TeamMember::account),    field("email", &accounts::TeamMember::email),
    field("created_at", &accounts::TeamMember::created_at), field("name", &accounts::TeamMember::name),
    field("is_active", &accounts::TeamMember::is_active),
};
template <>
inline constexpr std::string_view type_name<accounts::Changed> = "account.changed";
template <>
inline constexpr auto fields<accounts::Changed> = std::tuple{field("account_id", &accounts::Changed::account)};
template <>
inline constexpr std::string_view type_name<accounts::NewApiKey> = "account.api_key_created";
template <>
inline constexpr auto fields<accounts::NewApiKey> = std::tuple{
    field("key_id", &accounts::NewApiKey::id), field("name", &accounts::NewApiKey::name), field("scopes", &accounts::NewApiKey::scopes),
    field("hint", &accounts::NewApiKey::hint), field("key", &accounts::NewApiKey::key),
};
template <>
inline constexpr std::string_view type_name<accounts::EndedApiKey> = "account.api_key_ended";
template <>
inline constexpr auto fields<accounts::EndedApiKey> = std::tuple{field("key_id", &accounts::EndedApiKey::id)};
template <>
inline constexpr std::string_view type_name<assistants::AssistantCreated> = "assistant.created";
template <>
inline constexpr auto fields<assistants::AssistantCreated> =
    std::tuple{field("assistant_id", &assistants::AssistantCreated::assistant), field("created", &assistants::AssistantCreated::created)};
template <>
inline constexpr std::string_view type_name<assistants::AssistantChanged> = "assistant.changed";
template <>
inline constexpr auto fields<assistants::AssistantChanged> =
    std::tuple{field("assistant_id", &assistants::AssistantChanged::assistant), field("now", &assistants::AssistantChanged::now)};
template <>
inline constexpr std::string_view type_name<assistants::AssistantDeleted> = "assistant.deleted";
template <>
inline constexpr auto fields<assistants::AssistantDeleted> = std::tuple{field("assistant_id", &assistants::AssistantDeleted::assistant)};
template <>
inline constexpr std::string_view type_name<assistants::Noted> = "assistant.noted";
template <>
inline constexpr auto fields<assistants::Noted> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<dialogs::DialogOpened> = "dialog.opened";
template <>
inline constexpr auto fields<dialogs::DialogOpened> =
    std::tuple{field("dialog_id", &dialogs::DialogOpened::dialog), field("opened", &dialogs::DialogOpened::opened)};
template <>
inline constexpr std::string_view type_name<dialogs::MessagePosted> = "dialog.message_posted";
template <>
inline constexpr auto fields<dialogs::MessagePosted> =
    std::tuple{field("dialog_id", &dialogs::MessagePosted::dialog), field("message", &dialogs::MessagePosted::message)};
template <>
inline constexpr std::string_view type_name<dialogs::DialogIs> = "dialog.is";
template <>
inline constexpr auto fields<dialogs::DialogIs> =
    std::tuple{field("dialog_id", &dialogs::DialogIs::dialog), field("status", &dialogs::DialogIs::status)};
template <>
inline constexpr std::string_view type_name<claims::Noted> = "claim.noted";
template <>
inline constexpr auto fields<claims::Noted> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<parking::StreamUnparked> = "stream.unparked";
template <>
inline constexpr auto fields<parking::StreamUnparked> = std::tuple{field("action", &parking::StreamUnparked::action)};
template <>
inline constexpr auto fields<Position> = std::tuple{field("partition", &Position::partition), field("offset", &Position::offset)};

namespace {

/// The parts of an outcome that are the same whatever was decided.
struct Facts {
  std::string command_id;
  std::string fingerprint;
  Timestamp time;
  std::optional<std::string> stream;
  std::optional<std::int64_t> version;
  std::optional<Position> position;
  std::optional<Code> code;
  std::optional<std::int64_t> current_version;
  std::optional<std::string> field;
  std::optional<std::string> issue;
  std::optional<std::string> answer_type;
};

}  // namespace

template <>
inline constexpr auto fields<Facts> = std::tuple{
    field("command_id", &Facts::command_id),
    field("fingerprint", &Facts::fingerprint),
    field("time", &Facts::time),
    field("stream", &Facts::stream),
    field("version", &Facts::version),
    field("position", &Facts::position),
    field("error", &Facts::code),
    field("current_version", &Facts::current_version),
    field("field", &Facts::field),
    field("issue", &Facts::issue),
    field("answer_type", &Facts::answer_type),
};

std::string write_outcome(const Outcome& o) {
  Facts facts{.command_id = o.command_id,
              .fingerprint = o.fingerprint,
              .time = o.time,
              .stream = {},
              .version = {},
              .position = o.position,
              .code = {},
              .current_version = {},
              .field = {},
              .issue = {},
              .answer_type = {}};
  if (!o.stream.empty()) {
    facts.stream = o.stream;
    facts.version = o.version;
  }
  if (const auto* error = std::get_if<Error>(&o.result)) {
    facts.code = error->code;
    if (const auto* conflict = std::get_if<CurrentVersion>(&error->details)) facts.current_version = conflict->version;
    if (const auto* invalid = std::get_if<InvalidField>(&error->details)) facts.field = invalid->name, facts.issue = invalid->issue;
    return write(facts);
  }
  auto answer = encode(std::get<Answer>(o.result));
  facts.answer_type = std::string(answer.type);
  auto text = write(facts);
  text.pop_back();
  return text + R"(,"answer":)" + answer.json + "}";
}

Read<Outcome> read_outcome(std::string_view value) {
  const auto document = json::Document::parse(std::string(value), json::Strict::no);
  if (!document) return problem(document.error().issue);
  auto facts = read<Facts>(document->root());
  if (!facts) return std::unexpected(std::move(facts.error()));
  Outcome o{std::move(facts->command_id),
            std::move(facts->fingerprint),
            facts->time,
            facts->stream.value_or(""),
            facts->version.value_or(0),
            facts->position,
            Error{}};
  if (facts->code) {
    Details details;
    if (facts->current_version) details = CurrentVersion{*facts->current_version};
    if (facts->field && facts->issue) details = InvalidField{std::move(*facts->field), std::move(*facts->issue)};
    o.result = Error{*facts->code, std::move(details)};
    return o;
  }
  auto answer = decode<Answer>(facts->answer_type.value_or(""), document->root().member("answer"));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (!*answer) return problem("unknown type of answer");
  o.result = std::move(**answer);
  return o;
}

Headers to_headers(const ReplyEnvelope& e) {
  return {
      {"command_id", e.command_id},
      {"attempt_id", e.attempt_id},
      {"correlation_id", e.correlation},
      {"memory", std::string(name_of(e.memory))},
      {"command_offset", std::to_string(e.command_offset)},
      {"content-type", std::string(kJson)},
  };
}

std::expected<ReplyEnvelope, std::string> read_reply_envelope(const HeaderLookup& header) {
  auto text = [&](std::string_view name) { return std::string(header(name).value_or("")); };
  ReplyEnvelope e{text("command_id"), text("attempt_id"), text("correlation_id"), {}, kBeforeEveryCommand};
  const auto memory = named<Memory>(header("memory").value_or(""));
  if (!memory) return std::unexpected("header memory is missing or malformed");
  e.memory = *memory;
  const auto offset = parse_integer(header("command_offset").value_or(""));
  if (!offset || *offset < kBeforeEveryCommand) return std::unexpected("header command_offset is missing or malformed");
  e.command_offset = *offset;
  return e;
}

}  // namespace parley::schema
