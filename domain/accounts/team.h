#pragma once
// An owner's team: accounts of operators, who work on the owner's dialogs.
#include <optional>
#include <string>
#include <variant>

#include "domain/kernel.h"

namespace parley::accounts {

// Events.

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

// State.

struct Membership {
  AccountId owner;
  Personal name;
  bool is_active = true;
  friend bool operator==(const Membership&, const Membership&) = default;
};
struct Team {
  std::optional<Membership> team;  ///< Of an operator; nothing after it has left.
  friend bool operator==(const Team&, const Team&) = default;
};

// Commands. Of an owner, for the own team.

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

using TeamCommand = std::variant<AddOperator, ChangeOperator, RemoveOperator>;

// Answers.

/// An operator as it is now.
struct TeamMember {
  AccountId account;
  Personal email;
  Timestamp created_at;
  Personal name;
  bool is_active = true;
  friend bool operator==(const TeamMember&, const TeamMember&) = default;
};

// Refusals.

/// There is no such operator in the team of who asks.
inline constexpr Code kOperatorNotFound{"OPERATOR_NOT_FOUND"};

}  // namespace parley::accounts
