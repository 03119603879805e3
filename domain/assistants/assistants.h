#pragma once
// An assistant: what answers an owner's visitors. Its site token is public: it says which assistant a site asks for,
// and opens nothing by itself. A Telegram bot belongs to one assistant of the whole installation: by a claim
// (domain/claims) in the slot of the bot, so that whatever brings another bot is a process (domain/processes), and is
// answered when that has come to its end.
#include <array>
#include <optional>
#include <variant>
#include <vector>

#include "domain/kernel.h"
#include "domain/value.h"

namespace parley::assistants {

// Events.

struct Created {
  AccountId owner;
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> system_prompt;
  std::string ai_model;
  std::string site_token;
  std::optional<Sealed> telegram_bot_token;
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
  friend bool operator==(const Created&, const Created&) = default;
};
/// What changed, and nothing else.
struct Updated {
  std::optional<std::string> name;
  Patch<std::string> description;
  Patch<std::string> system_prompt;
  std::optional<std::string> ai_model;
  std::optional<bool> is_active;
  Patch<Sealed> telegram_bot_token;
  std::optional<bool> website_integration;
  std::optional<std::vector<std::string>> allowed_domains;
  friend bool operator==(const Updated&, const Updated&) = default;
};
struct SiteTokenRotated {
  std::string site_token;
  friend bool operator==(const SiteTokenRotated&, const SiteTokenRotated&) = default;
};
struct Deleted {
  friend bool operator==(const Deleted&, const Deleted&) = default;
};
/// There is to be an assistant, as soon as its bot is reserved for it; until then there is none.
struct CreationRequested {
  std::string process_id;
  std::string command_id;  ///< That began it: its answer is the end.
  std::string bot_index;   ///< HMAC of the bot's id: the unique key.
  Sealed telegram_bot_token;
  Created assistant;  ///< Without the token: what is sealed stands where consumers look for it.
  friend bool operator==(const CreationRequested&, const CreationRequested&) = default;
};
/// Another assistant has the bot: there is none, and there never was. What may still be reserved for it is to be
/// released.
struct CreationRefused {
  std::string process_id;
  std::string bot_index;
  friend bool operator==(const CreationRefused&, const CreationRefused&) = default;
};
/// The assistant is to be changed so, all at once, as soon as the bot is reserved for it.
struct UpdateRequested {
  std::string process_id;
  std::string command_id;
  std::string bot_index;
  Sealed telegram_bot_token;
  Updated change;  ///< Without the token.
  friend bool operator==(const UpdateRequested&, const UpdateRequested&) = default;
};
/// Another assistant has the bot: nothing changes.
struct UpdateRefused {
  std::string process_id;
  friend bool operator==(const UpdateRefused&, const UpdateRefused&) = default;
};
/// The bot is the assistant's, which has its token by the event before this one.
struct BotClaimed {
  std::string process_id;
  std::string bot_index;
  friend bool operator==(const BotClaimed&, const BotClaimed&) = default;
};
/// The assistant had the bot by that process, or it was reserved for a change that had been given up meanwhile: its
/// claim is to be released.
struct BotReleased {
  std::string process_id;
  std::string bot_index;
  friend bool operator==(const BotReleased&, const BotReleased&) = default;
};
using Event = std::variant<Created, Updated, SiteTokenRotated, Deleted, CreationRequested, CreationRefused,
                           UpdateRequested, UpdateRefused, BotClaimed, BotReleased>;

// State.

struct NoAssistant {
  friend bool operator==(const NoAssistant&, const NoAssistant&) = default;
};
/// To be an assistant: nobody knows of it yet.
struct RequestedAssistant {
  std::string process_id;
  std::string command_id;
  std::string bot_index;
  Created assistant;
  friend bool operator==(const RequestedAssistant&, const RequestedAssistant&) = default;
};
/// By which process the assistant has a claim on which bot.
struct Bot {
  std::string process_id;
  std::string index;
  friend bool operator==(const Bot&, const Bot&) = default;
};
/// A change that waits for its bot. Every other change gives it up, so that nothing comes between its request and its
/// end.
struct PendingUpdate {
  std::string process_id;
  std::string command_id;
  std::string bot_index;
  Updated change;
  friend bool operator==(const PendingUpdate&, const PendingUpdate&) = default;
};
/// All of it: so that a change is told from a repetition, and answered without the read models.
struct Assistant {
  AccountId owner;
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> system_prompt;
  std::string ai_model;
  bool is_active = true;
  std::optional<Sealed> telegram_bot_token;
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
  std::string site_token;
  Timestamp created_at{};
  std::optional<Bot> bot = {};  ///< Nothing: it has no token, or had it before bots were claimed.
  std::optional<PendingUpdate> pending_update = {};
  friend bool operator==(const Assistant&, const Assistant&) = default;
};
struct DeletedAssistant {
  friend bool operator==(const DeletedAssistant&, const DeletedAssistant&) = default;
};
using State = std::variant<NoAssistant, Assistant, DeletedAssistant, RequestedAssistant>;

/// Total, as every fold.
State evolve(const State& state, const Event& event, const Occurred& when);

// Commands.

/// The owner is the principal. The site token is drawn by the API; a repeated command gets the first one's. With a bot
/// it is answered when that is the assistant's or is known to be another's.
struct Create {
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> system_prompt;
  std::string ai_model;
  std::string site_token;
  std::optional<Sealed> telegram_bot_token;
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
  std::optional<std::string> bot_index =
      {};  ///< Of the token's bot; APIs of earlier builds say none, and nothing is claimed.
  /// The API's word: the owner has as many assistants as it may, and so the creation is refused with
  /// kAssistantLimitReached. It is decided and not refused by the API, so that a creation that is asked for again gets
  /// its first answer.
  std::optional<bool> owner_is_full = {};
};
/// What is to be so from now on. What is so already changes nothing; a Telegram token is sealed anew each time, and so
/// always a change. With another bot than the assistant has it is answered when that is the assistant's or is known to
/// be another's; kVersionConflict when another change came between, kAssistantNotFound when a deletion did.
struct Update {
  Updated change;
  std::optional<std::string> bot_index = {};  ///< Of the token's bot, as in Create.
};
/// The token is drawn by the API, as in Create. The old one is dead as soon as the directory says so.
struct RotateSiteToken {
  std::string site_token;
};
struct Delete {};
/// Of a Reactor: the bot is reserved for that creation or change, or another assistant has it. May come again.
struct FinishBotChange {
  std::string process_id;
  std::string bot_index;
  bool is_reserved = false;
};
using Command = std::variant<Create, Update, RotateSiteToken, Delete, FinishBotChange>;

// Answers.

struct AssistantCreated {
  AssistantId assistant;
  Created created;
  friend bool operator==(const AssistantCreated&, const AssistantCreated&) = default;
};
/// As it is now.
struct AssistantChanged {
  AssistantId assistant;
  Assistant now;
  friend bool operator==(const AssistantChanged&, const AssistantChanged&) = default;
};
struct AssistantDeleted {
  AssistantId assistant;
  friend bool operator==(const AssistantDeleted&, const AssistantDeleted&) = default;
};
/// To a Reactor: what came of it is in the events.
struct Noted {
  friend bool operator==(const Noted&, const Noted&) = default;
};
using Answer = std::variant<AssistantCreated, AssistantChanged, AssistantDeleted, Noted>;

// Refusals.

/// There is no such assistant, or who asks may not know of it.
inline constexpr Code kAssistantNotFound{"ASSISTANT_NOT_FOUND"};
/// The owner has as many assistants as it may have.
inline constexpr Code kAssistantLimitReached{"ASSISTANT_LIMIT_REACHED"};
/// Another assistant has the Telegram bot.
inline constexpr Code kBotAlreadyExists{"BOT_ALREADY_EXISTS"};
inline constexpr std::array kRefusals{kAssistantNotFound, kAssistantLimitReached, kBotAlreadyExists};

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

inline constexpr std::string_view kBotIndex = "telegram_bot";
/// A Telegram bot's key: always owned by a claim.
inline UniqueKey bot_key(std::string bot_index) { return {std::string(kBotIndex), std::move(bot_index)}; }

}  // namespace parley::assistants

// What is above a context knows these as values without types (domain/value.h).
namespace parley {
template <>
inline constexpr Part part_of<assistants::Event> = Part::event;
template <>
inline constexpr Part part_of<assistants::State> = Part::state;
template <>
inline constexpr Part part_of<assistants::Command> = Part::command;
template <>
inline constexpr Part part_of<assistants::Answer> = Part::answer;
}  // namespace parley
