#include "schemas/contexts/assistants.h"

#include "schemas/context_tables.h"

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
  add_events<assistants::Event>(out);
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
