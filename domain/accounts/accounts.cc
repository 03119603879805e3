#include "domain/accounts/accounts.h"

#include <concepts>
#include <utility>
#include <vector>

#include "domain/accounts/parts.h"
#include "domain/processes/pending_process.h"
#include "domain/rules.h"

namespace parley::accounts {

void fold(Account& s, const WelcomeBonusGranted& e, const Occurred&) {
  s.balance.amount += e.amount.amount;
  s.welcome_bonus.amount += e.amount.amount;
}

Account after(const Account& s, const std::vector<Event>& events, const Context& x) {
  State state = s;
  for (const auto& event : events) state = evolve(state, event, {x.now, 0});
  return std::get<Account>(std::move(state));
}

State evolve(const State& state, const Event& event, const Occurred& when) {
  if (const auto* e = std::get_if<Registered>(&event)) {
    Account account;
    account.email = e->email;
    account.email_index = e->email_index;
    account.password_verifier = e->password_verifier;
    account.created_at = when.time;
    account.first_name = e->first_name;
    account.last_name = e->last_name;
    return account;
  }
  if (std::holds_alternative<NoAccount>(state)) return state;
  auto account = std::get<Account>(state);
  std::visit(overloaded{[](const Registered&) {}, [&](const auto& e) { fold(account, e, when); }}, event);
  return account;
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  auto decision = std::visit([&](const auto& c) { return decide_part(state, c, context); }, command);
  const auto* account = std::get_if<Account>(&state);
  if (decision && !decision->closing && account != nullptr && account->pending_email) {
    const auto now = after(*account, decision->events, context);
    decision->closing = processes::given_up<Answer>(account->pending_email, now.pending_email, kVersionConflict);
  }
  return decision;
}

std::vector<KeyChange> key_changes(const Event& event) {
  return std::visit(
      overloaded{
          [](const Registered& e) -> std::vector<KeyChange> { return {{email_key(e.email_index)}}; },
          [](const EmailChanged& e) -> std::vector<KeyChange> { return {{email_key(e.previous_email_index), false}}; },
          [](const auto&) -> std::vector<KeyChange> { return {}; },
      },
      event);
}

std::optional<UniqueKey> wanted_key(const Command& command) {
  return std::visit(
      []<class C>(const C& c) -> std::optional<UniqueKey> {
        if constexpr (std::same_as<C, Register> || std::same_as<C, AddOperator> || std::same_as<C, CreateAdmin>)
          return email_key(c.email_index);
        return std::nullopt;
      },
      command);
}

constinit const Rules kRules = rules<Event, State, Command, Answer>(6, kRefusals);

}  // namespace parley::accounts
