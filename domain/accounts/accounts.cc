#include "domain/accounts/accounts.h"

namespace parley::accounts {
namespace {

using D = Decision<Event, Answer>;
using Accept = Accepted<Event, Answer>;

D rule(const NoAccount&, const Register& c, Context& x) {
  return Accept{{Registered{c.email, c.email_index, c.first_name, c.last_name, c.password_verifier}, WelcomeBonusGranted{kWelcomeBonus}},
                SignedIn{AccountId{x.stream_id}, c.email, kWelcomeBonus}};
}
D rule(const Account&, const Register&, Context&) { return refuse(Code::email_taken); }

D rule(const Account& s, const LogIn& c, Context& x) {
  if (!c.password_matches) return refuse(Code::invalid_credentials);
  return Accept{{LoggedIn{LoginMethod::password}}, SignedIn{AccountId{x.stream_id}, s.email, s.balance}};
}
// The same refusal as for a wrong password: whether an e-mail has an account is nobody else's business.
D rule(const NoAccount&, const LogIn&, Context&) { return refuse(Code::invalid_credentials); }

}  // namespace

State evolve(const State& state, const Event& event) {
  return std::visit(overloaded{
                        [](const auto&, const Registered& e) -> State { return Account{e.email, e.email_index, e.password_verifier, {}}; },
                        [](Account s, const WelcomeBonusGranted& e) -> State {
                          s.balance.amount += e.amount.amount;
                          return s;
                        },
                        [](const NoAccount& s, const WelcomeBonusGranted&) -> State { return s; },
                        [](const auto& s, const LoggedIn&) -> State { return s; },
                    },
                    state, event);
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  return std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
}

}  // namespace parley::accounts
