#pragma once
// Where the past of a stream, or of all streams of an owner, stands in the log: what event streams and feeds read when
// they resume. The events themselves are in the log.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "domain/model.h"
#include "platform/postgres/pool.h"

namespace parley::projections {

/// An event of one partition, as event_index has it.
struct IndexedEvent {
  std::int64_t position = 0;
  std::string event_id;
};

/// All of it belongs to one state of the database.
struct StreamHistory {
  bool is_visible = false;           ///< False: the viewer may not know of the stream, or nothing of it is projected.
  std::vector<IndexedEvent> events;  ///< Of versions above the one asked for and the types asked for, in order.
  bool has_more = false;             ///< The limit cut them.
  std::int64_t version = 0;          ///< The stream's.
  std::int64_t checkpoint = 0;       ///< The partition's: events below this position are reflected.
  /// Where the stream is parked, if the viewer may know of it or nobody can say: from this position on nothing of it is
  /// reflected, wherever the checkpoint is.
  std::optional<std::int64_t> parked_at = {};
};
/// `partition` is the stream's, `types` are wire names. Blocks. Of dialogs; nobody may know of another kind's streams.
postgres::Result<StreamHistory> stream_history(postgres::Lease& lease, const Principal& viewer, const Stream& stream,
                                               std::int64_t after_version, std::int32_t partition,
                                               std::span<const std::string> types, int limit);

/// A part of what happened in an owner's streams, in one partition; one state of the database.
struct OwnerHistory {
  std::vector<IndexedEvent> events;  ///< Of the types asked for, in the order of the log, at most `limit`.
  std::int64_t read_to = 0;          ///< Below this position nothing is missing: the next `from`.
  std::int64_t checkpoint = 0;       ///< The partition's. At it there is nothing more.
  bool has_gap = false;              ///< But for events of a parked stream, which is the owner's or nobody's yet.
};
/// From a position on, going through `span_max` positions at most, so that a read is bounded whatever happened to
/// others. Blocks. Of dialogs.
postgres::Result<OwnerHistory> owner_history(postgres::Lease& lease, AccountId owner, std::int32_t partition,
                                             std::int64_t from, std::int64_t span_max,
                                             std::span<const std::string> types, int limit);

}  // namespace parley::projections
