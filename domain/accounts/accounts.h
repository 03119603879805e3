#pragma once
// An account: somebody who logs in. An owner has assistants and pays; an operator works for an owner; an admin looks
// after the installation. Three contexts share its stream: who it is (identity.h), whose team it is in (team.h), its
// API keys (api_keys.h); and its money, as long as that has none of its own (wallet.h). Each has its events, commands
// and rules; here is what they are together.
#include <array>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "domain/accounts/api_keys.h"
#include "domain/accounts/identity.h"
#include "domain/accounts/team.h"
#include "domain/accounts/wallet.h"
#include "domain/kernel.h"
#include "domain/value.h"

namespace parley::accounts {

/// In the order of the catalogue. Who and when is in the envelope; the account's id is the stream's.
using Event =
    std::variant<Registered, WelcomeBonusGranted, LoggedIn, LoggedOut, PasswordChanged, ProfileChanged, JoinedTeam,
                 TeamMemberChanged, LeftTeam, AdminAppointed, ApiKeyCreated, ApiKeyRevoked, ApiKeyUsed,
                 EmailChangeRequested, EmailChanged, EmailChangeRefused, EmailReservationDeclined>;

struct NoAccount {
  friend bool operator==(const NoAccount&, const NoAccount&) = default;
};
/// The fold of the events, with what decisions and answers need.
struct Account : Identity, Team, KeyRing, Wallet {
  friend bool operator==(const Account&, const Account&) = default;
};
using State = std::variant<NoAccount, Account>;

/// Total: every event has its place in every state, so that a fold never fails.
State evolve(const State& state, const Event& event, const Occurred& when);

namespace internal {
template <class... A, class... B, class... C>
std::variant<A..., B..., C...> joined(std::variant<A...>, std::variant<B...>, std::variant<C...>);
}  // namespace internal
using Command = decltype(internal::joined(std::declval<IdentityCommand>(), std::declval<TeamCommand>(),
                                          std::declval<ApiKeyCommand>()));

using Answer = std::variant<SignedIn, Profile, TeamMember, Changed, NewApiKey, EndedApiKey>;

/// In the order of their headers.
inline constexpr std::array kRefusals{kApiKeyNotFound, kApiKeyLimitReached, kInvalidCredentials, kEmailTaken,
                                      kOperatorNotFound};

/// The rules are each context's, one for each pair of state and command.
Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

std::vector<KeyChange> key_changes(const Event& event);
/// The key that a command wants for its stream. Whether another one has it, the decision is told.
std::optional<UniqueKey> wanted_key(const Command& command);

}  // namespace parley::accounts

// What is above a context knows these as values without types (domain/value.h).
namespace parley {
template <>
inline constexpr Part part_of<accounts::Event> = Part::event;
template <>
inline constexpr Part part_of<accounts::State> = Part::state;
template <>
inline constexpr Part part_of<accounts::Command> = Part::command;
template <>
inline constexpr Part part_of<accounts::Answer> = Part::answer;
}  // namespace parley
