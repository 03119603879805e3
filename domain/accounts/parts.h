#pragma once
// What the contexts of an account's stream know of each other. Internal to domain/accounts.
#include <optional>
#include <string>
#include <vector>

#include "domain/accounts/accounts.h"

namespace parley::accounts {

using D = Decision<Event, Answer>;
using Accept = Accepted<Event, Answer>;

// What a context decides, each in its own file.
D decide_part(const State& state, const IdentityCommand& command, Context& context);
D decide_part(const State& state, const TeamCommand& command, Context& context);
D decide_part(const State& state, const ApiKeyCommand& command, Context& context);

// What events do to an account, each in its context's file.
void fold(Account& s, const LoggedIn& e, const Occurred& when);
void fold(Account& s, const LoggedOut& e, const Occurred& when);
void fold(Account& s, const PasswordChanged& e, const Occurred& when);
void fold(Account& s, const ProfileChanged& e, const Occurred& when);
void fold(Account& s, const AdminAppointed& e, const Occurred& when);
void fold(Account& s, const EmailChangeRequested& e, const Occurred& when);
void fold(Account& s, const EmailChanged& e, const Occurred& when);
void fold(Account& s, const EmailChangeRefused& e, const Occurred& when);
void fold(Account& s, const EmailReservationDeclined& e, const Occurred& when);
void fold(Account& s, const JoinedTeam& e, const Occurred& when);
void fold(Account& s, const TeamMemberChanged& e, const Occurred& when);
void fold(Account& s, const LeftTeam& e, const Occurred& when);
void fold(Account& s, const ApiKeyCreated& e, const Occurred& when);
void fold(Account& s, const ApiKeyRevoked& e, const Occurred& when);
void fold(Account& s, const ApiKeyUsed& e, const Occurred& when);
void fold(Account& s, const WelcomeBonusGranted& e, const Occurred& when);
/// What ends them all ends a change of the e-mail too: it may be somebody's whose session should not have been.
void end_sessions(Account& s, const Occurred& when, const std::optional<std::string>& keep = {});

/// What an answer shows is folded from the same events.
Account after(const Account& s, const std::vector<Event>& events, const Context& x);
inline Changed changed(const Context& x) { return {AccountId{x.stream_id}}; }

}  // namespace parley::accounts
