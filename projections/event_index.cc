#include "projections/event_index.h"

#include "projections/rows.h"

namespace parley::projections {

postgres::Result<void> write(postgres::Transaction& t, const std::vector<IndexEntry>& entries) {
  if (entries.empty()) return {};
  postgres::Column kind, id, version, event, type, cause, correlation, actor, at, hash, partition, position;
  for (const auto& e : entries) {
    kind.add(e.kind);
    id.add(e.stream_id);
    version.add(e.version);
    event.add(e.event_id);
    type.add(e.type);
    cause.add(e.cause);
    correlation.add(e.correlation);
    actor.add(e.actor);
    at.add(e.at);
    hash.add("\\x" + e.hash);
    partition.add(e.partition);
    position.add(e.position);
  }
  // Every event of the log has a row here: not FROM unnest(), which would put each column aside before it makes a row
  // of them.
  const auto written = t.query(
      "INSERT INTO event_index (kind, stream_id, version, event_id, type, cause, correlation, actor, at, hash, "
      "partition, position)"
      " SELECT unnest($1::text[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::text[]), unnest($5::text[]), "
      "unnest($6::text[]),"
      " unnest($7::text[]), unnest($8::text[]), unnest($9::timestamptz[]), unnest($10::bytea[]), "
      "unnest($11::integer[]), unnest($12::bigint[])",
      postgres::Params(kind, id, version, event, type, cause, correlation, actor, at, hash, partition, position));
  return internal::expect_all(written, entries.size(), "event_index");
}

}  // namespace parley::projections
