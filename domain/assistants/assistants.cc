#include "domain/assistants/assistants.h"

namespace parley::assistants {
namespace {

using D = Decision<Event, Answer>;
using Accept = Accepted<Event, Answer>;

D rule(const NoAssistant&, const Create& c, Context& x) {
  const auto* owner = std::get_if<Owner>(&x.principal);
  if (owner == nullptr) return refuse(Code::insufficient_permissions);
  Created e{owner->account,        c.name,           c.description, c.system_prompt, c.ai_model, c.site_token, c.telegram_bot_token,
            c.website_integration, c.allowed_domains};
  return Accept{{e}, AssistantCreated{AssistantId{x.stream_id}, e}};
}
// A creation gets an id of its own, so it never meets an assistant.
D rule(const Assistant&, const Create&, Context&) { return refuse(Code::version_conflict); }

}  // namespace

State evolve(const State&, const Event& event) {
  return std::visit([](const Created& e) -> State { return Assistant{e.owner, e.site_token, e.website_integration, e.allowed_domains}; }, event);
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  return std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
}

}  // namespace parley::assistants
