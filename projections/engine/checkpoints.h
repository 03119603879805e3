#pragma once
// How far a projection has come, and how that is announced.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/postgres/pool.h"

namespace parley::projections {

/// The projection that fills every table here. Never renamed once released.
inline constexpr std::string_view kReadModels = "read_models";
/// NOTIFY's channel for the read models in a schema: a database may hold several (a rebuild's, say), and channels are
/// the database's. Payload: announcement().
std::string checkpoint_channel(std::string_view schema);

struct Checkpoint {
  std::int32_t partition = 0;
  std::int64_t next = 0;  ///< The first offset that is not reflected: an event at offset o can be read once next > o.
  std::optional<std::string> topic_id = {};  ///< Of the topic that the offsets belong to.
  std::optional<std::string> last_event_id = {};
  std::optional<std::int64_t> last_position = {};  ///< The offset of the event that last_event_id names.
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// All partitions that have a row, by partition.
postgres::Result<std::vector<Checkpoint>> checkpoints(postgres::Reader& reader,
                                                      std::string_view projection = kReadModels);
/// A row at offset 0 for each of the partitions that has none.
postgres::Result<void> start_checkpoints(postgres::Reader& reader, std::span<const std::int32_t> partitions,
                                         std::string_view topic_id, std::string_view projection = kReadModels);

struct Advance {
  std::int64_t from = 0;  ///< Where the checkpoint must stand.
  Checkpoint to;
};
/// Moves each checkpoint by compare-and-set. The number of those that stood where they must: unless it is all of them,
/// somebody else has written (or the database lost its last transactions) and the transaction must not be committed.
postgres::Result<std::size_t> advance(postgres::Transaction& transaction, std::span<const Advance> advances,
                                      std::string_view projection = kReadModels);
/// Tells the listeners, when the transaction commits. Past kAnnouncementMax the payload is empty, which means: read the
/// table.
postgres::Result<void> announce(postgres::Transaction& transaction, std::span<const Advance> advances);

/// PostgreSQL refuses payloads of 8000 bytes and more.
inline constexpr std::size_t kAnnouncementMax = 7'900;
/// "partition:next,partition:next"; empty when that would be too long.
std::string announcement(std::span<const Advance> advances);
/// (partition, next) pairs; nothing when the payload is none of ours, empty when the table is to be read.
std::optional<std::vector<std::pair<std::int32_t, std::int64_t>>> parse_announcement(std::string_view payload);

}  // namespace parley::projections
