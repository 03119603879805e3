#pragma once
// Assistants on the wire: their events, and what the directory says of them. Names and fields are never edited after
// release: a changed event is a new type (.v2) with an upcaster.
#include <optional>
#include <string>
#include <vector>

#include "domain/assistants/assistants.h"
#include "schemas/contexts/words.h"
#include "schemas/fields.h"

namespace parley::schema {

// Events.

template <>
inline constexpr auto wire<assistants::Created> = event_type<assistants::Created>(
    "parley.assistant.created.v1", "An assistant was created",
    [](const auto& e, const auto& t) { return by(t) + " creates the assistant \"" + e.name + "\""; },
    field("owner_id", &assistants::Created::owner), field("name", &assistants::Created::name),
    field("description", &assistants::Created::description),
    field("system_prompt", &assistants::Created::system_prompt), field("ai_model", &assistants::Created::ai_model),
    field("site_token", &assistants::Created::site_token, {},
          "Public: identifies the assistant on a website and gives no access by itself"),
    field("telegram_bot_token", &assistants::Created::telegram_bot_token, {}, "Encrypted under a server key"),
    field("website_integration", &assistants::Created::website_integration),
    field("allowed_domains", &assistants::Created::allowed_domains));
template <>
inline constexpr auto wire<assistants::Updated> = event_type<assistants::Updated>(
    "parley.assistant.updated.v1", "An assistant was updated. An absent field stays as it was; null clears a field",
    [](const auto& e, const auto& t) { return by(t) + " changes the assistant:" + changed_parts(e); },
    field("name", &assistants::Updated::name), field("description", &assistants::Updated::description),
    field("system_prompt", &assistants::Updated::system_prompt), field("ai_model", &assistants::Updated::ai_model),
    field("is_active", &assistants::Updated::is_active, {}, "false: the API refuses the assistant's visitors"),
    field("telegram_bot_token", &assistants::Updated::telegram_bot_token, {}, "Encrypted under a server key"),
    field("website_integration", &assistants::Updated::website_integration),
    field("allowed_domains", &assistants::Updated::allowed_domains));
template <>
inline constexpr auto wire<assistants::SiteTokenRotated> = event_type<assistants::SiteTokenRotated>(
    "parley.assistant.site_token_rotated.v1",
    "An assistant's site token was replaced; the old token is not valid any more",
    [](const auto&, const auto& t) { return by(t) + " gives the assistant another site token"; },
    field("site_token", &assistants::SiteTokenRotated::site_token, {}, "Public"));
template <>
inline constexpr auto wire<assistants::Deleted> = event_type<assistants::Deleted>(
    "parley.assistant.deleted.v1",
    "An assistant was deleted for good; its site token is not valid any more, and its dialogs stay",
    [](const auto&, const auto& t) { return by(t) + " deletes the assistant"; });
template <>
inline constexpr auto wire<assistants::CreationRequested> = event_type<assistants::CreationRequested>(
    "parley.assistant.creation_requested.v1",
    "The creation of an assistant was requested. The assistant is created when its Telegram bot is reserved for it",
    [](const auto& e, const auto& t) {
      return by(t) + " wants the assistant \"" + e.assistant.name + "\", with a Telegram bot";
    },
    field("process_id", &assistants::CreationRequested::process_id, {}, "The id of this creation in all later events"),
    field("command_id", &assistants::CreationRequested::command_id, {},
          "The id of the command that began the process and gets its reply when the process ends"),
    field("bot_index", &assistants::CreationRequested::bot_index, {}, "HMAC of the bot's id under a server key"),
    field("telegram_bot_token", &assistants::CreationRequested::telegram_bot_token, {}, "Encrypted under a server key"),
    field("assistant", &assistants::CreationRequested::assistant, {},
          "The assistant's other fields, as they will be created"));
template <>
inline constexpr auto wire<assistants::CreationRefused> = event_type<assistants::CreationRefused>(
    "parley.assistant.creation_refused.v1",
    "The creation of an assistant was refused: another assistant has the Telegram bot. A reservation that is still "
    "made for it is released",
    [](const auto&, const auto&) -> std::string { return "no assistant is created: another one has the Telegram bot"; },
    field("process_id", &assistants::CreationRefused::process_id),
    field("bot_index", &assistants::CreationRefused::bot_index, {}, "HMAC of the bot's id under a server key"));
template <>
inline constexpr auto wire<assistants::UpdateRequested> = event_type<assistants::UpdateRequested>(
    "parley.assistant.update_requested.v1",
    "An update of an assistant was requested. The assistant stays as it was until its new Telegram bot is reserved for "
    "it",
    [](const auto&, const auto& t) { return by(t) + " wants another Telegram bot for the assistant"; },
    field("process_id", &assistants::UpdateRequested::process_id, {}, "The id of this change in all later events"),
    field("command_id", &assistants::UpdateRequested::command_id, {},
          "The id of the command that began the process and gets its reply when the process ends"),
    field("bot_index", &assistants::UpdateRequested::bot_index, {}, "HMAC of the bot's id under a server key"),
    field("telegram_bot_token", &assistants::UpdateRequested::telegram_bot_token, {}, "Encrypted under a server key"),
    field("change", &assistants::UpdateRequested::change, {},
          "The other changes: an absent field stays as it was, null clears a field"));
template <>
inline constexpr auto wire<assistants::UpdateRefused> = event_type<assistants::UpdateRefused>(
    "parley.assistant.update_refused.v1",
    "The update of an assistant was refused: another assistant has the Telegram bot. The assistant stays as it was",
    [](const auto&, const auto&) -> std::string {
      return "the assistant stays as it is: another one has the Telegram bot";
    },
    field("process_id", &assistants::UpdateRefused::process_id));
template <>
inline constexpr auto wire<assistants::BotClaimed> = event_type<assistants::BotClaimed>(
    "parley.assistant.bot_claimed.v1",
    "The assistant's claim on its Telegram bot was completed: the bot belongs to this assistant alone. The event "
    "before this one has the bot's token",
    [](const auto&, const auto&) -> std::string { return "the Telegram bot is this assistant's"; },
    field("process_id", &assistants::BotClaimed::process_id, {}, "The id of the creation or update that set the bot"),
    field("bot_index", &assistants::BotClaimed::bot_index, {}, "HMAC of the bot's id under a server key"));
template <>
inline constexpr auto wire<assistants::BotReleased> = event_type<assistants::BotReleased>(
    "parley.assistant.bot_released.v1",
    "The assistant's claim on a Telegram bot was released: the assistant does not use the bot any more, or did not "
    "come to use it",
    [](const auto&, const auto&) -> std::string { return "the assistant does not need a Telegram bot any more"; },
    field("process_id", &assistants::BotReleased::process_id, {},
          "The id of the creation or update that requested the bot"),
    field("bot_index", &assistants::BotReleased::bot_index, {}, "HMAC of the bot's id under a server key"));

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

// Entries of the directory.

/// Under "site_token/<token>".
struct SiteEntry {
  AssistantId assistant;
  AccountId owner;
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
  std::optional<bool>
      is_active;  ///< Nothing: it is. Entries did not have it once, and an active assistant's have not changed since.
};
template <>
inline constexpr auto fields<SiteEntry> = std::tuple{
    field("assistant_id", &SiteEntry::assistant),
    field("owner_id", &SiteEntry::owner),
    field("website_integration", &SiteEntry::website_integration),
    field("allowed_domains", &SiteEntry::allowed_domains),
    field("is_active", &SiteEntry::is_active, {}, "Absent: it is"),
};

inline constexpr std::string_view kSiteTokenPrefix = "site_token/";

}  // namespace parley::schema
