#pragma once
// Streams that hold an event which cannot be applied: they wait (tables parked_streams and parked_events), all others
// go on.
//
// Whoever changes these tables holds the checkpoint of the stream's partition (advance()) in the same transaction. So
// they belong to the checkpoint: what was read of them beside it is true as long as it does not move, but for a replay,
// which takes place at one checkpoint and is fenced by hold().
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/postgres/pool.h"
#include "projections/engine/checkpoints.h"
#include "projections/record.h"

namespace parley::projections {

/// An event that is not applied.
struct ParkedEvent {
  std::int64_t position = 0;  ///< Its offset.
  std::int64_t version = 0;
  std::string event_id;
};
ParkedEvent parked_event(const Record& record);

struct ParkedStream {
  std::string stream;  ///< "dialog/1387"
  std::int32_t partition = 0;
  ParkedEvent first;   ///< Of the events that are not applied.
  std::string reason;  ///< Why it could not be applied the last time; at most kReasonBytesMax, no text about a person.
  Timestamp since{};   ///< Set by the database.
};
inline constexpr std::size_t kReasonBytesMax = 500;

// Reading.

/// By stream, at most `limit`. `partitions`: of these alone.
postgres::Result<std::vector<ParkedStream>> parked_streams(postgres::Reader& reader, std::size_t limit,
                                                           std::optional<std::span<const std::int32_t>> partitions = {},
                                                           std::string_view projection = kReadModels);
postgres::Result<std::optional<ParkedStream>> parked_stream(postgres::Reader& reader, std::string_view stream,
                                                            std::string_view projection = kReadModels);
/// What of the stream is not applied, in order, at most `limit`.
postgres::Result<std::vector<ParkedEvent>> parked_events(postgres::Reader& reader, std::string_view stream,
                                                         std::size_t limit, std::string_view projection = kReadModels);

// Parking.

/// A stream that has met an event which cannot be applied, and the events that wait with it: that one first.
struct Parking {
  std::string stream;
  std::int32_t partition = 0;
  std::string reason;
  std::vector<ParkedEvent> events;
};
/// Writes the records of many streams, of which one at least cannot be applied: finds out which, by halves, and writes
/// all that can be. Within a stream everything before the event at fault is written. An error is one of PostgreSQL and
/// leaves nothing but to roll back.
postgres::Result<std::vector<Parking>> write_apart(postgres::Transaction& transaction, std::span<const Record> records);
postgres::Result<void> park(postgres::Transaction& transaction, std::span<const Parking> parkings,
                            std::string_view projection = kReadModels);

struct Waiting {
  std::string stream;
  ParkedEvent event;
};
/// Later events of streams that are parked.
postgres::Result<void> append_waiting(postgres::Transaction& transaction, std::span<const Waiting> events,
                                      std::string_view projection = kReadModels);

// Bringing a stream back.

/// Locks the parked stream. Whether `first` is still the first of its events that is not applied: if not, somebody else
/// has replayed meanwhile.
postgres::Result<bool> hold(postgres::Transaction& transaction, std::string_view stream, std::int64_t first,
                            std::string_view projection = kReadModels);

struct Fault {
  std::size_t index = 0;  ///< In the records; everything before it is written.
  std::string reason;
};
/// Writes one stream's records in order. The record of version `skipped` is left out: the stream's row passes its
/// version, and nothing else changes.
postgres::Result<std::optional<Fault>> replay(postgres::Transaction& transaction, std::span<const Record> records,
                                              std::optional<std::int64_t> skipped);
/// The stream still waits, from `first` on: what stands before it is applied. Without a reason the old one stays.
postgres::Result<void> wait_from(postgres::Transaction& transaction, std::string_view stream, const ParkedEvent& first,
                                 std::optional<std::string_view> reason, std::string_view projection = kReadModels);
/// Nothing of the stream waits any more.
postgres::Result<void> unpark(postgres::Transaction& transaction, std::string_view stream,
                              std::string_view projection = kReadModels);

}  // namespace parley::projections
