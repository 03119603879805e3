#pragma once
// A claim: who has a value that must be unique (an e-mail, a bot, as its index), when the thing that has it lives in
// another slot. Its stream lives in the slot of the value, where the decider owns the value's uniqueness; there is one
// for each value that was ever asked for in this way.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/kernel.h"
#include "domain/value.h"

namespace parley::claims {

// Events.

/// The holder has the value, for a process that goes on elsewhere. A later reservation of the same holder takes the
/// place of the one before.
struct Reserved {
  std::string index;  ///< What must be unique, "account_email", "telegram_bot": it says of which kind the holder is.
  std::string key;    ///< The value, as an HMAC.
  std::string process_id;
  std::int64_t holder = 0;
  std::int64_t holder_version = 0;  ///< The holder's, when it asked: of its reservations the latest counts.
  friend bool operator==(const Reserved&, const Reserved&) = default;
};
/// Somebody else has the value, or the same holder by a later reservation.
struct Refused {
  std::string index;
  std::string key;
  std::string process_id;
  std::int64_t holder = 0;  ///< Who asked.
  friend bool operator==(const Refused&, const Refused&) = default;
};
/// The process has come to its end: the holder uses the value.
struct Confirmed {
  std::string process_id;
  friend bool operator==(const Confirmed&, const Confirmed&) = default;
};
/// Nobody has the value any more.
struct Released {
  std::string index;
  std::string key;
  std::string process_id;
  friend bool operator==(const Released&, const Released&) = default;
};
using Event = std::variant<Reserved, Refused, Confirmed, Released>;

// State.

/// Nobody has the value by a claim.
struct Free {
  friend bool operator==(const Free&, const Free&) = default;
};
struct Held {
  std::string process_id;
  std::int64_t holder = 0;
  std::int64_t holder_version = 0;
  bool is_confirmed = false;
  friend bool operator==(const Held&, const Held&) = default;
};
using State = std::variant<Free, Held>;

/// Total, as every fold.
State evolve(const State& state, const Event& event);

// Commands, of a Reactor. Each may come again, at any time and in any order: what is so already changes nothing, and a
// process that does not hold the value any more has nothing to confirm or to release.

struct Reserve {
  std::string index;
  std::string key;
  std::string process_id;
  std::int64_t holder = 0;
  std::int64_t holder_version = 0;
};
struct Confirm {
  std::string process_id;
};
struct Release {
  std::string index;
  std::string key;
  std::string process_id;
};
using Command = std::variant<Reserve, Confirm, Release>;

// Answers. What came of a command is in the events: whoever goes on waits for those.

struct Noted {
  friend bool operator==(const Noted&, const Noted&) = default;
};
using Answer = std::variant<Noted>;

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

/// Owned by the stream of the claims on that key, in the same slot, whoever has the key.
inline UniqueKey claim_key(const UniqueKey& value) { return {"claim." + value.index, value.key}; }
std::vector<KeyChange> key_changes(const Event& event);
std::optional<UniqueKey> wanted_key(const Command& command);

}  // namespace parley::claims

// What is above a context knows these as values without types (domain/value.h).
namespace parley {
template <>
inline constexpr Part part_of<claims::Event> = Part::event;
template <>
inline constexpr Part part_of<claims::State> = Part::state;
template <>
inline constexpr Part part_of<claims::Command> = Part::command;
template <>
inline constexpr Part part_of<claims::Answer> = Part::answer;
}  // namespace parley
