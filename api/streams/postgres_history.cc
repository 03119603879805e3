#include "api/streams/postgres_history.h"

#include <string>
#include <utility>

#include "api/progress/progress.h"
#include "platform/postgres/pool.h"
#include "projections/engine/checkpoints.h"
#include "projections/queries.h"
#include "schemas/contexts/dialogs.h"
#include "schemas/events.h"

namespace parley::api {

namespace {

HistoryUnavailable unavailable(const postgres::Error& error) {
  return {std::string(postgres::name_of(error.kind)) + ": " + error.detail};
}

std::expected<History, HistoryUnavailable> history_of(projections::StreamHistory&& rows) {
  History history{.messages = {},
                  .has_more = rows.has_more,
                  .version = rows.version,
                  .checkpoint = rows.checkpoint,
                  .parked_at = rows.parked_at};
  history.messages.reserve(rows.messages.size());
  for (auto& row : rows.messages) {
    const auto sender = schema::named<dialogs::Sender>(row.sender);
    if (!sender)
      return std::unexpected(
          HistoryUnavailable{"a message has a sender that this program does not know: " + row.sender});
    history.messages.push_back({.version = row.version,
                                .at = row.created_at,
                                .created = {.message = row.id,
                                            .sender = *sender,
                                            .text = std::move(row.text),
                                            .operator_name = std::move(row.operator_name)}});
  }
  return history;
}

/// Out of the rows that the event made. Nothing for a type that feeds do not show.
std::optional<FeedHistory::Event> event_of(projections::OwnerEvent&& row) {
  const auto event = [&]() -> std::optional<dialogs::Event> {
    if (row.type == schema::type_name<dialogs::Opened>) {
      const auto platform = schema::named<dialogs::Platform>(row.platform);
      if (!platform) return std::nullopt;
      return dialogs::Opened{row.assistant, row.owner, *platform, std::move(row.first_name)};
    }
    if (row.type == schema::type_name<dialogs::Archived>) return dialogs::Archived{};
    if (row.type == schema::type_name<dialogs::Unarchived>) return dialogs::Unarchived{};
    const auto sender = schema::named<dialogs::Sender>(row.sender.value_or(""));
    if (!row.message || !sender) return std::nullopt;
    return dialogs::MessageCreated{*row.message, *sender, row.text.value_or(Personal{}), std::move(row.operator_name)};
  }();
  if (!event) return std::nullopt;
  return FeedHistory::Event{.offset = row.position, .dialog = row.dialog, .at = row.at, .event = *event};
}

}  // namespace

std::expected<History, HistoryUnavailable> PostgresHistory::read(const HistoryRequest& request) {
  auto lease = pool_.lease(kLeaseWaitMax);
  if (!lease) return std::unexpected(unavailable(lease.error()));
  const auto look = [&] {
    return projections::dialog_history(*lease, request.viewer, request.dialog, request.after, request.partition,
                                       request.limit);
  };
  auto found = look();
  if (!found) return std::unexpected(unavailable(found.error()));
  if (*found) return history_of(std::move(**found));

  // It is not there; as of which checkpoint? One that was read before.
  const auto checkpoints = projections::checkpoints(*lease);
  if (!checkpoints) return std::unexpected(unavailable(checkpoints.error()));
  const auto parked_at = projections::opening_parked_at(*lease, request.dialog);
  if (!parked_at) return std::unexpected(unavailable(parked_at.error()));
  if (found = look(); !found) return std::unexpected(unavailable(found.error()));
  if (*found) return history_of(std::move(**found));
  History nothing{.is_visible = false, .messages = {}, .parked_at = *parked_at};
  for (const auto& checkpoint : *checkpoints) {
    if (checkpoint.partition == request.partition) nothing.checkpoint = checkpoint.next;
  }
  return nothing;
}

std::expected<FeedHistory, HistoryUnavailable> PostgresHistory::read(const FeedHistoryRequest& request) {
  auto lease = pool_.lease(kLeaseWaitMax);
  if (!lease) return std::unexpected(unavailable(lease.error()));
  auto found = projections::owner_history(*lease, request.owner, request.partition, request.from, request.span_max,
                                          request.limit);
  if (!found) return std::unexpected(unavailable(found.error()));
  FeedHistory history{
      .events = {}, .read_to = found->read_to, .checkpoint = found->checkpoint, .has_gap = found->has_gap};
  history.events.reserve(found->events.size());
  for (auto& row : found->events) {
    if (auto event = event_of(std::move(row))) history.events.push_back(std::move(*event));
  }
  return history;
}

std::int64_t PostgresHistory::checkpoint(int partition) const { return progress_.checkpoint(partition); }
bool PostgresHistory::known() const { return progress_.known(); }
bool PostgresHistory::connected() const { return progress_.connected(); }

}  // namespace parley::api
