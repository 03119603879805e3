#include "schemas/contexts/assistants.h"

#include "schemas/context_tables.h"
#include "schemas/contexts/words.h"

namespace parley::schema {

// States, as deciders keep them. They may change freely with the context's fold version.

template <>
inline constexpr auto wire<assistants::NoAssistant> = named_type("assistant.none");
template <>
inline constexpr auto fields<assistants::Bot> =
    std::tuple{field("process_id", &assistants::Bot::process_id), field("index", &assistants::Bot::index)};
template <>
inline constexpr auto fields<assistants::PendingUpdate> = std::tuple{
    field("process_id", &assistants::PendingUpdate::process_id),
    field("command_id", &assistants::PendingUpdate::command_id),
    field("bot_index", &assistants::PendingUpdate::bot_index), field("change", &assistants::PendingUpdate::change)};
// In replies too (assistants::AssistantChanged): what is added here must be optional.
template <>
inline constexpr auto wire<assistants::Assistant> = named_type(
    "assistant", field("owner_id", &assistants::Assistant::owner), field("name", &assistants::Assistant::name),
    field("description", &assistants::Assistant::description),
    field("system_prompt", &assistants::Assistant::system_prompt), field("ai_model", &assistants::Assistant::ai_model),
    field("is_active", &assistants::Assistant::is_active),
    field("telegram_bot_token", &assistants::Assistant::telegram_bot_token),
    field("website_integration", &assistants::Assistant::website_integration),
    field("allowed_domains", &assistants::Assistant::allowed_domains),
    field("site_token", &assistants::Assistant::site_token), field("created_at", &assistants::Assistant::created_at),
    field("bot", &assistants::Assistant::bot), field("pending_update", &assistants::Assistant::pending_update));
template <>
inline constexpr auto wire<assistants::RequestedAssistant> =
    named_type("assistant.requested", field("process_id", &assistants::RequestedAssistant::process_id),
               field("command_id", &assistants::RequestedAssistant::command_id),
               field("bot_index", &assistants::RequestedAssistant::bot_index),
               field("assistant", &assistants::RequestedAssistant::assistant));
template <>
inline constexpr auto wire<assistants::DeletedAssistant> = named_type("assistant.deleted");

// Commands.

template <>
inline constexpr auto wire<assistants::Create> = named_type(
    "parley.assistant.create.v1", field("name", &assistants::Create::name),
    field("description", &assistants::Create::description), field("system_prompt", &assistants::Create::system_prompt),
    field("ai_model", &assistants::Create::ai_model), field("site_token", &assistants::Create::site_token),
    field("telegram_bot_token", &assistants::Create::telegram_bot_token),
    field("website_integration", &assistants::Create::website_integration),
    field("allowed_domains", &assistants::Create::allowed_domains), field("bot_index", &assistants::Create::bot_index),
    field("owner_is_full", &assistants::Create::owner_is_full));
template <>
inline constexpr auto wire<assistants::Update> =
    named_type("parley.assistant.update.v1", field("change", &assistants::Update::change),
               field("bot_index", &assistants::Update::bot_index));
template <>
inline constexpr auto wire<assistants::RotateSiteToken> =
    named_type("parley.assistant.rotate_site_token.v1", field("site_token", &assistants::RotateSiteToken::site_token));
template <>
inline constexpr auto wire<assistants::Delete> = named_type("parley.assistant.delete.v1");
template <>
inline constexpr auto wire<assistants::FinishBotChange> =
    named_type("parley.assistant.finish_bot_change.v1", field("process_id", &assistants::FinishBotChange::process_id),
               field("bot_index", &assistants::FinishBotChange::bot_index),
               field("is_reserved", &assistants::FinishBotChange::is_reserved));

// Answers.

template <>
inline constexpr auto wire<assistants::AssistantCreated> =
    named_type("assistant.created", field("assistant_id", &assistants::AssistantCreated::assistant),
               field("created", &assistants::AssistantCreated::created));
template <>
inline constexpr auto wire<assistants::AssistantChanged> =
    named_type("assistant.changed", field("assistant_id", &assistants::AssistantChanged::assistant),
               field("now", &assistants::AssistantChanged::now));
template <>
inline constexpr auto wire<assistants::AssistantDeleted> =
    named_type("assistant.deleted", field("assistant_id", &assistants::AssistantDeleted::assistant));
template <>
inline constexpr auto wire<assistants::Noted> = named_type("assistant.noted");

namespace {

/// What each event tells.
struct Words {
  std::string operator()(const assistants::Created& e, const Telling& t) const {
    return by(t) + " creates the assistant \"" + e.name + "\"";
  }
  std::string operator()(const assistants::Updated& e, const Telling& t) const {
    return by(t) + " changes the assistant:" + changed_parts(e);
  }
  std::string operator()(const assistants::SiteTokenRotated&, const Telling& t) const {
    return by(t) + " gives the assistant another site token";
  }
  std::string operator()(const assistants::Deleted&, const Telling& t) const {
    return by(t) + " deletes the assistant";
  }
  std::string operator()(const assistants::CreationRequested& e, const Telling& t) const {
    return by(t) + " wants the assistant \"" + e.assistant.name + "\", with a Telegram bot";
  }
  std::string operator()(const assistants::CreationRefused&, const Telling&) const {
    return "no assistant is created: another one has the Telegram bot";
  }
  std::string operator()(const assistants::UpdateRequested&, const Telling& t) const {
    return by(t) + " wants another Telegram bot for the assistant";
  }
  std::string operator()(const assistants::UpdateRefused&, const Telling&) const {
    return "the assistant stays as it is: another one has the Telegram bot";
  }
  std::string operator()(const assistants::BotClaimed&, const Telling&) const {
    return "the Telegram bot is this assistant's";
  }
  std::string operator()(const assistants::BotReleased&, const Telling&) const {
    return "the assistant does not need a Telegram bot any more";
  }
};

/// What the directory says of an assistant.
std::vector<DirectoryRecord> directory(const Stream& stream, const State& state) {
  const auto* s = std::get_if<assistants::Assistant>(&state.get<assistants::State>());
  if (s == nullptr) return {};
  SiteEntry entry{AssistantId{stream.id}, s->owner, s->website_integration, s->allowed_domains, {}};
  if (!s->is_active) entry.is_active = false;
  return {{std::string(kSiteTokenPrefix) + s->site_token, write(entry)}};
}
constexpr std::array kEntries{entry_type<SiteEntry, &SiteEntry::assistant>(kSiteTokenPrefix)};

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<assistants::Event, Words>(out);
  add_states<assistants::State>(out);
  add_commands<assistants::Command>(out);
  add_answers<assistants::Answer>(out);
  out.entries = kEntries;
  out.directory = directory;
  return out;
}

}  // namespace

extern constinit const ContextSchema assistants_schema = made();

}  // namespace parley::schema
