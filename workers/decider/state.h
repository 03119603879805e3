#pragma once
// What a decider knows of one partition: the fold of the partition's events and replies. No I/O.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "domain/model.h"
#include "domain/parking/parking.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/replies.h"
#include "schemas/seal.h"

namespace parley::decider {

/// How long an outcome is remembered, by the decider's stamps: within it a repeated command gets the first answer
/// again.
inline constexpr std::chrono::hours kOutcomeWindow{24};

/// Of the streams that stand still in a partition, as many are named to operators.
inline constexpr std::size_t kParkedNamedMax = 100;

/// A stream as far as it was folded. It stands still, and refuses commands, while a command has stopped it, or an event
/// of a type that this build does not know.
struct StreamEntry {
  struct Command {
    parking::Parked parked;
    std::int64_t version = 0;
    Timestamp since;
  };
  struct UnknownEvent {
    std::string type;
    std::int64_t version = 0;  ///< Of the last one.
    Timestamp since;
  };
  std::int64_t version = 0;
  std::string hash;  ///< Of the last event, 32 raw bytes; zeros before the first.
  std::optional<State>
      state;  ///< The fold of the events that this build knows; nothing for a kind of stream that it does not know.
  std::optional<Command> stopped_by{};  ///< The command that parked it.
  std::optional<UnknownEvent> unknown{};

  bool stands_still() const { return state && (stopped_by || unknown); }
};
/// A stream without events. Without a state when the text names no kind that this build knows.
StreamEntry new_entry(std::string_view subject);
/// Of a stream that stands still: why, for operators.
schema::ParkedStream parked_stream(std::string_view subject, const StreamEntry& entry);

/// A decided command.
struct Remembered {
  Timestamp time;
  std::string fingerprint;
  std::string outcome;        ///< As it was replied, byte for byte.
  bool is_under_way = false;  ///< Its outcome is still to come.
};

/// What seals are made of.
struct Sealing {
  std::int64_t events = 0;                                       ///< In the partition, seals among them.
  std::string digest = std::string(schema::kDigestBytes, '\0');  ///< Running, over all of them, raw.
  std::int64_t sealed = 0;   ///< So many of them are behind the last seal, itself among them.
  Timestamp unsealed_since;  ///< Of the first that is not, if there is one.
};

/// How far the log is folded.
struct Progress {
  std::int64_t next_event = 0;
  std::int64_t last_event = -1;  ///< Its offset; -1 before the first.
  std::string last_event_id;     ///< Witness: this event must still stand at that offset.
  std::int64_t next_reply = 0;
  std::int64_t last_command = -1;  ///< The highest offset decided.
  Timestamp last_stamp;
  Sealing sealing;
};

struct UniqueKeyOrder {
  bool operator()(const UniqueKey& a, const UniqueKey& b) const {
    return std::tie(a.index, a.key) < std::tie(b.index, b.key);
  }
};

/// What a transaction, or a stretch of the log, changes. Streams by subject ("dialog/1387").
struct Changes {
  std::map<std::string, StreamEntry, std::less<>> streams;
  std::map<UniqueKey, std::optional<Stream>, UniqueKeyOrder> owners;  ///< Nothing: nobody any more.
  std::map<int, std::int64_t> counters;                               ///< The last n used, by slot.
  std::unordered_map<std::string, Remembered> outcomes;
  Progress progress;
};

/// The state could not be read: neither the command's fault nor the log's. Ends the process.
class StateUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The disk has no room for the state. What is on it stays, and is used again when there is room.
class StateDiskFull : public StateUnavailable {
 public:
  using StateUnavailable::StateUnavailable;
};

/// What is known of a partition at one moment. Reading may throw StateUnavailable.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual std::optional<StreamEntry> stream(std::string_view subject) const = 0;
  virtual std::optional<Stream> owner(const UniqueKey& key) const = 0;
  virtual std::int64_t counter(int slot) const = 0;
  virtual std::optional<Remembered> outcome(std::string_view command_id) const = 0;
  virtual const Progress& progress() const = 0;
  /// The streams that stand still.
  virtual std::set<std::string, std::less<>> parked() const = 0;
};

/// What stands still in a partition.
schema::ParkedEntry parked_entry(const Snapshot& snapshot);

/// A snapshot with changes on top of it. The snapshot must outlive it and stay as it is.
class Overlay final : public Snapshot {
 public:
  explicit Overlay(const Snapshot& base) : base_(base) { changes_.progress = base.progress(); }

  std::optional<StreamEntry> stream(std::string_view subject) const override;
  std::optional<Stream> owner(const UniqueKey& key) const override;
  std::int64_t counter(int slot) const override;
  std::optional<Remembered> outcome(std::string_view command_id) const override;
  const Progress& progress() const override { return changes_.progress; }
  std::set<std::string, std::less<>> parked() const override;

  /// Folds an event whose number follows its stream's version; nothing for an event of an unknown type. Throws
  /// std::logic_error for a gap, a repetition, a unique key that another stream owns or a seal over something else than
  /// what stands before it: the log breaks its own rules, and nothing may be decided on it.
  void apply(const schema::Envelope& envelope, const std::optional<Event>& event);
  /// The event, which was applied, stands at that offset as this record.
  void passed_event(std::int64_t offset, std::string_view event_id, const schema::StoredRecord& record);
  /// The event, which was applied, is its command's answer.
  void answered(const schema::Envelope& envelope, const schema::AnswerMark& mark, const Event& event,
                const schema::Position& position);
  /// Whether the outcome is still to come, the envelope says.
  void apply(const schema::ReplyEnvelope& envelope, Remembered outcome);
  void passed_reply(std::int64_t offset) { changes_.progress.next_reply = offset + 1; }
  void passed_command(std::int64_t offset);
  void stamped(Timestamp time);

  /// Joins what was changed on top of this one.
  void merge(Changes&& later);
  Changes take() && { return std::move(changes_); }

 private:
  void change_owner(const Stream& stream, const UniqueKey& key, bool is_taken);

  const Snapshot& base_;
  Changes changes_;
};

}  // namespace parley::decider
