#include "domain/accounts/accounts.h"

#include <concepts>
#include <utility>
#include <vector>

#include "domain/processes/begun.h"
#include "domain/rules.h"

namespace parley::accounts {
namespace {

using D = Decision<Event, Answer>;
using Accept = Accepted<Event, Answer>;

bool is_self(const Context& x) { return account_behind(x.principal) == AccountId{x.stream_id}; }
bool is_owner_itself(const Context& x) { return x.principal == Principal{Owner{AccountId{x.stream_id}}}; }
bool is_administrator(const Context& x) { return std::holds_alternative<Administrator>(x.principal); }
bool is_of_team(const Account& s, const Context& x) {
  const auto* owner = std::get_if<Owner>(&x.principal);
  return owner != nullptr && s.team && s.team->owner == owner->account;
}
/// What an answer shows is folded from the same events.
Account after(const Account& s, const std::vector<Event>& events, const Context& x) {
  State state = s;
  for (const auto& event : events) state = evolve(state, event, {x.now, 0});
  return std::get<Account>(std::move(state));
}
Profile profile(const Account& s, const Context& x) {
  return {.account = AccountId{x.stream_id},
          .email = s.email,
          .created_at = s.created_at,
          .role = s.role,
          .first_name = s.first_name,
          .last_name = s.last_name,
          .onboarding_completed = s.onboarding_completed,
          .balance = s.balance,
          .welcome_bonus = s.welcome_bonus};
}
TeamMember member(const Account& s, const Context& x) {
  return {.account = AccountId{x.stream_id},
          .email = s.email,
          .created_at = s.created_at,
          .name = s.team->name,
          .is_active = s.team->is_active};
}
Changed changed(const Context& x) { return {AccountId{x.stream_id}}; }

// Who comes in.

D rule(const NoAccount&, const Register& c, Context& x) {
  if (x.key_is_taken) return refuse(Code::email_taken);
  return Accept{{Registered{c.email, c.email_index, c.first_name, c.last_name, c.password_verifier},
                 WelcomeBonusGranted{kWelcomeBonus}},
                SignedIn{AccountId{x.stream_id}, c.email, kWelcomeBonus}};
}
D rule(const Account&, const Register&, Context&) { return refuse(Code::email_taken); }

D rule(const Account& s, const LogIn& c, Context& x) {
  if (c.email_index && *c.email_index != s.email_index) return refuse(Code::invalid_credentials);
  if (!c.password_matches || (c.compared_with && *c.compared_with != s.password_verifier))
    return refuse(Code::invalid_credentials);
  if (s.role == Role::operator_ && !(s.team && s.team->is_active)) return refuse(Code::insufficient_permissions);
  SignedIn answer{AccountId{x.stream_id}, s.email, s.balance};
  if (s.role != Role::owner) answer.role = s.role;
  if (s.team) answer.owner = s.team->owner;
  return Accept{{LoggedIn{LoginMethod::password}}, answer};
}
// The same refusal as for a wrong password: whether an e-mail has an account is nobody else's business.
D rule(const NoAccount&, const LogIn&, Context&) { return refuse(Code::invalid_credentials); }

// What one does with one's own account.

D rule(const Account& s, const LogOut& c, Context& x) {
  if (!is_self(x)) return refuse(Code::insufficient_permissions);
  if (s.sessions.is_over(c.session)) return refuse(Code::not_authenticated);
  return Accept{{LoggedOut{c.session}}, changed(x)};
}
D rule(const Account& s, const ChangePassword& c, Context& x) {
  if (!is_self(x)) return refuse(Code::insufficient_permissions);
  if (s.sessions.is_over(c.session)) return refuse(Code::not_authenticated);
  if (!c.password_matches || c.compared_with != s.password_verifier) {
    return refuse(Code::validation_error, InvalidField{"current_password", "must be the current password"});
  }
  return Accept{{PasswordChanged{c.password_verifier, c.session.id}}, changed(x)};
}
/// At the system's console: the same e-mail under another index. That it is the same is what permits it; whose change
/// is under way loses nothing by it.
D change_index(const Account& s, const ChangeEmail& c, Context& x) {
  if (c.email_index == s.email_index) return Accept{{}, profile(s, x)};
  if (c.email != s.email || s.pending_email) return refuse(Code::version_conflict);
  return Accept{
      {EmailChangeRequested{processes::new_process(x), std::string(x.command_id), s.email, c.email_index, Session{}}},
      changed(x),
      true};
}
D rule(const Account& s, const ChangeEmail& c, Context& x) {
  if (is_administrator(x)) return change_index(s, c, x);
  if (!is_self(x)) return refuse(Code::insufficient_permissions);
  if (s.sessions.is_over(c.session)) return refuse(Code::not_authenticated);
  if (!c.password_matches || c.compared_with != s.password_verifier) {
    return refuse(Code::validation_error, InvalidField{"current_password", "must be the current password"});
  }
  if (c.email_index == s.email_index) return Accept{{}, profile(s, x)};
  return Accept{
      {EmailChangeRequested{processes::new_process(x), std::string(x.command_id), c.email, c.email_index, c.session}},
      changed(x),
      true};
}
D rule(const Account& s, const FinishEmailChange& c, Context& x) {
  if (!std::holds_alternative<Reactor>(x.principal)) return refuse(Code::insufficient_permissions);
  const auto ending = processes::ending_of(c.process_id, c.is_reserved, s.pending_email, s.email_process);
  if (ending == processes::Ending::known) return Accept{{}, changed(x)};
  if (ending == processes::Ending::unneeded)
    return Accept{{EmailReservationDeclined{c.process_id, c.email_index}}, changed(x)};
  const auto& to = *s.pending_email;
  if (!c.is_reserved)
    return Accept{{EmailChangeRefused{c.process_id}},
                  changed(x),
                  false,
                  Closing<Answer>{to.command_id, Error{Code::email_taken, {}}}};
  EmailChanged e{c.process_id, to.email, to.email_index, s.email_index, s.email_process, to.session.id};
  if (e.email == s.email || s.sessions.is_over(to.session)) e.kept_session.reset();
  return Accept{{e}, changed(x), false, Closing<Answer>{to.command_id, Answer{profile(after(s, {e}, x), x)}}};
}
D rule(const Account& s, const ChangeProfile& c, Context& x) {
  if (!is_self(x)) return refuse(Code::insufficient_permissions);
  ProfileChanged e;
  if (c.first_name.changes(s.first_name)) e.first_name = c.first_name;
  if (c.last_name.changes(s.last_name)) e.last_name = c.last_name;
  if (c.onboarding_completed && *c.onboarding_completed != s.onboarding_completed)
    e.onboarding_completed = c.onboarding_completed;
  if (e == ProfileChanged{}) return Accept{{}, profile(s, x)};
  return Accept{{e}, profile(after(s, {e}, x), x)};
}

// An owner's team.

D rule(const NoAccount&, const AddOperator& c, Context& x) {
  const auto* owner = std::get_if<Owner>(&x.principal);
  if (owner == nullptr) return refuse(Code::insufficient_permissions);
  if (x.key_is_taken) return refuse(Code::email_taken);
  return Accept{{Registered{c.email, c.email_index, std::nullopt, std::nullopt, c.password_verifier},
                 JoinedTeam{owner->account, c.name}},
                TeamMember{.account = AccountId{x.stream_id}, .email = c.email, .created_at = x.now, .name = c.name}};
}
// Who has left a team may join one again; whoever else has the e-mail keeps it.
D rule(const Account& s, const AddOperator& c, Context& x) {
  const auto* owner = std::get_if<Owner>(&x.principal);
  if (owner == nullptr) return refuse(Code::insufficient_permissions);
  if (s.role != Role::operator_ || s.team || s.email_index != c.email_index) return refuse(Code::email_taken);
  std::vector<Event> events{PasswordChanged{c.password_verifier, std::nullopt}, JoinedTeam{owner->account, c.name}};
  auto answer = member(after(s, events, x), x);
  return Accept{std::move(events), std::move(answer)};
}
// Of other people's operators nobody is told.
D rule(const Account& s, const ChangeOperator& c, Context& x) {
  if (!is_of_team(s, x)) return refuse(Code::operator_not_found);
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
  if (!is_of_team(s, x)) return refuse(Code::operator_not_found);
  return Accept{{LeftTeam{}}, changed(x)};
}
D rule(const NoAccount&, const ChangeOperator&, Context&) { return refuse(Code::operator_not_found); }
D rule(const NoAccount&, const RemoveOperator&, Context&) { return refuse(Code::operator_not_found); }

// At the system's console.

D rule(const NoAccount&, const CreateAdmin& c, Context& x) {
  if (!is_administrator(x)) return refuse(Code::insufficient_permissions);
  if (x.key_is_taken) return refuse(Code::email_taken);
  return Accept{{Registered{c.email, c.email_index, std::nullopt, std::nullopt, c.password_verifier}, AdminAppointed{}},
                changed(x)};
}
D rule(const Account&, const CreateAdmin&, Context& x) {
  return refuse(is_administrator(x) ? Code::email_taken : Code::insufficient_permissions);
}
D rule(const Account&, const ResetPassword& c, Context& x) {
  if (!is_administrator(x)) return refuse(Code::insufficient_permissions);
  return Accept{{PasswordChanged{c.password_verifier, std::nullopt}}, changed(x)};
}

D rule(const NoAccount&, const auto&, Context&) { return refuse(Code::not_found); }

// An owner's API keys: api_keys.cc has the rules, this says whose they are.

D rule(const Account& s, const CreateApiKey& c, Context& x) {
  if (!is_owner_itself(x)) return refuse(Code::insufficient_permissions);
  auto made = s.api_keys.create(c, x);
  if (!made) return std::unexpected(made.error());
  return Accept{{std::move(made->event)}, std::move(made->answer)};
}
D rule(const Account& s, const RevokeApiKey& c, Context& x) {
  if (!is_owner_itself(x)) return refuse(Code::insufficient_permissions);
  if (s.api_keys.find(c.key) == nullptr) return refuse(Code::api_key_not_found);
  return Accept{{ApiKeyRevoked{c.key}}, EndedApiKey{c.key}};
}
D rule(const Account& s, const NoteApiKeyUse&, Context& x) {
  const auto* program = std::get_if<Integrator>(&x.principal);
  if (program == nullptr || program->owner != AccountId{x.stream_id}) return refuse(Code::insufficient_permissions);
  const auto* key = s.api_keys.find(program->key);
  if (key == nullptr) return refuse(Code::api_key_not_found);
  if (!key->is_news(x.now)) return Accept{{}, changed(x)};
  return Accept{{ApiKeyUsed{program->key}}, changed(x)};
}

// What events do to an account.

void fold(Account& s, const WelcomeBonusGranted& e, const Occurred&) {
  s.balance.amount += e.amount.amount;
  s.welcome_bonus.amount += e.amount.amount;
}
void fold(Account& s, const LoggedIn&, const Occurred& when) { s.sessions.forget(when.time); }
void fold(Account& s, const LoggedOut& e, const Occurred& when) { s.sessions.end(e.session, when.time); }
/// What ends them all ends a change of the e-mail too: it may be somebody's whose session should not have been.
void end_sessions(Account& s, const Occurred& when, const std::optional<std::string>& keep = {}) {
  s.sessions.end_all(when, keep);
  s.pending_email.reset();
}
void fold(Account& s, const PasswordChanged& e, const Occurred& when) {
  s.password_verifier = e.password_verifier;
  end_sessions(s, when, e.kept_session);
}
void fold(Account& s, const ProfileChanged& e, const Occurred&) {
  e.first_name.apply_to(s.first_name);
  e.last_name.apply_to(s.last_name);
  s.onboarding_completed = e.onboarding_completed.value_or(s.onboarding_completed);
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
void fold(Account& s, const AdminAppointed&, const Occurred&) { s.role = Role::admin; }
void fold(Account& s, const ApiKeyCreated& e, const Occurred&) { s.api_keys.add(e); }
void fold(Account& s, const ApiKeyRevoked& e, const Occurred&) { s.api_keys.remove(e.key); }
void fold(Account& s, const ApiKeyUsed& e, const Occurred& when) { s.api_keys.use(e.key, when.time); }
void fold(Account& s, const EmailChangeRequested& e, const Occurred&) {
  s.pending_email = PendingEmail{e.process_id, e.command_id.value_or(e.process_id), e.email, e.email_index, e.session};
}
/// To the same e-mail it is a change of its index alone: nobody else could log in by it, and nobody is logged out.
void fold(Account& s, const EmailChanged& e, const Occurred& when) {
  const bool is_of_index = e.email == s.email;
  s.email = e.email;
  s.email_index = e.email_index;
  s.email_process = e.process_id;
  s.pending_email.reset();
  if (!is_of_index) end_sessions(s, when, e.kept_session);
}
void fold(Account& s, const EmailChangeRefused& e, const Occurred&) {
  if (s.pending_email && s.pending_email->process_id == e.process_id) s.pending_email.reset();
}
void fold(Account&, const EmailReservationDeclined&, const Occurred&) {}

}  // namespace

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
  auto decision = std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
  const auto* account = std::get_if<Account>(&state);
  if (decision && !decision->closing && account != nullptr && account->pending_email) {
    const auto now = after(*account, decision->events, context);
    decision->closing = processes::given_up<Answer>(account->pending_email, now.pending_email, Code::version_conflict);
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

constinit const Rules kRules = rules<Event, State, Command, Answer>(6);

}  // namespace parley::accounts
