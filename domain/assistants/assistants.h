#pragma once
// An assistant: what answers an owner's visitors. Its site token is public: it says which assistant a site asks for, and opens nothing by itself.
#include <optional>
#include <variant>
#include <vector>

#include "domain/kernel.h"

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
using Event = std::variant<Created, Updated, SiteTokenRotated, Deleted>;

// State.

struct NoAssistant {
  friend bool operator==(const NoAssistant&, const NoAssistant&) = default;
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
  friend bool operator==(const Assistant&, const Assistant&) = default;
};
struct DeletedAssistant {
  friend bool operator==(const DeletedAssistant&, const DeletedAssistant&) = default;
};
using State = std::variant<NoAssistant, Assistant, DeletedAssistant>;

/// Total, as every fold.
State evolve(const State& state, const Event& event, const Occurred& when);

// Commands.

/// The owner is the principal. The site token is drawn by the API; a repeated command gets the first one's.
struct Create {
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> system_prompt;
  std::string ai_model;
  std::string site_token;
  std::optional<Sealed> telegram_bot_token;
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
};
/// What is to be so from now on. What is so already changes nothing; a Telegram token is sealed anew each time, and so always a change.
struct Update {
  Updated change;
};
/// The token is drawn by the API, as in Create. The old one is dead as soon as the directory says so.
struct RotateSiteToken {
  std::string site_token;
};
struct Delete {};
using Command = std::variant<Create, Update, RotateSiteToken, Delete>;

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
using Answer = std::variant<AssistantCreated, AssistantChanged, AssistantDeleted>;

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

}  // namespace parley::assistants
