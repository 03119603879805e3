#pragma once
// The commands of one partition in one transaction, decided. Pure: no Kafka, no disk, no clock of its own.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schemas/commands.h"
#include "schemas/envelope.h"
#include "schemas/replies.h"
#include "workers/decider/state.h"

namespace parley::decider {

/// A record larger than this, headers included, is not staged (the broker would refuse the whole transaction); its command becomes a dead letter.
inline constexpr std::size_t kRecordBytesMax = 900'000;
/// A command with a longer identifier in its headers becomes a dead letter; what replies repeat is bounded by it.
inline constexpr std::size_t kIdentifierBytesMax = 500;

/// A record to write to the commands' partition of the topic whose list it stands in.
struct StagedRecord {
  std::string key;
  schema::Headers headers;
  std::string value;
};

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
enum class Verdict { accepted, refused, repeated, reused, expired, parked, dead, skipped };

/// Decides commands in order, each on the state that the ones before it left. Staged records are read in two steps: the events at once; replies when
/// the events' offsets are known, because a reply names its event's position.
class Batch {
 public:
  /// `source`: the events' ce_source. The snapshot must outlive the batch and stay as it is.
  Batch(const Snapshot& snapshot, int partition, int partitions, std::string source);

  /// `now`: the clock, read once for this command; the stamp is it or the last stamp, whichever is later. Domain exceptions become dead letters; what
  /// the snapshot throws, and std::bad_alloc, comes out.
  Verdict decide(const CommandInput& command, Timestamp now);

  const std::vector<StagedRecord>& events() const { return events_; }
  const std::vector<StagedRecord>& directory() const { return directory_; }
  const std::vector<StagedRecord>& dead_letters() const { return dead_letters_; }
  /// Once, after the events were written at these offsets (as many as events()).
  std::vector<StagedRecord> finish_replies(const std::vector<std::int64_t>& event_offsets);
  /// Last, after the replies were written at these offsets: what the transaction changes, to be kept after its commit.
  Changes finish(const std::vector<std::int64_t>& reply_offsets) &&;

 private:
  struct StagedReply {
    schema::ReplyEnvelope envelope;
    std::variant<schema::Outcome, std::string, std::size_t> value;  ///< To be written; an earlier reply's text; that of another reply here.
    std::optional<std::size_t> last_event;
  };
  void reply(const schema::CommandEnvelope& to, std::int64_t offset, schema::Memory memory,
             std::variant<schema::Outcome, std::string, std::size_t> value, std::optional<std::size_t> last_event = std::nullopt);
  Verdict bury(const CommandInput& command, Timestamp stamp, std::string_view reason);
  Verdict decide_new(const CommandInput& input, const schema::CommandEnvelope& envelope, const Command& command, Timestamp stamp);

  const int partition_;
  const int partitions_;
  const std::string source_;
  Overlay overlay_;
  std::vector<StagedRecord> events_;
  std::vector<std::string> event_ids_;
  std::vector<StagedRecord> directory_;
  std::vector<StagedRecord> dead_letters_;
  std::vector<StagedReply> replies_;
  std::map<std::string, std::size_t, std::less<>> first_replies_;  ///< Decisions of this batch by command id: where their reply is.
};

}  // namespace parley::decider
