#include "workers/projector/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "platform/invariant.h"
#include "platform/log/log.h"
#include "projections/record.h"
#include "workers/runtime/log_mismatch.h"

namespace parley::projector {
namespace {

using Clock = std::chrono::steady_clock;
using projections::Advance;
using projections::Checkpoint;
using projections::ParkedEvent;
using projections::place_of;
using projections::read_record;

constexpr std::chrono::seconds kLeaseWait{5};
// Events of a parked stream that are read and applied in one transaction.
constexpr std::size_t kReplayEventsMax = 500;

}  // namespace

postgres::Result<Written> Writer::write(Pending& share, std::size_t parked_now) {
  auto lease = pool_.lease(kLeaseWait);
  if (!lease) return std::unexpected(std::move(lease.error()));
  if (share.in_doubt) {
    const auto settled = settle(*lease, share);
    if (!settled || *settled != Written::not_now) return settled;
  }
  share.parked.clear();
  share.unparked.reset();
  return share.unparking ? write_replay(*lease, share) : write_batch(*lease, share, parked_now);
}

/// Moves checkpoints, which locks their rows: a batch that belongs to somebody else by now ends here.
postgres::Result<Written> Writer::move(postgres::Transaction& transaction, std::span<const Advance> advances) {
  for (const auto& advance : advances) invariant(advance.from <= advance.to.next, "a checkpoint never moves back");
  const auto moved = projections::advance(transaction, advances);
  if (!moved) return std::unexpected(moved.error());
  if (*moved == advances.size()) return Written::yes;
  misses_.add();
  log::warn("checkpoint is not where it was", {{"partitions", advances.size()}, {"matched", *moved}});
  return Written::reload;
}

postgres::Result<Written> Writer::write_batch(postgres::Lease& lease, Pending& share, std::size_t parked_now) {
  const auto begun = Clock::now();
  auto transaction = lease.transaction();
  if (!transaction) return std::unexpected(transaction.error());
  if (const auto moved = move(*transaction, share.advances); !moved || *moved != Written::yes) return moved;
  if (!share.is_apart) {
    const auto rows = share.batch.write(*transaction);
    if (!rows && rows.error().is_about_a_row) {
      share.is_apart = true;
      return Written::partly;
    }
    if (!rows) return std::unexpected(rows.error());
  } else {
    std::vector<projections::Record> records;
    records.reserve(share.records.size());
    for (const auto& message : share.records) records.push_back(*read_record(message));
    const auto parkings = projections::write_apart(*transaction, records);
    if (!parkings) return std::unexpected(parkings.error());
    for (const auto& p : *parkings) share.parked.push_back({p.stream, p.partition, p.events.front(), p.reason, {}});
    if (parked_now + parkings->size() > options_.parked_streams_max) {
      share.refused = fmt::format("more than {} streams would be parked: this is no matter of single events ({}: {})",
                                  options_.parked_streams_max, parkings->front().stream, parkings->front().reason);
      return Written::not_now;
    }
    if (const auto noted = projections::park(*transaction, *parkings); !noted) return std::unexpected(noted.error());
  }
  if (const auto noted = projections::append_waiting(*transaction, share.waiting); !noted)
    return std::unexpected(noted.error());
  const auto finished = finish(*transaction, share);
  if (finished && *finished == Written::yes)
    transaction_seconds_.observe(std::chrono::duration<double>(Clock::now() - begun).count());
  return finished;
}

/// Applies what waits of a parked stream, a part of it in each transaction. The last one passes the event that lets the
/// stream go on.
postgres::Result<Written> Writer::write_replay(postgres::Lease& lease, Pending& share) {
  const auto& how = present(share.unparking, "what is replayed has the event that lets its stream go on");
  const auto unparking = read_record(share.records.front());
  const std::string& stream = unparking->envelope.subject;
  auto events = projections::parked_events(lease, stream, kReplayEventsMax + 1);
  if (!events) return std::unexpected(events.error());
  if (events->empty()) return Written::reload;
  const std::int64_t first = events->front().position;
  std::optional<ParkedEvent> next;  // that is not a part of this transaction
  if (events->size() > kReplayEventsMax) {
    next = events->back();
    events->pop_back();
  }
  const auto messages = parked_events_.read(unparking->partition, *events);
  if (!messages) {
    share.refused = messages.error();
    return Written::not_now;
  }
  if (messages->empty()) return Written::not_now;
  if (messages->size() < events->size()) next = (*events)[messages->size()];
  std::vector<projections::Record> records;
  for (const auto& message : *messages) {
    auto record = read_record(message);
    const auto& expected = (*events)[records.size()];
    if (!record || record->envelope.id != expected.event_id)
      throw runtime::another_log(
          fmt::format("{} does not hold event {}, which is parked", place_of(message), expected.event_id));
    records.push_back(std::move(*record));
  }
  if (!next) records.push_back(*unparking);

  auto transaction = lease.transaction();
  if (!transaction) return std::unexpected(transaction.error());
  const Advance& advance = share.advances.front();
  const Advance stay{.from = advance.from, .to = {.partition = advance.to.partition, .next = advance.from}};
  if (const auto moved = move(*transaction, {&stay, 1}); !moved || *moved != Written::yes) return moved;
  const auto held = projections::hold(*transaction, stream, first);
  if (!held) return std::unexpected(held.error());
  if (!*held) return Written::reload;
  const bool is_skip = how.action == parking::Action::skip;
  const auto replayed = projections::replay(*transaction, records, is_skip ? how.version : std::nullopt);
  if (!replayed) return std::unexpected(replayed.error());
  if (const auto& fault = *replayed) {
    const auto& at_fault = records[fault->index];
    const projections::Waiting too{stream, projections::parked_event(*unparking)};
    if (const auto noted = projections::append_waiting(*transaction, {&too, 1}); !noted)
      return std::unexpected(noted.error());
    if (const auto noted =
            projections::wait_from(*transaction, stream, projections::parked_event(at_fault), fault->reason);
        !noted) {
      return std::unexpected(noted.error());
    }
    share.parked.push_back({stream, at_fault.partition, projections::parked_event(at_fault), fault->reason, {}});
  } else if (next) {
    if (const auto noted = projections::wait_from(*transaction, stream, *next, std::nullopt); !noted)
      return std::unexpected(noted.error());
    if (const auto committed = transaction->commit(); !committed) return std::unexpected(committed.error());
    return Written::partly;
  } else {
    if (const auto noted = projections::unpark(*transaction, stream); !noted) return std::unexpected(noted.error());
    share.unparked = stream;
  }
  if (const auto moved = move(*transaction, share.advances); !moved || *moved != Written::yes) return moved;
  return finish(*transaction, share);
}

postgres::Result<Written> Writer::finish(postgres::Transaction& transaction, Pending& share) {
  if (const auto told = projections::announce(transaction, share.advances); !told) return std::unexpected(told.error());
  if (const auto committed = transaction.commit(); !committed) {
    share.in_doubt = committed.error().kind == postgres::ErrorKind::in_doubt;
    return std::unexpected(committed.error());
  }
  return Written::yes;
}

/// After a COMMIT that nobody answered: `yes` it happened, `not_now` with in_doubt cleared: it did not.
postgres::Result<Written> Writer::settle(postgres::Lease& lease, Pending& share) {
  const auto rows = projections::checkpoints(lease);
  if (!rows) return std::unexpected(rows.error());
  const auto stands = [&](const Advance& advance, std::int64_t next) {
    return std::ranges::any_of(
        *rows, [&](const Checkpoint& row) { return row.partition == advance.to.partition && row.next == next; });
  };
  share.in_doubt = false;
  if (std::ranges::all_of(share.advances, [&](const Advance& a) { return stands(a, a.to.next); })) return Written::yes;
  if (std::ranges::all_of(share.advances, [&](const Advance& a) { return stands(a, a.from); })) return Written::not_now;
  return Written::reload;
}

}  // namespace parley::projector
