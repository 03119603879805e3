#include "schemas/commands.h"

#include "schemas/events.h"

namespace parley::schema {

template <>
inline constexpr std::string_view type_name<accounts::Register> = "parley.account.register.v1";
template <>
inline constexpr auto fields<accounts::Register> = std::tuple{
    field("email", &accounts::Register::email),
    field("email_index", &accounts::Register::email_index),
    field("first_name", &accounts::Register::first_name),
    field("last_name", &accounts::Register::last_name),
    field("password_verifier", &accounts::Register::password_verifier),
};
template <>
inline constexpr std::string_view type_name<accounts::LogIn> = "parley.account.log_in.v1";
template <>
inline constexpr auto fields<accounts::LogIn> =
    std::tuple{field("password_matches", &accounts::LogIn::password_matches), field("compared_with", &accounts::LogIn::compared_with),
               field("email_index", &accounts::LogIn::email_index)};
template <>
inline constexpr std::string_view type_name<accounts::LogOut> = "parley.account.log_out.v1";
template <>
inline constexpr auto fields<accounts::LogOut> = std::tuple{field("session", &accounts::LogOut::session)};
template <>
inline constexpr std::string_view type_name<accounts::ChangePassword> = "parley.account.change_password.v1";
template <>
inline constexpr auto fields<accounts::ChangePassword> = std::tuple{
    field("password_matches", &accounts::ChangePassword::password_matches),
    field("compared_with", &accounts::ChangePassword::compared_with),
    field("password_verifier", &accounts::ChangePassword::password_verifier),
    field("session", &accounts::ChangePassword::session),
};
template <>
inline constexpr std::string_view type_name<accounts::ChangeProfile> = "parley.account.change_profile.v1";
template <>
inline constexpr auto fields<accounts::ChangeProfile> = std::tuple{
    field("first_name", &accounts::ChangeProfile::first_name),
    field("last_name", &accounts::ChangeProfile::last_name),
    field("onboarding_completed", &accounts::ChangeProfile::onboarding_completed),
};
template <>
inline constexpr std::string_view type_name<accounts::AddOperator> = "parley.account.add_operator.v1";
template <>
inline constexpr auto fields<accounts::AddOperator> = std::tuple{
    field("email", &accounts::AddOperator::email),
    field("email_index", &accounts::AddOperator::email_index),
    field("name", &accounts::AddOperator::name),
    field("password_verifier", &accounts::AddOperator::password_verifier),
};
template <>
inline constexpr std::string_view type_name<accounts::ChangeOperator> = "parley.account.change_operator.v1";
template <>
inline constexpr auto fields<accounts::ChangeOperator> = std::tuple{
    field("name", &accounts::ChangeOperator::name),
    field("is_active", &accounts::ChangeOperator::is_active),
    field("password_verifier", &accounts::ChangeOperator::password_verifier),
};
template <>
inline constexpr std::string_view type_name<accounts::RemoveOperator> = "parley.account.remove_operator.v1";
template <>
inline constexpr auto fields<accounts::RemoveOperator> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<accounts::CreateAdmin> = "parley.account.create_admin.v1";
template <>
inline constexpr auto fields<accounts::CreateAdmin> = std::tuple{
    field("email", &accounts::CreateAdmin::email),
    field("email_index", &accounts::CreateAdmin::email_index),
    field("password_verifier", &accounts::CreateAdmin::password_verifier),
};
template <>
inline constexpr std::string_view type_name<accounts::ResetPassword> = "parley.account.reset_password.v1";
template <>
inline constexpr auto fields<accounts::ResetPassword> = std::tuple{field("password_verifier", &accounts::ResetPassword::password_verifier)};
template <>
inline constexpr std::string_view type_name<accounts::CreateApiKey> = "parley.account.create_api_key.v1";
template <>
inline constexpr auto fields<accounts::CreateApiKey> = std::tuple{
    field("name", &accounts::CreateApiKey::name), field("scopes", &accounts::CreateApiKey::scopes), field("digest", &accounts::CreateApiKey::digest),
    field("hint", &accounts::CreateApiKey::hint), field("key", &accounts::CreateApiKey::key),
};
template <>
inline constexpr std::string_view type_name<accounts::RevokeApiKey> = "parley.account.revoke_api_key.v1";
template <>
inline constexpr auto fields<accounts::RevokeApiKey> = std::tuple{field("key_id", &accounts::RevokeApiKey::key)};
template <>
inline constexpr std::string_view type_name<accounts::NoteApiKeyUse> = "parley.account.note_api_key_use.v1";
template <>
inline constexpr auto fields<accounts::NoteApiKeyUse> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<accounts::ChangeEmail> = "parley.account.change_email.v1";
template <>
inline constexpr auto fields<accounts::ChangeEmail> = std::tuple{
    field("email", &accounts::ChangeEmail::email),
    field("email_index", &accounts::ChangeEmail::email_index),
    field("password_matches", &accounts::ChangeEmail::password_matches),
    field("compared_with", &accounts::ChangeEmail::compared_with),
    field("session", &accounts::ChangeEmail::session),
};
template <>
inline constexpr std::string_view type_name<accounts::FinishEmailChange> = "parley.account.finish_email_change.v1";
template <>
inline constexpr auto fields<accounts::FinishEmailChange> = std::tuple{
    field("process_id", &accounts::FinishEmailChange::process_id),
    field("email_index", &accounts::FinishEmailChange::email_index),
    field("is_reserved", &accounts::FinishEmailChange::is_reserved),
};
template <>
inline constexpr std::string_view type_name<assistants::Create> = "parley.assistant.create.v1";
template <>
inline constexpr auto fields<assistants::Create> = std::tuple{
    field("name", &assistants::Create::name),
    field("description", &assistants::Create::description),
    field("system_prompt", &assistants::Create::system_prompt),
    field("ai_model", &assistants::Create::ai_model),
    field("site_token", &assistants::Create::site_token),
    field("telegram_bot_token", &assistants::Create::telegram_bot_token),
    field("website_integration", &assistants::Create::website_integration),
    field("allowed_domains", &assistants::Create::allowed_domains),
    field("bot_index", &assistants::Create::bot_index),
    field("owner_is_full", &assistants::Create::owner_is_full),
};
template <>
inline constexpr std::string_view type_name<assistants::Update> = "parley.assistant.update.v1";
template <>
inline constexpr auto fields<assistants::Update> =
    std::tuple{field("change", &assistants::Update::change), field("bot_index", &assistants::Update::bot_index)};
template <>
inline constexpr std::string_view type_name<assistants::RotateSiteToken> = "parley.assistant.rotate_site_token.v1";
template <>
inline constexpr auto fields<assistants::RotateSiteToken> = std::tuple{field("site_token", &assistants::RotateSiteToken::site_token)};
template <>
inline constexpr std::string_view type_name<assistants::Delete> = "parley.assistant.delete.v1";
template <>
inline constexpr auto fields<assistants::Delete> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<assistants::FinishBotChange> = "parley.assistant.finish_bot_change.v1";
template <>
inline constexpr auto fields<assistants::FinishBotChange> = std::tuple{
    field("process_id", &assistants::FinishBotChange::process_id),
    field("bot_index", &assistants::FinishBotChange::bot_index),
    field("is_reserved", &assistants::FinishBotChange::is_reserved),
};
template <>
inline constexpr std::string_view type_name<dialogs::Open> = "parley.dialog.open.v1";
template <>
inline constexpr auto fields<dialogs::Open> = std::tuple{field("owner_id", &dialogs::Open::owner), field("platform", &dialogs::Open::platform),
                                                         field("first_name", &dialogs::Open::first_name)};
template <>
inline constexpr std::string_view type_name<dialogs::PostVisitorMessage> = "parley.dialog.post_visitor_message.v1";
template <>
inline constexpr auto fields<dialogs::PostVisitorMessage> = std::tuple{field("text", &dialogs::PostVisitorMessage::text)};
template <>
inline constexpr std::string_view type_name<dialogs::PostOperatorMessage> = "parley.dialog.post_operator_message.v1";
template <>
inline constexpr auto fields<dialogs::PostOperatorMessage> =
    std::tuple{field("text", &dialogs::PostOperatorMessage::text), field("operator_name", &dialogs::PostOperatorMessage::operator_name)};
template <>
inline constexpr std::string_view type_name<dialogs::Archive> = "parley.dialog.archive.v1";
template <>
inline constexpr auto fields<dialogs::Archive> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<dialogs::Unarchive> = "parley.dialog.unarchive.v1";
template <>
inline constexpr auto fields<dialogs::Unarchive> = std::tuple<>{};

template <>
inline constexpr std::string_view type_name<claims::Reserve> = "parley.claim.reserve.v1";
template <>
inline constexpr auto fields<claims::Reserve> = std::tuple{
    field("index", &claims::Reserve::index),
    field("key", &claims::Reserve::key),
    field("process_id", &claims::Reserve::process_id),
    field("holder_id", &claims::Reserve::holder),
    field("holder_version", &claims::Reserve::holder_version),
};
template <>
inline constexpr std::string_view type_name<claims::Confirm> = "parley.claim.confirm.v1";
template <>
inline constexpr auto fields<claims::Confirm> = std::tuple{field("process_id", &claims::Confirm::process_id)};
template <>
inline constexpr std::string_view type_name<claims::Release> = "parley.claim.release.v1";
template <>
inline constexpr auto fields<claims::Release> =
    std::tuple{field("index", &claims::Release::index), field("key", &claims::Release::key), field("process_id", &claims::Release::process_id)};

template <>
inline constexpr auto fields<parking::SentCommand::Header> =
    std::tuple{field("name", &parking::SentCommand::Header::name), field("value", &parking::SentCommand::Header::value)};
template <>
inline constexpr auto fields<parking::SentCommand> = std::tuple{
    field("key", &parking::SentCommand::key), field("headers", &parking::SentCommand::headers), field("value", &parking::SentCommand::value)};
template <>
inline constexpr std::string_view type_name<parking::Retry> = "parley.stream.retry.v1";
template <>
inline constexpr auto fields<parking::Retry> = std::tuple{
    field("reason", &parking::Retry::reason),
    field("command", &parking::Retry::command),
    field("projection", &parking::Retry::projection),
    field("version", &parking::Retry::version),
};
template <>
inline constexpr std::string_view type_name<parking::Skip> = "parley.stream.skip.v1";
template <>
inline constexpr auto fields<parking::Skip> =
    std::tuple{field("reason", &parking::Skip::reason), field("projection", &parking::Skip::projection), field("version", &parking::Skip::version)};

namespace {

constexpr std::string_view kNew = "new", kUnique = "unique/";

std::string to_string(const Target& target) {
  return std::visit(overloaded{
                        [](const NewStream&) { return std::string(kNew); },
                        [](const Stream& s) { return parley::to_string(s); },
                        [](const UniqueKey& k) { return std::string(kUnique) + k.index + "/" + k.key; },
                    },
                    target);
}

std::optional<Target> parse_target(std::string_view text) {
  if (text == kNew) return NewStream{};
  if (text.starts_with(kUnique)) {
    text.remove_prefix(kUnique.size());
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    return UniqueKey{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
  }
  if (const auto stream = parse_stream(text)) return *stream;
  return std::nullopt;
}

}  // namespace

int slot_of_target(const Target& target, std::string_view command_id, int (*slot_of_text)(std::string_view)) {
  return std::visit(overloaded{
                        [&](const NewStream&) { return slot_of_text(command_id); },
                        [](const Stream& stream) { return slot_of(stream.id); },
                        [&](const UniqueKey& key) { return slot_of_text(key.key); },
                    },
                    target);
}

CommandRecord to_record(const CommandEnvelope& e, const Command& command) {
  auto encoded = encode(command);
  CommandRecord record{std::to_string(e.slot),
                       {
                           {"type", std::string(encoded.type)},
                           {"command_id", e.command_id},
                           {"attempt_id", e.attempt_id},
                           {"fingerprint", e.fingerprint},
                           {"principal", parley::to_string(e.principal)},
                           {"target", to_string(e.target)},
                           {"not_after", format_time(e.not_after)},
                           {"correlation_id", e.correlation},
                           {"content-type", std::string(kJson)},
                       },
                       std::move(encoded.json)};
  if (e.expected_version) record.headers.emplace_back("expected_version", std::to_string(*e.expected_version));
  return record;
}

std::expected<CommandEnvelope, std::string> read_command_envelope(std::string_view key, const HeaderLookup& header) {
  std::string problem;
  auto text = [&](std::string_view name) -> std::string {
    const auto found = header(name);
    if (!found && problem.empty()) problem = "header " + std::string(name) + " is missing";
    return std::string(found.value_or(""));
  };
  auto require = [&](std::string_view name, auto parsed) {
    if (!parsed && problem.empty()) problem = "header " + std::string(name) + " is malformed";
    return parsed;
  };
  CommandEnvelope e;
  e.type = text("type");
  e.command_id = text("command_id");
  e.attempt_id = text("attempt_id");
  e.fingerprint = text("fingerprint");
  e.correlation = text("correlation_id");
  if (const auto principal = require("principal", parse_principal(text("principal")))) e.principal = *principal;
  if (const auto target = require("target", parse_target(text("target")))) e.target = *target;
  if (const auto not_after = require("not_after", parse_time(text("not_after")))) e.not_after = *not_after;
  if (const auto expected = header("expected_version")) e.expected_version = require("expected_version", parse_integer(*expected));
  const auto slot = parse_integer(key);
  if ((!slot || *slot < 0 || *slot >= kSlots) && problem.empty()) problem = "the key is not a slot";
  if (!problem.empty()) return std::unexpected(problem);
  e.slot = static_cast<int>(*slot);
  return e;
}

std::expected<std::pair<CommandEnvelope, Command>, CommandProblem> read_command(std::string_view key, const HeaderLookup& header,
                                                                                std::string_view value) {
  auto e = read_command_envelope(key, header);
  if (!e) return std::unexpected(CommandProblem{std::move(e.error()), std::nullopt});
  auto command = decode_text<Command>(e->type, value);
  if (!command) return std::unexpected(CommandProblem{"value: " + command.error().field + " " + command.error().issue, std::move(*e)});
  if (!*command) return std::unexpected(CommandProblem{"unknown type of command", std::move(*e)});
  return std::pair{std::move(*e), std::move(**command)};
}

}  // namespace parley::schema
