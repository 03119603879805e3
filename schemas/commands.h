#pragma once
// Commands on the wire (parley.commands): the envelope in headers, the command's JSON as value, the slot as key in
// decimal digits.
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "domain/model.h"
#include "schemas/envelope.h"
#include "schemas/fields.h"

namespace parley::schema {

/// What a command is addressed to: a stream that exists, the stream that owns a unique key (or a new one, if none
/// does), or a new stream.
struct NewStream {
  friend bool operator==(const NewStream&, const NewStream&) = default;
};
using Target = std::variant<NewStream, Stream, UniqueKey>;

/// The slot that a target determines, so that commands for one aggregate, and repetitions of a creation, always meet
/// the same decider. `slot_of_text` is crypto::slot_of.
int slot_of_target(const Target& target, std::string_view command_id, int (*slot_of_text)(std::string_view));

struct CommandEnvelope {
  std::string type;        ///< Wire name of the command.
  std::string command_id;  ///< UUID: what makes a repetition one.
  std::string attempt_id;  ///< UUID of this sending: the reply names it.
  std::string
      fingerprint;  ///< HMAC of who asks for what, hexadecimal; the same id with another one is another request.
  Principal principal;
  Target target;
  int slot = 0;                                  ///< The record's key.
  Timestamp not_after;                           ///< Decided later, it is refused as expired.
  std::optional<std::int64_t> expected_version;  ///< Of the target stream.
  std::string correlation;
  /// The sender takes the event for the answer where it says all of it; false: it waits for a reply, always.
  bool takes_events = false;
};

struct CommandRecord {
  std::string key;
  Headers headers;
  std::string value;
};
CommandRecord to_record(const CommandEnvelope& envelope, const Command& command);

/// Why a record is no command: for the dead letter. `envelope` holds what could be read, so that the sender may still
/// get an answer.
struct CommandProblem {
  std::string reason;
  std::optional<CommandEnvelope> envelope;
};
/// Without its value, which is not looked at. The error is the reason.
std::expected<CommandEnvelope, std::string> read_command_envelope(std::string_view key, const HeaderLookup& header);
std::expected<std::pair<CommandEnvelope, Command>, CommandProblem> read_command(std::string_view key,
                                                                                const HeaderLookup& header,
                                                                                std::string_view value);

}  // namespace parley::schema
