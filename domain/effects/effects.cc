#include "domain/effects/effects.h"

#include "domain/rules.h"

namespace parley::effects {
namespace {

using Accept = Accepted<Event, Answer>;

}  // namespace

State evolve(const State& /*state*/, const Event& event) { return On{std::get<SwitchedOn>(event).log}; }

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  if (!std::holds_alternative<ConsoleOperator>(context.principal)) return refuse(kInsufficientPermissions);
  const auto& asked = std::get<SwitchOn>(command);
  if (state == State{On{asked.log}}) return Accept{{}, AreOn{.were_on = true}};
  return Accept{{SwitchedOn{asked.log, asked.reason}}, AreOn{.were_on = false}};
}

constinit const Rules kRules = rules<Event, State, Command, Answer>(1);

}  // namespace parley::effects
