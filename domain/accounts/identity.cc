#include "domain/accounts/identity.h"

#include "domain/accounts/parts.h"
#include "domain/processes/pending_process.h"

namespace parley::accounts {
namespace {

bool is_self(const Context& x) { return account_behind(x.principal) == AccountId{x.stream_id}; }
bool is_console_operator(const Context& x) { return std::holds_alternative<ConsoleOperator>(x.principal); }
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

// Who comes in.

D rule(const NoAccount&, const Register& c, Context& x) {
  if (x.key_is_taken) return refuse(kEmailTaken);
  return Accept{{Registered{c.email, c.email_index, c.first_name, c.last_name, c.password_verifier},
                 WelcomeBonusGranted{kWelcomeBonus}},
                SignedIn{AccountId{x.stream_id}, c.email, kWelcomeBonus}};
}
D rule(const Account&, const Register&, Context&) { return refuse(kEmailTaken); }

D rule(const Account& s, const LogIn& c, Context& x) {
  if (c.email_index && *c.email_index != s.email_index) return refuse(kInvalidCredentials);
  if (!c.password_matches || (c.compared_with && *c.compared_with != s.password_verifier))
    return refuse(kInvalidCredentials);
  if (s.role == Role::operator_ && !(s.team && s.team->is_active)) return refuse(kInsufficientPermissions);
  SignedIn answer{AccountId{x.stream_id}, s.email, s.balance};
  if (s.role != Role::owner) answer.role = s.role;
  if (s.team) answer.owner = s.team->owner;
  return Accept{{LoggedIn{LoginMethod::password}}, answer};
}
// The same refusal as for a wrong password: whether an e-mail has an account is nobody else's business.
D rule(const NoAccount&, const LogIn&, Context&) { return refuse(kInvalidCredentials); }

// What one does with one's own account.

D rule(const Account& s, const LogOut& c, Context& x) {
  if (!is_self(x)) return refuse(kInsufficientPermissions);
  if (s.sessions.is_over(c.session)) return refuse(kNotAuthenticated);
  return Accept{{LoggedOut{c.session}}, changed(x)};
}
D rule(const Account& s, const ChangePassword& c, Context& x) {
  if (!is_self(x)) return refuse(kInsufficientPermissions);
  if (s.sessions.is_over(c.session)) return refuse(kNotAuthenticated);
  if (!c.password_matches || c.compared_with != s.password_verifier) {
    return refuse(kValidationError, InvalidField{"current_password", "must be the current password"});
  }
  return Accept{{PasswordChanged{c.password_verifier, c.session.id}}, changed(x)};
}
/// At the system's console: the same e-mail under another index. That it is the same is what permits it; whose change
/// is under way loses nothing by it.
D change_index(const Account& s, const ChangeEmail& c, Context& x) {
  if (c.email_index == s.email_index) return Accept{{}, profile(s, x)};
  if (c.email != s.email || s.pending_email) return refuse(kVersionConflict);
  return Accept{
      {EmailChangeRequested{processes::new_process(x), std::string(x.command_id), s.email, c.email_index, Session{}}},
      changed(x),
      true};
}
D rule(const Account& s, const ChangeEmail& c, Context& x) {
  if (is_console_operator(x)) return change_index(s, c, x);
  if (!is_self(x)) return refuse(kInsufficientPermissions);
  if (s.sessions.is_over(c.session)) return refuse(kNotAuthenticated);
  if (!c.password_matches || c.compared_with != s.password_verifier) {
    return refuse(kValidationError, InvalidField{"current_password", "must be the current password"});
  }
  if (c.email_index == s.email_index) return Accept{{}, profile(s, x)};
  return Accept{
      {EmailChangeRequested{processes::new_process(x), std::string(x.command_id), c.email, c.email_index, c.session}},
      changed(x),
      true};
}
D rule(const Account& s, const FinishEmailChange& c, Context& x) {
  if (!std::holds_alternative<Reactor>(x.principal)) return refuse(kInsufficientPermissions);
  const auto ending = processes::ending_of(c.process_id, c.is_reserved, s.pending_email, s.email_process);
  if (ending == processes::Ending::known) return Accept{{}, changed(x)};
  if (ending == processes::Ending::unneeded)
    return Accept{{EmailReservationDeclined{c.process_id, c.email_index}}, changed(x)};
  const auto& to = *s.pending_email;
  if (!c.is_reserved)
    return Accept{
        {EmailChangeRefused{c.process_id}}, changed(x), false, Closing<Answer>{to.command_id, Error{kEmailTaken, {}}}};
  EmailChanged e{c.process_id, to.email, to.email_index, s.email_index, s.email_process, to.session.id};
  if (e.email == s.email || s.sessions.is_over(to.session)) e.kept_session.reset();
  return Accept{{e}, changed(x), false, Closing<Answer>{to.command_id, Answer{profile(after(s, {e}, x), x)}}};
}
D rule(const Account& s, const ChangeProfile& c, Context& x) {
  if (!is_self(x)) return refuse(kInsufficientPermissions);
  ProfileChanged e;
  if (c.first_name.changes(s.first_name)) e.first_name = c.first_name;
  if (c.last_name.changes(s.last_name)) e.last_name = c.last_name;
  if (c.onboarding_completed && *c.onboarding_completed != s.onboarding_completed)
    e.onboarding_completed = c.onboarding_completed;
  if (e == ProfileChanged{}) return Accept{{}, profile(s, x)};
  return Accept{{e}, profile(after(s, {e}, x), x)};
}

// At the system's console.

D rule(const NoAccount&, const CreateAdmin& c, Context& x) {
  if (!is_console_operator(x)) return refuse(kInsufficientPermissions);
  if (x.key_is_taken) return refuse(kEmailTaken);
  return Accept{{Registered{c.email, c.email_index, std::nullopt, std::nullopt, c.password_verifier}, AdminAppointed{}},
                changed(x)};
}
D rule(const Account&, const CreateAdmin&, Context& x) {
  return refuse(is_console_operator(x) ? kEmailTaken : kInsufficientPermissions);
}
D rule(const Account&, const ResetPassword& c, Context& x) {
  if (!is_console_operator(x)) return refuse(kInsufficientPermissions);
  return Accept{{PasswordChanged{c.password_verifier, std::nullopt}}, changed(x)};
}

D rule(const NoAccount&, const auto&, Context&) { return refuse(kNotFound); }

}  // namespace

D decide_part(const State& state, const IdentityCommand& command, Context& context) {
  return std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
}

void fold(Account& s, const LoggedIn&, const Occurred& when) { s.sessions.forget(when.time); }
void fold(Account& s, const LoggedOut& e, const Occurred& when) { s.sessions.end(e.session, when.time); }
void end_sessions(Account& s, const Occurred& when, const std::optional<std::string>& keep) {
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
void fold(Account& s, const AdminAppointed&, const Occurred&) { s.role = Role::admin; }
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

}  // namespace parley::accounts
