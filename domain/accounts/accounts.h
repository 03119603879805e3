#pragma once
// An account: somebody who owns assistants and pays. Its stream lives in the slot of its e-mail, so that one decider owns the e-mail's uniqueness.
#include <optional>
#include <variant>

#include "domain/kernel.h"

namespace parley::accounts {

/// What a new account is given.
inline constexpr Kopecks kWelcomeBonus{500'00};

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
struct LoggedIn {
  LoginMethod method{};
  friend bool operator==(const LoggedIn&, const LoggedIn&) = default;
};
using Event = std::variant<Registered, WelcomeBonusGranted, LoggedIn>;

// State: the fold of the events, with what decisions and answers need.

struct NoAccount {
  friend bool operator==(const NoAccount&, const NoAccount&) = default;
};
struct Account {
  Personal email;
  std::string email_index;
  Sealed password_verifier;
  Kopecks balance;
  friend bool operator==(const Account&, const Account&) = default;
};
using State = std::variant<NoAccount, Account>;

/// Total: every event has its place in every state, so that a fold never fails.
State evolve(const State& state, const Event& event);

// Commands. Both are addressed by the e-mail's index, not by an id: the state is NoAccount when nobody has that e-mail.

struct Register {
  Personal email;
  std::string email_index;
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  Sealed password_verifier;
};
struct LogIn {
  bool password_matches = false;  ///< What the API found; verifying costs too much time and memory for a decider.
};
using Command = std::variant<Register, LogIn>;

// Answers.

struct SignedIn {
  AccountId account;
  Personal email;
  Kopecks balance;
  friend bool operator==(const SignedIn&, const SignedIn&) = default;
};
using Answer = std::variant<SignedIn>;

/// The rules are in accounts.cc, one for each pair of state and command.
Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

}  // namespace parley::accounts
