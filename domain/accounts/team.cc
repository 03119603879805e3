#include "domain/accounts/team.h"

#include "domain/accounts/parts.h"

namespace parley::accounts {
namespace {

bool is_of_team(const Account& s, const Context& x) {
  const auto* owner = std::get_if<Owner>(&x.principal);
  return owner != nullptr && s.team && s.team->owner == owner->account;
}
TeamMember member(const Account& s, const Context& x) {
  return {.account = AccountId{x.stream_id},
          .email = s.email,
          .created_at = s.created_at,
          .name = s.team->name,
          .is_active = s.team->is_active};
}

D rule(const NoAccount&, const AddOperator& c, Context& x) {
  const auto* owner = std::get_if<Owner>(&x.principal);
  if (owner == nullptr) return refuse(kInsufficientPermissions);
  if (x.key_is_taken) return refuse(kEmailTaken);
  return Accept{{Registered{c.email, c.email_index, std::nullopt, std::nullopt, c.password_verifier},
                 JoinedTeam{owner->account, c.name}},
                TeamMember{.account = AccountId{x.stream_id}, .email = c.email, .created_at = x.now, .name = c.name}};
}
// Who has left a team may join one again; whoever else has the e-mail keeps it.
D rule(const Account& s, const AddOperator& c, Context& x) {
  const auto* owner = std::get_if<Owner>(&x.principal);
  if (owner == nullptr) return refuse(kInsufficientPermissions);
  if (s.role != Role::operator_ || s.team || s.email_index != c.email_index) return refuse(kEmailTaken);
  std::vector<Event> events{PasswordChanged{c.password_verifier, std::nullopt}, JoinedTeam{owner->account, c.name}};
  auto answer = member(after(s, events, x), x);
  return Accept{std::move(events), std::move(answer)};
}
// Of other people's operators nobody is told.
D rule(const Account& s, const ChangeOperator& c, Context& x) {
  if (!is_of_team(s, x)) return refuse(kOperatorNotFound);
  TeamMemberChanged e;
  if (c.name && *c.name != s.team->name) e.name = c.name;
  if (c.is_active && *c.is_active != s.team->is_active) e.is_active = c.is_active;
  std::vector<Event> events;
  if (e != TeamMemberChanged{}) events.emplace_back(e);
  if (c.password_verifier) events.emplace_back(PasswordChanged{*c.password_verifier, std::nullopt});
  auto answer = member(after(s, events, x), x);
  return Accept{std::move(events), std::move(answer)};
}
D rule(const Account& s, const RemoveOperator&, Context& x) {
  if (!is_of_team(s, x)) return refuse(kOperatorNotFound);
  return Accept{{LeftTeam{}}, changed(x)};
}
D rule(const NoAccount&, const ChangeOperator&, Context&) { return refuse(kOperatorNotFound); }
D rule(const NoAccount&, const RemoveOperator&, Context&) { return refuse(kOperatorNotFound); }

}  // namespace

D decide_part(const State& state, const TeamCommand& command, Context& context) {
  return std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
}

void fold(Account& s, const JoinedTeam& e, const Occurred& when) {
  s.role = Role::operator_;
  s.team = Membership{e.owner, e.name};
  end_sessions(s, when);
}
void fold(Account& s, const TeamMemberChanged& e, const Occurred& when) {
  if (s.team) {
    s.team->name = e.name.value_or(s.team->name);
    s.team->is_active = e.is_active.value_or(s.team->is_active);
  }
  if (e.is_active == false) end_sessions(s, when);
}
void fold(Account& s, const LeftTeam&, const Occurred& when) {
  s.team.reset();
  end_sessions(s, when);
}

}  // namespace parley::accounts
