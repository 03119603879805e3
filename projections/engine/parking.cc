#include "projections/engine/parking.h"

#include <unordered_map>

#include "projections/engine/batch.h"

namespace parley::projections {

namespace {

using postgres::Column;
using postgres::Error;
using postgres::ErrorKind;
using postgres::Params;
using postgres::Result;
using postgres::Row;
using postgres::Transaction;

using Records = std::span<const Record* const>;

// Not in the middle of a character.
std::string bounded(std::string reason) {
  if (reason.size() <= kReasonBytesMax) return reason;
  std::size_t end = kReasonBytesMax;
  while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0U) == 0x80U) --end;
  reason.resize(end);
  return reason;
}

Result<void> attempt(Transaction& transaction, Records records) {
  Batch batch;
  for (const Record* record : records) {
    auto added = batch.add(record->envelope, record->value, record->partition, record->offset);
    if (!added)
      return std::unexpected(
          Error{.kind = ErrorKind::rejected, .detail = std::move(added.error()), .is_about_a_row = true});
  }
  return transaction.attempt([&] { return batch.write(transaction); });
}

/// One stream's records: all at once, and if that fails one by one, as far as they go.
Result<std::optional<Fault>> write_in_order(Transaction& transaction, Records records) {
  const auto all = attempt(transaction, records);
  if (all) return std::nullopt;
  if (!all.error().is_about_a_row) return std::unexpected(all.error());
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto one = attempt(transaction, records.subspan(i, 1));
    if (one) continue;
    if (!one.error().is_about_a_row) return std::unexpected(one.error());
    return Fault{i, bounded(one.error().detail)};
  }
  return std::nullopt;
}

struct Group {
  std::vector<const Record*> records;  // of one stream
};

/// `groups` hold a fault somewhere: halves it until that is one stream's.
Result<void> halve(Transaction& transaction, std::span<const Group> groups, std::vector<Parking>& parkings) {
  if (groups.size() == 1) {
    const auto& records = groups.front().records;
    auto fault = write_in_order(transaction, records);
    if (!fault) return std::unexpected(fault.error());
    if (!*fault) return {};
    Parking parking{.stream = records.front()->envelope.subject,
                    .partition = records.front()->partition,
                    .reason = std::move((*fault)->reason),
                    .events = {}};
    for (const Record* record : std::span(records).subspan((*fault)->index))
      parking.events.push_back(parked_event(*record));
    parkings.push_back(std::move(parking));
    return {};
  }
  const std::size_t middle = groups.size() / 2;
  for (const auto half : {groups.first(middle), groups.subspan(middle)}) {
    std::vector<const Record*> records;
    for (const Group& group : half) records.insert(records.end(), group.records.begin(), group.records.end());
    const auto written = attempt(transaction, records);
    if (written) continue;
    if (!written.error().is_about_a_row) return written;
    if (auto found = halve(transaction, half, parkings); !found) return found;
  }
  return {};
}

/// What a skipped event leaves behind: its version is passed, and it stands in the event index if it can.
Result<void> skip(Transaction& transaction, const Record& record) {
  Batch batch;
  const std::int64_t version = record.envelope.sequence;
  if (const auto stream = parse_stream(record.envelope.subject)) {
    if (const auto passed = rows_of(stream->kind)->pass(transaction, stream->id, version); !passed) return passed;
  }
  if (!batch.note(record.envelope, record.partition, record.offset)) return {};
  auto noted = transaction.attempt([&] { return batch.write(transaction); });
  if (!noted && !noted.error().is_about_a_row) return noted;
  return {};
}

ParkedStream parked_stream(const Row& row) {
  ParkedStream found;
  row.into(found.stream, found.partition, found.first.position, found.first.version, found.first.event_id, found.reason,
           found.since);
  return found;
}

}  // namespace

ParkedEvent parked_event(const Record& record) { return {record.offset, record.envelope.sequence, record.envelope.id}; }

Result<std::vector<ParkedStream>> parked_streams(postgres::Reader& reader, std::size_t limit,
                                                 std::optional<std::span<const std::int32_t>> partitions,
                                                 std::string_view projection) {
  std::optional<Column> column;
  if (partitions) {
    column.emplace();
    for (const auto partition : *partitions) column->add(partition);
  }
  const auto rows = reader.query(
      "SELECT stream, partition, position, version, event_id, reason, since FROM parked_streams WHERE projection = $1"
      " AND ($2::integer[] IS NULL OR partition = ANY ($2::integer[])) ORDER BY stream LIMIT $3",
      Params(projection, column, static_cast<std::int64_t>(limit)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<ParkedStream> found;
  for (std::size_t i = 0; i < rows->size(); ++i) found.push_back(parked_stream((*rows)[i]));
  return found;
}

Result<std::optional<ParkedStream>> parked_stream(postgres::Reader& reader, std::string_view stream,
                                                  std::string_view projection) {
  const auto rows = reader.query(
      "SELECT stream, partition, position, version, event_id, reason, since FROM parked_streams WHERE projection = $1 "
      "AND stream = $2",
      Params(projection, stream));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return parked_stream((*rows)[0]);
}

Result<std::vector<ParkedEvent>> parked_events(postgres::Reader& reader, std::string_view stream, std::size_t limit,
                                               std::string_view projection) {
  const auto rows = reader.query(
      "SELECT position, version, event_id FROM parked_events WHERE projection = $1 AND stream = $2 ORDER BY position "
      "LIMIT $3",
      Params(projection, stream, static_cast<std::int64_t>(limit)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<ParkedEvent> found(rows->size());
  for (std::size_t i = 0; i < found.size(); ++i)
    (*rows)[i].into(found[i].position, found[i].version, found[i].event_id);
  return found;
}

Result<std::vector<Parking>> write_apart(Transaction& transaction, std::span<const Record> records) {
  std::vector<Group> groups;
  std::unordered_map<std::string_view, std::size_t> group_of;
  for (const Record& record : records) {
    const auto [found, first] = group_of.try_emplace(record.envelope.subject, groups.size());
    if (first) groups.emplace_back();
    groups[found->second].records.push_back(&record);
  }
  std::vector<Parking> parkings;
  if (auto written = halve(transaction, groups, parkings); !written) return std::unexpected(std::move(written.error()));
  return parkings;
}

Result<void> park(Transaction& transaction, std::span<const Parking> parkings, std::string_view projection) {
  if (parkings.empty()) return {};
  Column stream, partition, position, version, event, reason;
  std::vector<Waiting> events;
  for (const Parking& parking : parkings) {
    const ParkedEvent& first = parking.events.front();
    stream.add(parking.stream);
    partition.add(parking.partition);
    position.add(first.position);
    version.add(first.version);
    event.add(first.event_id);
    reason.add(parking.reason);
    for (const ParkedEvent& each : parking.events) events.push_back({parking.stream, each});
  }
  const auto rows = transaction.query(
      "INSERT INTO parked_streams (projection, stream, partition, position, version, event_id, reason)"
      " SELECT $1, * FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])",
      Params(projection, stream, partition, position, version, event, reason));
  if (!rows) return std::unexpected(rows.error());
  return append_waiting(transaction, events, projection);
}

Result<void> append_waiting(Transaction& transaction, std::span<const Waiting> events, std::string_view projection) {
  if (events.empty()) return {};
  Column stream, position, version, event;
  for (const Waiting& each : events) {
    stream.add(each.stream);
    position.add(each.event.position);
    version.add(each.event.version);
    event.add(each.event.event_id);
  }
  const auto rows = transaction.query(
      "INSERT INTO parked_events (projection, stream, position, version, event_id)"
      " SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[])",
      Params(projection, stream, position, version, event));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<bool> hold(Transaction& transaction, std::string_view stream, std::int64_t first, std::string_view projection) {
  const auto rows = transaction.query(
      "SELECT 1 FROM parked_streams WHERE projection = $1 AND stream = $2 AND position = $3 FOR UPDATE",
      Params(projection, stream, first));
  if (!rows) return std::unexpected(rows.error());
  return !rows->empty();
}

Result<std::optional<Fault>> replay(Transaction& transaction, std::span<const Record> records,
                                    std::optional<std::int64_t> skipped) {
  std::vector<const Record*> run;  // records that stand beside one another and are not skipped
  std::size_t run_begin = 0;
  for (std::size_t i = 0; i <= records.size(); ++i) {
    const bool is_skipped = i < records.size() && records[i].envelope.sequence == skipped;
    if (i < records.size() && !is_skipped) {
      if (run.empty()) run_begin = i;
      run.push_back(&records[i]);
      continue;
    }
    if (!run.empty()) {
      auto fault = write_in_order(transaction, run);
      if (!fault) return std::unexpected(std::move(fault.error()));
      if (*fault) return Fault{run_begin + (*fault)->index, std::move((*fault)->reason)};
      run.clear();
    }
    if (!is_skipped) continue;
    if (auto passed = skip(transaction, records[i]); !passed) return std::unexpected(std::move(passed.error()));
  }
  return std::nullopt;
}

Result<void> wait_from(Transaction& transaction, std::string_view stream, const ParkedEvent& first,
                       std::optional<std::string_view> reason, std::string_view projection) {
  const auto moved = transaction.query(
      "UPDATE parked_streams SET position = $3, version = $4, event_id = $5, reason = coalesce($6, reason) WHERE "
      "projection = $1 AND stream = $2",
      Params(projection, stream, first.position, first.version, first.event_id, reason));
  if (!moved) return std::unexpected(moved.error());
  const auto applied =
      transaction.query("DELETE FROM parked_events WHERE projection = $1 AND stream = $2 AND position < $3",
                        Params(projection, stream, first.position));
  if (!applied) return std::unexpected(applied.error());
  return {};
}

Result<void> unpark(Transaction& transaction, std::string_view stream, std::string_view projection) {
  for (const auto* statement : {"DELETE FROM parked_events WHERE projection = $1 AND stream = $2",
                                "DELETE FROM parked_streams WHERE projection = $1 AND stream = $2"}) {
    if (const auto rows = transaction.query(statement, Params(projection, stream)); !rows)
      return std::unexpected(rows.error());
  }
  return {};
}

}  // namespace parley::projections
