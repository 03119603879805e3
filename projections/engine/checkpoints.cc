#include "projections/engine/checkpoints.h"

#include <fmt/format.h>

#include <charconv>

namespace parley::projections {

using postgres::Column;
using postgres::Params;
using postgres::Result;

namespace {
constexpr std::string_view kChannelSuffix = "_checkpoints";
}

std::string checkpoint_channel(std::string_view schema) { return std::string(schema).append(kChannelSuffix); }

Result<std::vector<Checkpoint>> checkpoints(postgres::Reader& reader, std::string_view projection) {
  const auto rows = reader.query(
      "SELECT partition, next, topic_id, last_event_id, last_position FROM checkpoints WHERE projection = $1 ORDER BY "
      "partition",
      Params(projection));
  if (!rows) return std::unexpected(rows.error());
  std::vector<Checkpoint> found(rows->size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    (*rows)[i].into(found[i].partition, found[i].next, found[i].topic_id, found[i].last_event_id,
                    found[i].last_position);
  }
  return found;
}

Result<void> start_checkpoints(postgres::Reader& reader, std::span<const std::int32_t> partitions,
                               std::string_view topic_id, std::string_view projection) {
  Column column;
  for (const auto partition : partitions) column.add(partition);
  const auto rows = reader.query(
      "INSERT INTO checkpoints (projection, partition, next, topic_id) SELECT $1, p, 0, $3 FROM unnest($2::integer[]) "
      "AS p"
      " ON CONFLICT DO NOTHING",
      Params(projection, column, topic_id));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::size_t> advance(postgres::Transaction& transaction, std::span<const Advance> advances,
                            std::string_view projection) {
  Column partition, from, next, event, position;
  for (const auto& a : advances) {
    partition.add(a.to.partition);
    from.add(a.from);
    next.add(a.to.next);
    event.add(a.to.last_event_id);
    position.add(a.to.last_position);
  }
  const auto rows = transaction.query(
      "UPDATE checkpoints c SET next = u.next, last_event_id = coalesce(u.event, c.last_event_id),"
      " last_position = coalesce(u.position, c.last_position), updated_at = now()"
      " FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[]) AS u (partition, \"from\", "
      "next, event, position)"
      " WHERE c.projection = $1 AND c.partition = u.partition AND c.next = u.\"from\"",
      Params(projection, partition, from, next, event, position));
  if (!rows) return std::unexpected(rows.error());
  return static_cast<std::size_t>(rows->affected());
}

Result<void> announce(postgres::Transaction& transaction, std::span<const Advance> advances) {
  const auto rows =
      transaction.query("SELECT pg_notify(current_schema() || $1, $2)", Params(kChannelSuffix, announcement(advances)));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

std::string announcement(std::span<const Advance> advances) {
  std::string payload;
  for (const auto& a : advances) {
    if (!payload.empty()) payload += ',';
    payload += fmt::format("{}:{}", a.to.partition, a.to.next);
  }
  if (payload.size() > kAnnouncementMax) payload.clear();
  return payload;
}

std::optional<std::vector<std::pair<std::int32_t, std::int64_t>>> parse_announcement(std::string_view payload) {
  std::vector<std::pair<std::int32_t, std::int64_t>> positions;
  const char* at = payload.data();
  const char* const end = at + payload.size();
  while (at != end) {
    auto& [partition, next] = positions.emplace_back();
    auto parsed = std::from_chars(at, end, partition);
    if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != ':') return std::nullopt;
    parsed = std::from_chars(parsed.ptr + 1, end, next);
    if (parsed.ec != std::errc()) return std::nullopt;
    at = parsed.ptr;
    if (at != end && *at++ != ',') return std::nullopt;
  }
  return positions;
}

}  // namespace parley::projections
