#pragma once
// Replies on the wire (parley.replies): a command's outcome, which is both the answer for its sender and the memory of
// what was decided. The value is the outcome and never changes for a command; the headers say for which sending it is
// and whether it is the first.
#include <array>
#include <expected>
#include <optional>
#include <string>
#include <variant>

#include "domain/model.h"
#include "schemas/disclosed.h"
#include "schemas/envelope.h"
#include "schemas/fields.h"

namespace parley::schema {

/// Where an event stands in parley.events.
struct Position {
  std::int64_t partition = 0;
  std::int64_t offset = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

// What a decider refuses before it decides.

/// The command came to its decider after its deadline.
inline constexpr Code kCommandExpired{"COMMAND_EXPIRED"};
/// The command's id, and so its sender's idempotency key, belongs to another command.
inline constexpr Code kIdempotencyKeyReused{"IDEMPOTENCY_KEY_REUSED"};
inline constexpr std::array kDeciderRefusals{kCommandExpired, kIdempotencyKeyReused};

/// Any name is read: what a newer build refuses is known to be refused, and by which name.
template <>
struct Codec<Code> {
  static Read<Code> read(json::Value v, const Limits&) {
    const auto text = v.string();
    const auto code = text ? Code::named(*text) : std::nullopt;
    return code ? Read<Code>(*code) : problem("must be the name of a refusal");
  }
  static void write(json::Writer& w, const Code& code) { w.string(code.name()); }
};

/// What was decided. Its text is kept by deciders and given again, byte for byte, when the command is repeated.
struct Outcome {
  std::string command_id;
  std::string fingerprint;
  Timestamp time;                    ///< The decider's stamp.
  std::string stream;                ///< Empty when a refusal met no stream.
  std::int64_t version = 0;          ///< The stream's, after the decision.
  std::optional<Position> position;  ///< Of the last event; nothing when none was appended.
  std::variant<Answer, Error> result;
};
std::string write_outcome(const Outcome& outcome);
Read<Outcome> read_outcome(std::string_view value);
/// An outcome's text as it may be shown (disclosed.h).
Read<std::string> disclosed_outcome(std::string_view value, Disclosure disclosure);

/// What a reply means for the memory of outcomes.
enum class Memory {
  first,      ///< A decision: remembered.
  repeat,     ///< The first one's outcome again; or, with another fingerprint, the refusal of that.
  none,       ///< Not a decision (expired, parked): asked again, it is decided then.
  under_way,  ///< What was decided has begun and not ended: remembered as that. The outcome follows as a first one, for
              ///< no sending in particular.
  still_under_way,  ///< It was under way already when it was sent again; the same outcome follows.
};
/// Whether the outcome is still to come.
constexpr bool is_under_way(Memory memory) { return memory == Memory::under_way || memory == Memory::still_under_way; }
template <>
inline constexpr std::array names<Memory>{
    std::pair{Memory::first, std::string_view("first")},
    std::pair{Memory::repeat, std::string_view("repeat")},
    std::pair{Memory::none, std::string_view("none")},
    std::pair{Memory::under_way, std::string_view("under_way")},
    std::pair{Memory::still_under_way, std::string_view("still_under_way")},
};

struct ReplyEnvelope {
  std::string command_id;
  std::string attempt_id;
  std::string correlation;
  Memory memory{};
  std::int64_t command_offset = kBeforeEveryCommand;
};
/// What an event carries, beside its envelope, when it is its command's answer: nothing is written to parley.replies
/// then. Not part of its hash, as nothing of it is what happened.
struct AnswerMark {
  std::string attempt_id;   ///< The sending that it answers.
  std::string fingerprint;  ///< The command's.
};
Headers to_headers(const AnswerMark& mark);
/// Nothing for an event that answers no command.
std::optional<AnswerMark> read_answer_mark(const HeaderLookup& header);
/// The outcome of the command that the event answers, the same as a reply would have said, byte for byte. The error
/// says why the event cannot be one.
Read<Outcome> outcome_of(const Envelope& envelope, const AnswerMark& mark, const Event& event,
                         const Position& position);

/// The record's key is the command id.
Headers to_headers(const ReplyEnvelope& envelope);
std::expected<ReplyEnvelope, std::string> read_reply_envelope(const HeaderLookup& header);

}  // namespace parley::schema
