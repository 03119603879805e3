#pragma once
// The whole domain as one: a stream's kind, and the events, states, commands and answers of every context. A new context is a new
// alternative at the end of each variant here (before parking's, which belongs to streams of every kind, and seals', which belongs to none), and a
// Kind at the same place.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "domain/accounts/accounts.h"
#include "domain/assistants/assistants.h"
#include "domain/claims/claims.h"
#include "domain/dialogs/dialogs.h"
#include "domain/kernel.h"
#include "domain/parking/parking.h"
#include "domain/seals/seals.h"

namespace parley {

/// In the order of the variants below.
enum class Kind : std::uint8_t { account, assistant, dialog, claim };

using Event = std::variant<accounts::Event, assistants::Event, dialogs::Event, claims::Event, parking::Event, seals::Event>;
using State = std::variant<accounts::State, assistants::State, dialogs::State, claims::State>;
using Command = std::variant<accounts::Command, assistants::Command, dialogs::Command, claims::Command, parking::Command>;
using Answer = std::variant<accounts::Answer, assistants::Answer, dialogs::Answer, claims::Answer, parking::Answer>;

/// Bumped whenever a fold changes, so that a state kept on disk by an older build is discarded and folded again from the log.
inline constexpr int kFoldVersion = 6;

/// The kind of stream that the command is for; nothing for parking's, which are for every kind.
inline std::optional<Kind> kind_of(const Command& command) {
  if (std::holds_alternative<parking::Command>(command)) return std::nullopt;
  return static_cast<Kind>(command.index());
}

/// A stream's identity. As text, and as the events' subject: "dialog/1387".
struct Stream {
  Kind kind{};
  std::int64_t id = 0;
  friend constexpr auto operator<=>(const Stream&, const Stream&) = default;
};
std::string_view to_string(Kind kind);
std::string to_string(const Stream& stream);
/// Nothing for text that names no stream of a known kind.
std::optional<Stream> parse_stream(std::string_view text);

/// As text, and as the events' actor: "anonymous", "account/5127", "operator/7175/5127" (that account, of that owner's team), "admin/8199",
/// "visitor/6151" (of that assistant's site), "administrator", "api_key/9223/5127" (with that key, of that owner), "reactor".
std::string to_string(const Principal& principal);
std::optional<Principal> parse_principal(std::string_view text);

/// The state of a stream that has no event.
State initial_state(Kind kind);
/// Whether a stream of that kind may hold the event: one of its own context, or of parking.
inline bool belongs(const Event& event, Kind kind) {
  return event.index() == static_cast<std::size_t>(kind) || std::holds_alternative<parking::Event>(event);
}
/// Total; events of parking change nothing. An event of another kind than the state's is a broken invariant and throws std::logic_error.
State evolve(const State& state, const Event& event, const Occurred& when);
/// A command of another kind than the state's, or of parking, is a broken invariant and throws std::logic_error.
Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

/// A key that one stream at most owns; it must hash to that stream's slot.
struct UniqueKey {
  std::string index;  ///< For example "account_email".
  std::string key;
  friend bool operator==(const UniqueKey&, const UniqueKey&) = default;
};
inline constexpr std::string_view kAccountEmailIndex = "account_email";
/// An account's: owned by the account that was registered with it, or by a claim.
inline UniqueKey email_key(std::string email_index) { return {std::string(kAccountEmailIndex), std::move(email_index)}; }
inline constexpr std::string_view kTelegramBotIndex = "telegram_bot";
/// An assistant's bot: always owned by a claim.
inline UniqueKey bot_key(std::string bot_index) { return {std::string(kTelegramBotIndex), std::move(bot_index)}; }
/// Owned by the stream of the claims on that key, in the same slot, whoever has the key.
inline UniqueKey claim_key(const UniqueKey& value) { return {"claim." + value.index, value.key}; }

/// What an event says of a key: its stream has it from now on, or, if it had it, has it no longer.
struct KeyChange {
  UniqueKey key;
  bool is_taken = true;
  friend bool operator==(const KeyChange&, const KeyChange&) = default;
};
std::vector<KeyChange> key_changes(const Event& event);
/// The key that a command wants for its stream. Whether another one has it, the decision is told.
std::optional<UniqueKey> wanted_key(const Command& command);

}  // namespace parley
