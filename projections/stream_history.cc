#include "projections/stream_history.h"

#include <algorithm>
#include <utility>

#include "projections/engine/checkpoints.h"
#include "projections/engine/generation.h"
#include "projections/queries.h"

namespace parley::projections {

namespace {

using postgres::Params;
using postgres::Result;

/// Takes away the row beyond the limit; true when there was one.
bool cut(std::vector<IndexedEvent>& events, int limit) {
  const bool has_more = std::ssize(events) > limit;
  if (has_more) events.resize(static_cast<std::size_t>(limit));
  return has_more;
}

std::vector<IndexedEvent> events_of(const postgres::Rows& rows) {
  std::vector<IndexedEvent> events(rows.size());
  for (std::size_t i = 0; i < events.size(); ++i) rows[i].into(events[i].position, events[i].event_id);
  return events;
}

}  // namespace

Result<StreamHistory> stream_history(postgres::Lease& lease, const Principal& viewer, const Stream& stream,
                                     std::int64_t after_version, std::int32_t partition,
                                     std::span<const std::string> types, int limit) {
  auto seen = snapshot(lease);
  if (!seen) return std::unexpected(seen.error());
  StreamHistory history;
  if (stream.kind == Kind::dialog) {
    const auto version = visible_version(*seen, viewer, DialogId{stream.id});
    if (!version) return std::unexpected(version.error());
    history.is_visible = version->has_value();
    history.version = version->value_or(0);
  }
  const auto checkpoint = seen->query(
      "SELECT next, (SELECT position FROM parked_streams WHERE projection = $1 AND stream = $3 AND ($4::boolean OR NOT "
      "EXISTS (SELECT FROM dialogs WHERE id = $5))) FROM checkpoints WHERE projection = $1 AND "
      "partition = $2",
      Params(kReadModels, partition, to_string(stream), history.is_visible, stream.id));
  if (!checkpoint) return std::unexpected(checkpoint.error());
  if (!checkpoint->empty()) (*checkpoint)[0].into(history.checkpoint, history.parked_at);
  if (!history.is_visible) return history;

  limit = std::clamp(limit, 1, kRowsMax);
  const auto rows = seen->query(
      "SELECT position, event_id FROM event_index WHERE kind = $1 AND stream_id = $2 AND version > $3 AND type = "
      "ANY($4::text[]) ORDER BY version LIMIT $5::bigint + 1",
      Params(to_string(stream.kind), stream.id, after_version, types, limit));
  if (!rows) return std::unexpected(rows.error());
  history.events = events_of(*rows);
  history.has_more = cut(history.events, limit);
  return history;
}

Result<OwnerHistory> owner_history(postgres::Lease& lease, AccountId owner, std::int32_t partition, std::int64_t from,
                                   std::int64_t span_max, std::span<const std::string> types, int limit) {
  auto seen = snapshot(lease);
  if (!seen) return std::unexpected(seen.error());
  OwnerHistory history{.events = {}, .read_to = from, .checkpoint = 0, .has_gap = false};
  const auto checkpoint = seen->query("SELECT next FROM checkpoints WHERE projection = $1 AND partition = $2",
                                      Params(kReadModels, partition));
  if (!checkpoint) return std::unexpected(checkpoint.error());
  if (!checkpoint->empty()) (*checkpoint)[0].into(history.checkpoint);
  if (history.checkpoint <= from) return history;
  const auto to = std::min(history.checkpoint, from + span_max);
  limit = std::clamp(limit, 1, kRowsMax);
  const auto rows = seen->query(
      "SELECT e.position, e.event_id FROM event_index e JOIN dialogs d ON d.id = e.stream_id AND d.owner_id = $1"
      " WHERE e.kind = 'dialog' AND e.partition = $2 AND e.position >= $3 AND e.position < $4 AND e.type = "
      "ANY($5::text[]) ORDER BY e.position LIMIT $6::bigint + 1",
      Params(owner, partition, from, to, types, limit));
  if (!rows) return std::unexpected(rows.error());
  history.events = events_of(*rows);
  history.read_to = cut(history.events, limit) ? history.events.back().position + 1 : to;
  const auto gap = seen->query(
      "SELECT EXISTS (SELECT FROM parked_events e JOIN parked_streams s USING (projection, stream)"
      " LEFT JOIN dialogs d ON d.id = split_part(e.stream, '/', 2)::bigint"
      " WHERE e.projection = $1 AND s.partition = $2 AND e.stream LIKE 'dialog/%' AND e.position >= $3 AND e.position "
      "< $4"
      " AND (d.id IS NULL OR d.owner_id = $5))",
      Params(kReadModels, partition, from, history.read_to, owner));
  if (!gap) return std::unexpected(gap.error());
  (*gap)[0].into(history.has_gap);
  return history;
}

}  // namespace parley::projections
