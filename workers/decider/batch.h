#pragma once
// The commands of one partition in one transaction, decided. Pure: no Kafka, no disk, no clock of its own.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schemas/commands.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/replies.h"
#include "workers/decider/state.h"

namespace parley::decider {

/// A record larger than this, headers included, is not staged (the broker would refuse the whole transaction); its
/// command becomes a dead letter.
inline constexpr std::size_t kRecordBytesMax = 900'000;
/// A command with a longer identifier in its headers becomes a dead letter; what replies repeat is bounded by it.
inline constexpr std::size_t kIdentifierBytesMax = 500;
/// A reason in the log is cut after this.
inline constexpr std::size_t kReasonBytesMax = 500;

/// The rules. May throw: that parks the stream.
using Decide = std::function<Decision<Event, Answer>(const State&, const Command&, Context&)>;

/// A record to write to the commands' partition of the topic whose list it stands in.
struct StagedRecord {
  std::string key;
  schema::Headers headers;
  std::string value;
};

/// The record of an event: it gets the stream's next hash, which becomes `hash` (32 raw bytes; zeros before the first
/// event).
StagedRecord event_record(schema::Envelope& envelope, std::string& hash, schema::Encoded&& data);
/// As the log will have it. The views point into the record and into `headers`, which is filled.
schema::StoredRecord stored(const StagedRecord& record,
                            std::vector<std::pair<std::string_view, std::string_view>>& headers);

/// A command as it was read. The views must live as long as the batch: a dead letter repeats them.
struct CommandInput {
  std::string_view key;
  schema::HeaderLookup header;
  /// All headers, for a dead letter.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view value;
  std::int64_t offset = 0;
};

/// What became of one command.
enum class Verdict {
  accepted,
  refused,
  repeated,
  reused,
  expired,
  parked,   ///< Refused: its stream stands still.
  dead,     ///< A dead letter.
  parks,    ///< A dead letter, and its stream stands still from now on.
  skipped,  ///< Decided before.
};

/// Decides commands in order, each on the state that the ones before it left. Staged records are read in two steps: the
/// events at once; replies and directory when the events' offsets are known, because a reply names its event's
/// position.
class Batch {
 public:
  /// `source`: the events' ce_source. The snapshot must outlive the batch and stay as it is.
  Batch(const Snapshot& snapshot, int partition, int partitions, std::string source, Decide decide = parley::decide);

  /// `now`: the clock, read once for this command; the stamp is it or the last stamp, whichever is later. What a
  /// decision throws parks the stream; what the snapshot throws, and std::bad_alloc, comes out.
  Verdict decide(const CommandInput& command, Timestamp now) { return take(command, now, std::nullopt); }
  /// Parks the command's stream without deciding it or looking at its value; a dead letter when there is no such
  /// stream.
  Verdict park(const CommandInput& command, Timestamp now, std::string_view reason) {
    return take(command, now, reason);
  }

  const std::vector<StagedRecord>& events() const { return events_; }
  const std::vector<StagedRecord>& dead_letters() const { return dead_letters_; }
  /// Once, after the events were written at these offsets (as many as events()). Not those that an event is.
  std::vector<StagedRecord> finish_replies(const std::vector<std::int64_t>& event_offsets);
  /// After finish_replies().
  const std::vector<schema::DirectoryRecord>& directory() const { return directory_; }
  /// Whether streams were stopped or let go on.
  bool changes_parked() const { return parked_changed_; }
  /// Last, after the replies were written at these offsets: what the transaction changes, to be kept after its commit.
  Changes finish(const std::vector<std::int64_t>& reply_offsets) &&;

 private:
  struct StagedReply {
    schema::ReplyEnvelope envelope;
    std::variant<schema::Outcome, std::string, std::size_t>
        value;  ///< To be written; an earlier reply's text; that of another reply here.
    std::optional<std::size_t> last_event;
    bool is_in_event = false;  ///< The last event says it: nothing is written, and it is remembered all the same.
  };
  struct Cause {
    const schema::CommandEnvelope& command;
    std::int64_t offset;
    Timestamp stamp;
  };
  struct Staged;
  struct Failure;
  /// What a decision says beside events and answer.
  struct Ending {
    schema::Memory memory = schema::Memory::first;
    std::optional<Closing<Answer>> closing = {};
    bool is_said_by_event = false;  ///< The answer is what the last event makes by itself, and the sender takes that.
  };

  Verdict take(const CommandInput& input, Timestamp now, std::optional<std::string_view> do_not_decide);
  Verdict decide_new(const CommandInput& input, const Cause& cause, const Command& command);
  Verdict unpark(const Cause& cause, const Stream& stream, const StreamEntry& entry, const parking::Command& command);
  Verdict retry(const Cause& cause, const Stream& stream, const StreamEntry& entry, const parking::Retry& command);
  Verdict skip(const Cause& cause, const Stream& stream, const StreamEntry& entry, const parking::Skip& command);
  Verdict unparked(const Cause& cause, Staged&& staged, parking::Action action);
  Verdict refuse(const Cause& cause, const Stream& stream, const StreamEntry& entry, Code code);
  /// Decides and stages; a refusal stages nothing. After a failure what was staged is worth nothing.
  std::expected<void, Failure> attempt(Staged& staged, const Cause& cause, const State& state, const Command& command,
                                       IdSource ids, schema::Outcome& outcome, Ending& ending) const;
  void append(Staged& staged, const Cause& cause, const Event& event, std::int64_t slot_counter) const;
  /// Makes what was staged a part of the batch. The number of its first event.
  std::size_t merge(Staged&& staged);
  std::optional<Stream> existing(const schema::Target& target) const;
  /// The one that the command is for; nothing when it is to begin one, also where a stream of another kind has the key
  /// of its target.
  std::optional<Stream> existing(const schema::Target& target, const Command& command) const;
  bool is_taken(const std::optional<UniqueKey>& key, const Stream& by_other_than) const;
  /// Stages that the command stops the stream.
  Verdict stop(Staged&& staged, const CommandInput& input, const Cause& cause, std::string_view reason);

  void reply(const schema::CommandEnvelope& to, std::int64_t offset, schema::Memory memory,
             std::variant<schema::Outcome, std::string, std::size_t> value,
             std::optional<std::size_t> last_event = std::nullopt);
  /// Makes the event that was staged last the answer of the command.
  void answer_by_event(const schema::CommandEnvelope& to);
  /// Of one that has only begun: `memory` says so, and its outcome comes when a later decision closes it.
  Verdict decided(const Cause& cause, schema::Outcome outcome, std::optional<std::size_t> last_event,
                  schema::Memory memory = schema::Memory::first);
  /// Answers a command that is under way, if that is still remembered, with what the cause has led to.
  void close(const Cause& cause, Closing<Answer>&& closing, const schema::Outcome& end,
             std::optional<std::size_t> last_event);
  Verdict dead_letter(const CommandInput& command, Timestamp stamp, std::string_view reason,
                      std::string_view stream = {});

  const int partition_;
  const int partitions_;
  const std::string source_;
  const Decide decide_;
  Overlay overlay_;
  std::vector<StagedRecord> events_;
  std::vector<std::string> event_ids_;
  std::vector<schema::DirectoryRecord> directory_;
  std::vector<StagedRecord> dead_letters_;
  std::vector<StagedReply> replies_;
  std::map<std::string, std::size_t, std::less<>>
      first_replies_;                      ///< Decisions of this batch by command id: where their reply is.
  std::deque<std::string> retried_names_;  ///< Of headers that a dead letter may repeat: records view their names.
  bool parked_changed_ = false;
  std::size_t replies_written_ = 0;
};

}  // namespace parley::decider
