#include "api/streams/log_history.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "api/progress/progress.h"
#include "api/streams/decode.h"
#include "platform/postgres/pool.h"
#include "projections/engine/checkpoints.h"
#include "projections/queries.h"
#include "projections/stream_history.h"

namespace parley::api {

namespace {

HistoryUnavailable unavailable(const postgres::Error& error) {
  return {fmt::format("{}: {}", postgres::name_of(error.kind), error.detail)};
}

std::string_view text_of(LogReader::Failure failure) {
  switch (failure) {
    case LogReader::Failure::busy:
      return "every reader of the log is in use";
    case LogReader::Failure::late:
      return "Kafka did not answer in time";
    case LogReader::Failure::another_event:
      return "the log does not hold what the read model says";
  }
  std::unreachable();
}

std::vector<EventPlace> places_of(std::vector<projections::IndexedEvent>&& index, std::int32_t partition) {
  std::vector<EventPlace> places;
  places.reserve(index.size());
  for (auto& event : index) places.push_back({partition, event.position, std::move(event.event_id)});
  return places;
}

}  // namespace

std::expected<std::vector<FeedHistory::Event>, HistoryUnavailable> LogHistory::events_at(
    std::span<const EventPlace> places) {
  std::vector<FeedHistory::Event> events;
  events.reserve(places.size());
  std::int64_t bytes = 0;
  const auto read = log_.read(places, [&](const projections::Record& record) {
    bytes += std::ssize(record.value);
    if (!events.empty() && bytes > projections::kPageBytesMax) return false;
    const auto& envelope = record.envelope;
    EventRecord event{.stream = parse_stream(envelope.subject).value(),
                      .sequence = envelope.sequence,
                      .at = envelope.time,
                      .event = {}};
    events.push_back({record.offset, with_event(std::move(event), envelope.type, record.value)});
    return true;
  });
  if (!read && events.empty()) return std::unexpected(HistoryUnavailable{std::string(text_of(read.error()))});
  return events;
}

std::expected<History, HistoryUnavailable> LogHistory::read(const HistoryRequest& request) {
  auto found = [&]() -> std::expected<projections::StreamHistory, HistoryUnavailable> {
    auto lease = pool_.lease(kLeaseWaitMax);
    if (!lease) return std::unexpected(unavailable(lease.error()));
    auto history = projections::stream_history(*lease, request.viewer, request.stream, request.after, request.partition,
                                               request.types, request.limit);
    if (!history) return std::unexpected(unavailable(history.error()));
    return std::move(*history);
  }();
  if (!found) return std::unexpected(std::move(found.error()));
  History history{.is_visible = found->is_visible,
                  .events = {},
                  .has_more = found->has_more,
                  .version = found->version,
                  .checkpoint = found->checkpoint,
                  .parked_at = found->parked_at};
  const auto places = places_of(std::move(found->events), request.partition);
  auto events = events_at(places);
  if (!events) return std::unexpected(std::move(events.error()));
  history.has_more = history.has_more || events->size() < places.size();
  history.events.reserve(events->size());
  for (auto& event : *events) history.events.push_back(std::move(event.record));
  return history;
}

std::expected<FeedHistory, HistoryUnavailable> LogHistory::read(const FeedHistoryRequest& request) {
  auto found = [&]() -> std::expected<projections::OwnerHistory, HistoryUnavailable> {
    auto lease = pool_.lease(kLeaseWaitMax);
    if (!lease) return std::unexpected(unavailable(lease.error()));
    auto history = projections::owner_history(*lease, request.owner, request.partition, request.from, request.span_max,
                                              request.types, request.limit);
    if (!history) return std::unexpected(unavailable(history.error()));
    return std::move(*history);
  }();
  if (!found) return std::unexpected(std::move(found.error()));
  FeedHistory history{
      .events = {}, .read_to = found->read_to, .checkpoint = found->checkpoint, .has_gap = found->has_gap};
  const auto places = places_of(std::move(found->events), request.partition);
  auto events = events_at(places);
  if (!events) return std::unexpected(std::move(events.error()));
  if (events->size() < places.size()) history.read_to = events->back().offset + 1;
  history.events = std::move(*events);
  return history;
}

std::int64_t LogHistory::checkpoint(int partition) const { return progress_.checkpoint(partition); }
bool LogHistory::known() const { return progress_.known(); }
bool LogHistory::connected() const { return progress_.connected(); }

}  // namespace parley::api
