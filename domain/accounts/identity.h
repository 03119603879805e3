#pragma once
// Who an account is and how it is logged into: its e-mail, password, profile, role and sessions. Its stream lives in
// the slot of the e-mail that it was registered with, so that one decider owns that e-mail's uniqueness. It stays there
// when the e-mail changes: then a claim (domain/claims) in the new one's slot holds that for it.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "domain/accounts/sessions.h"
#include "domain/kernel.h"

namespace parley::accounts {

/// For good: an account of one role does not become one of another.
enum class Role { owner, operator_, admin };
enum class Plan { trial };

// Events.

struct Registered {
  Personal email;
  std::string email_index;  ///< HMAC of the normalised e-mail: the unique key.
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  Sealed password_verifier;
  friend bool operator==(const Registered&, const Registered&) = default;
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
struct AdminAppointed {
  friend bool operator==(const AdminAppointed&, const AdminAppointed&) = default;
};
/// The account is to have another e-mail, as soon as that is reserved for it.
struct EmailChangeRequested {
  std::string process_id;
  std::optional<std::string> command_id;  ///< That began it: its answer is the end. In events from before it was said:
                                          ///< the process has its name.
  Personal email;
  std::string email_index;
  Session session;  ///< In which that was asked.
  friend bool operator==(const EmailChangeRequested&, const EmailChangeRequested&) = default;
};
/// All sessions are over, but the one that is kept. Whoever wants the previous e-mail may have it, as soon as its
/// claim, if it had one, is released.
struct EmailChanged {
  std::string process_id;
  Personal email;
  std::string email_index;
  std::string previous_email_index;
  std::optional<std::string>
      previous_process_id;  ///< By which it had a claim on the previous one; nothing: it was registered with it.
  std::optional<std::string> kept_session;
  friend bool operator==(const EmailChanged&, const EmailChanged&) = default;
};
/// Somebody else has the e-mail; the account's own stays.
struct EmailChangeRefused {
  std::string process_id;
  friend bool operator==(const EmailChangeRefused&, const EmailChangeRefused&) = default;
};
/// An e-mail was reserved for a change that has been given up meanwhile: nothing changes, and the claim is to be
/// released.
struct EmailReservationDeclined {
  std::string process_id;
  std::string email_index;
  friend bool operator==(const EmailReservationDeclined&, const EmailReservationDeclined&) = default;
};

// State.

/// A change of the e-mail that is under way. Another request takes its place, and what ends all sessions gives it up.
struct PendingEmail {
  std::string process_id;
  std::string command_id;
  Personal email;
  std::string email_index;
  Session session;
  friend bool operator==(const PendingEmail&, const PendingEmail&) = default;
};
struct Identity {
  Personal email;
  std::string email_index;
  Sealed password_verifier;
  Timestamp created_at;
  Role role = Role::owner;
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  bool onboarding_completed = false;
  Sessions sessions;
  std::optional<PendingEmail> pending_email;
  std::optional<std::string>
      email_process;  ///< By which it has a claim on its e-mail; nothing: it was registered with it.
  friend bool operator==(const Identity&, const Identity&) = default;
};

// Commands. Those that may meet nobody (the state is NoAccount then) are addressed by the e-mail's index where no
// account is known to have it, the others by the account's id.

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
  std::optional<std::string> email_index = {};  ///< Of the e-mail that was given: it may not be the account's any more.
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
/// Answered with the Profile when the change has come to its end.
struct ChangeEmail {
  Personal email;
  std::string email_index;
  bool password_matches = false;
  Sealed compared_with;
  Session session;  ///< The caller's, which goes on.
};
struct ChangeProfile {
  Patch<Personal> first_name;
  Patch<Personal> last_name;
  std::optional<bool> onboarding_completed;
};

// Of a Reactor.

/// The e-mail is reserved for that change, or somebody else has it. May come again.
struct FinishEmailChange {
  std::string process_id;
  std::string email_index;
  bool is_reserved = false;
};

// Sent by a ConsoleOperator.

struct CreateAdmin {
  Personal email;
  std::string email_index;
  Sealed password_verifier;
};
struct ResetPassword {
  Sealed password_verifier;
};

using IdentityCommand = std::variant<Register, LogIn, LogOut, ChangePassword, ChangeProfile, CreateAdmin, ResetPassword,
                                     ChangeEmail, FinishEmailChange>;

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
/// Done, and there is nothing to show.
struct Changed {
  AccountId account;
  friend bool operator==(const Changed&, const Changed&) = default;
};

// Refusals.

/// The e-mail and the password do not belong together, or no account has the e-mail: which of them, nobody is told.
inline constexpr Code kInvalidCredentials{"INVALID_CREDENTIALS"};
/// An account has the e-mail already.
inline constexpr Code kEmailTaken{"EMAIL_TAKEN"};

inline constexpr std::string_view kEmailIndex = "account_email";
/// An e-mail's key: owned by the account that was registered with it, or by a claim.
inline UniqueKey email_key(std::string email_index) { return {std::string(kEmailIndex), std::move(email_index)}; }

}  // namespace parley::accounts
