#pragma once
// Effects on: the operator's word that reactors may act outside again in a partition that was restored from a backup.
// One stream for each partition; it is about one log, so that a copy of the event in a later log means nothing there.
#include <cstdint>
#include <string>
#include <variant>

#include "domain/kernel.h"
#include "domain/value.h"

namespace parley::effects {

// Events.

/// From here on reactors act outside for what this partition holds, and for what was restored into it.
struct SwitchedOn {
  std::string log;     ///< The identity of the topic of events in which it was decided.
  std::string reason;  ///< The operator's words.
  friend bool operator==(const SwitchedOn&, const SwitchedOn&) = default;
};
using Event = std::variant<SwitchedOn>;

// State.

/// Nobody has switched effects on.
struct Untouched {
  friend bool operator==(const Untouched&, const Untouched&) = default;
};
/// Effects were switched on in that log.
struct On {
  std::string log;
  friend bool operator==(const On&, const On&) = default;
};
using State = std::variant<Untouched, On>;

/// Total, as every fold.
State evolve(const State& state, const Event& event);

// Commands, of a ConsoleOperator.

/// What is on in this log stays on, without an event.
struct SwitchOn {
  std::string log;
  std::string reason;
};
using Command = std::variant<SwitchOn>;

// Answers.

struct AreOn {
  bool were_on = false;  ///< They were on in this log already.
  friend bool operator==(const AreOn&, const AreOn&) = default;
};
using Answer = std::variant<AreOn>;

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context);

/// The id of a partition's stream: the first one of the partition's first slot.
constexpr std::int64_t stream_of(int partition, int partitions) {
  return kSlots + (static_cast<std::int64_t>(partition) * kSlots + partitions - 1) / partitions;
}

}  // namespace parley::effects

// What is above a context knows these as values without types (domain/value.h).
namespace parley {
template <>
inline constexpr Part part_of<effects::Event> = Part::event;
template <>
inline constexpr Part part_of<effects::State> = Part::state;
template <>
inline constexpr Part part_of<effects::Command> = Part::command;
template <>
inline constexpr Part part_of<effects::Answer> = Part::answer;
}  // namespace parley
