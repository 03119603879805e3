#pragma once
// Parking: a stream on which a decision failed stands still, alone, until an operator lets it go on. Streams of every
// kind may have these events; they change no state of a context.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/kernel.h"
#include "domain/value.h"

namespace parley::parking {

// Events.

/// From here on the stream refuses commands.
struct Parked {
  std::string command_id;
  std::int64_t command_offset = 0;  ///< In the partition of parley.commands with the event's number.
  std::string fingerprint;          ///< The command's: so that its id can be answered when it is skipped.
  std::string reason;               ///< For operators; no text about a person.
  friend bool operator==(const Parked&, const Parked&) = default;
};
enum class Action {
  retry,  ///< What stopped the stream is tried again.
  skip,   ///< It is left out for good.
};
/// What stopped the stream is out of the way: a command (neither projection nor version), an event of a type that the
/// decider's build does not know (version), or an event that a projection could not apply (projection and version).
struct Unparked {
  Action action{};
  std::string reason;  ///< The operator's words.
  std::optional<std::string> projection;
  std::optional<std::int64_t> version;  ///< The event's that is meant, in this stream.
  friend bool operator==(const Unparked&, const Unparked&) = default;
};
using Event = std::variant<Parked, Unparked>;

// Commands to a stream, sent by a ConsoleOperator. What they mean by `projection` and `version` is as in Unparked.

/// A command as its sender wrote it.
struct SentCommand {
  struct Header {
    std::string name;
    std::string value;
  };
  std::string key;
  std::vector<Header> headers;
  Personal value;
};
/// Lets the stream go on and decides the command that stopped it again, as one step.
struct Retry {
  std::string reason;
  std::optional<SentCommand> command;  ///< For a stream that a command stopped: that command.
  std::optional<std::string> projection;
  std::optional<std::int64_t> version;
};
/// Lets the stream go on without what stopped it; a command that is skipped is refused for good.
struct Skip {
  std::string reason;
  std::optional<std::string> projection;
  std::optional<std::int64_t> version;
};
using Command = std::variant<Retry, Skip>;

// Answers.

struct StreamUnparked {
  Action action{};
  friend bool operator==(const StreamUnparked&, const StreamUnparked&) = default;
};
using Answer = std::variant<StreamUnparked>;

// Refusals.

/// The stream is parked: nothing is decided on it for now.
inline constexpr Code kStreamParked{"STREAM_PARKED"};
/// The stream is not parked: nothing is to be retried or skipped.
inline constexpr Code kStreamNotParked{"STREAM_NOT_PARKED"};
/// The command had parked its stream, and an operator has skipped it.
inline constexpr Code kCommandSkipped{"COMMAND_SKIPPED"};
inline constexpr std::array kRefusals{kStreamParked, kStreamNotParked, kCommandSkipped};

}  // namespace parley::parking

// What is above a context knows these as values without types (domain/value.h).
namespace parley {
template <>
inline constexpr Part part_of<parking::Event> = Part::event;
template <>
inline constexpr Part part_of<parking::Command> = Part::command;
template <>
inline constexpr Part part_of<parking::Answer> = Part::answer;
}  // namespace parley
