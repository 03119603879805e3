#pragma once
// An assistant: what answers an owner's visitors. Its site token is public: it says which assistant a site asks for, and opens nothing by itself.
#include <optional>
#include <variant>
#include <vector>

#include "domain/kernel.h"

namespace parley::assistants {

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
using Event = std::variant<Created>;

struct NoAssistant {
  friend bool operator==(const NoAssistant&, const NoAssistant&) = default;
};
struct Assistant {
  AccountId owner;
  std::string site_token;
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
  friend bool operator==(const Assistant&, const Assistant&) = default;
};
using State = std::variant<NoAssistant, Assistant>;

/// Total, as every fold.
State evolve(const State& state, const Event& event);

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
using Command = std::variant<Create>;

struct AssistantCreated {
  AssistantId assistant;
  Created created;
  friend bool operator==(const AssistantCreated&, const AssistantCreated&) = default;
};
using Answer = std::variant<AssistantCreated>;

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

}  // namespace parley::assistants
