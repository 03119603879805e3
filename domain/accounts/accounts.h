#pragma once
// An account: somebody who logs in. An owner has assistants and pays; an operator works for an owner; an admin looks after the installation. Its
// stream lives in the slot of its e-mail, so that one decider owns the e-mail's uniqueness.
#include <optional>
#include <string>
#include <variant>

#include "domain/accounts/api_keys.h"
#include "domain/accounts/sessions.h"
#include "domain/kernel.h"

namespace parley::accounts {

/// What a new owner is given.
inline constexpr Kopecks kWelcomeBonus{500'00};

/// For good: an account of one role does not become one of another.
enum class Role { owner, operator_, admin };
enum class Plan { trial };

// Events. Who and when is in the envelope; the account's id is the stream's.

struct Registered {
  Personal email;
  std::string email_index;  ///< HMAC of the normalised e-mail: the unique key.
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  Sealed password_verifier;
  friend bool operator==(const Registered&, const Registered&) = default;
};
struct WelcomeBonusGranted {
  Kopecks amount;
  friend bool operator==(const WelcomeBonusGranted&, const WelcomeBonusGranted&) = default;
};
enum class LoginMethod { password };
/// A session begins.
struct LoggedIn {
  LoginMethod method{};
  friend bool operator==(const LoggedIn&, const LoggedIn&) = default;
};
struct LoggedOut {
  Session session;
  friend bool operator==(const LoggedOut&, const LoggedOut&) = default;
};
/// All sessions are over, but the one that is kept.
struct PasswordChanged {
  Sealed password_verifier;
  std::optional<std::string> kept_session;
  friend bool operator==(const PasswordChanged&, const PasswordChanged&) = default;
};
struct ProfileChanged {
  Patch<Personal> first_name;
  Patch<Personal> last_name;
  std::optional<bool> onboarding_completed;
  friend bool operator==(const ProfileChanged&, const ProfileChanged&) = default;
};
/// The account is an operator's, of that owner's team. All its sessions are over.
struct JoinedTeam {
  AccountId owner;
  Personal name;
  friend bool operator==(const JoinedTeam&, const JoinedTeam&) = default;
};
/// Who is not active any more has no sessions, and cannot log in.
struct TeamMemberChanged {
  std::optional<Personal> name;
  std::optional<bool> is_active;
  friend bool operator==(const TeamMemberChanged&, const TeamMemberChanged&) = default;
};
/// All sessions are over.
struct LeftTeam {
  friend bool operator==(const LeftTeam&, const LeftTeam&) = default;
};
struct AdminAppointed {
  friend bool operator==(const AdminAppointed&, const AdminAppointed&) = default;
};
using Event = std::variant<Registered, WelcomeBonusGranted, LoggedIn, LoggedOut, PasswordChanged, ProfileChanged, JoinedTeam, TeamMemberChanged,
                           LeftTeam, AdminAppointed, ApiKeyCreated, ApiKeyRevoked, ApiKeyUsed>;

// State: the fold of the events, with what decisions and answers need.

struct NoAccount {
  friend bool operator==(const NoAccount&, const NoAccount&) = default;
};
struct Membership {
  AccountId owner;
  Personal name;
  bool is_active = true;
  friend bool operator==(const Membership&, const Membership&) = default;
};
struct Account {
  Personal email;
  std::string email_index;
  Sealed password_verifier;
  Timestamp created_at;
  Role role = Role::owner;
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  bool onboarding_completed = false;
  Kopecks balance;
  Kopecks welcome_bonus;
  std::optional<Membership> team;  ///< Of an operator; nothing after it has left.
  Sessions sessions;
  ApiKeys api_keys;
  friend bool operator==(const Account&, const Account&) = default;
};
using State = std::variant<NoAccount, Account>;

/// Total: every event has its place in every state, so that a fold never fails.
State evolve(const State& state, const Event& event, const Occurred& when);

// Commands. Those that may meet nobody (the state is NoAccount then) are addressed by the e-mail's index, the others by the account's id.

struct Register {
  Personal email;
  std::string email_index;
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  Sealed password_verifier;
};
struct LogIn {
  bool password_matches = false;  ///< What the API found; verifying costs too much time and memory for a decider.
  /// What it compared with: a password that has been changed meanwhile opens nothing. Nothing where it knew of nobody.
  std::optional<Sealed> compared_with = {};
};

// Of somebody who has a session, for the own account.

struct LogOut {
  Session session;
};
struct ChangePassword {
  bool password_matches = false;
  Sealed compared_with;
  Sealed password_verifier;
  Session session;  ///< The caller's, which goes on.
};
struct ChangeProfile {
  Patch<Personal> first_name;
  Patch<Personal> last_name;
  std::optional<bool> onboarding_completed;
};

// Of an owner, for the own team.

struct AddOperator {
  Personal email;
  std::string email_index;
  Personal name;
  Sealed password_verifier;
};
struct ChangeOperator {
  std::optional<Personal> name;
  std::optional<bool> is_active;
  std::optional<Sealed> password_verifier;
};
struct RemoveOperator {};

// Of an Administrator.

struct CreateAdmin {
  Personal email;
  std::string email_index;
  Sealed password_verifier;
};
struct ResetPassword {
  Sealed password_verifier;
};

using Command = std::variant<Register, LogIn, LogOut, ChangePassword, ChangeProfile, AddOperator, ChangeOperator, RemoveOperator, CreateAdmin,
                             ResetPassword, CreateApiKey, RevokeApiKey, NoteApiKeyUse>;

// Answers.

/// A session has begun. Its id is the command's, its version this outcome's.
struct SignedIn {
  AccountId account;
  Personal email;
  Kopecks balance;
  std::optional<Role> role = {};        ///< Nothing: an owner.
  std::optional<AccountId> owner = {};  ///< Of an operator: whose team.
  friend bool operator==(const SignedIn&, const SignedIn&) = default;
};
/// The account as it is now.
struct Profile {
  AccountId account;
  Personal email;
  Timestamp created_at;
  Role role{};
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  bool onboarding_completed = false;
  Kopecks balance;
  Kopecks welcome_bonus;
  friend bool operator==(const Profile&, const Profile&) = default;
};
/// An operator as it is now.
struct TeamMember {
  AccountId account;
  Personal email;
  Timestamp created_at;
  Personal name;
  bool is_active = true;
  friend bool operator==(const TeamMember&, const TeamMember&) = default;
};
/// Done, and there is nothing to show.
struct Changed {
  AccountId account;
  friend bool operator==(const Changed&, const Changed&) = default;
};
using Answer = std::variant<SignedIn, Profile, TeamMember, Changed, NewApiKey, EndedApiKey>;

/// The rules are in accounts.cc, one for each pair of state and command.
Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

}  // namespace parley::accounts
