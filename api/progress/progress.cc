#include "api/progress/progress.h"

#include <map>
#include <mutex>
#include <vector>

#include "api/http/timers.h"
#include "platform/log/log.h"
#include "platform/postgres/listener.h"
#include "platform/postgres/pool.h"
#include "projections/engine/checkpoints.h"

namespace parley::api {
namespace {

using Clock = std::chrono::steady_clock;

/// How often waiters are looked over, and the longest that one waits for a projection that advances but has not come to
/// its event yet.
constexpr std::chrono::milliseconds kSweepPeriod{50};
constexpr std::chrono::milliseconds kBacklogWaitMax{2'000};
constexpr std::chrono::milliseconds kLeaseWait{1'000};

}  // namespace

struct Progress::Impl {
  struct Waiter {
    Clock::time_point since;
    Owed owed;
    std::function<void(bool)> done;
  };
  struct Partition {
    std::int64_t next = 0;
    std::multimap<std::int64_t, Waiter> waiters;  // by offset
  };

  Impl(Options o, postgres::Pool& p)
      : options(std::move(o)), pool(p), partitions(static_cast<std::size_t>(options.partitions)) {}

  void read_table() {
    auto lease = pool.lease(kLeaseWait);
    if (!lease) return lost(lease.error().detail);
    const auto rows = projections::checkpoints(*lease);
    if (!rows) return lost(rows.error().detail);
    std::vector<std::pair<std::int32_t, std::int64_t>> positions;
    for (const auto& row : *rows) {
      positions.emplace_back(row.partition, row.next);
      if (!row.topic_id) continue;
      const std::lock_guard lock(mutex);
      topic_id = row.topic_id;
    }
    advance(positions, true);
  }

  void lost(std::string_view detail) {
    if (connected.exchange(false)) log::warn("the read model cannot be reached", {{"reason", detail}});
  }

  void advance(const std::vector<std::pair<std::int32_t, std::int64_t>>& positions, bool whole_table) {
    std::vector<Waiter> ready;
    {
      const std::lock_guard lock(mutex);
      last_advance = Clock::now();
      stalled = false;
      if (whole_table) known = true;
      for (const auto& [number, next] : positions) {
        if (number < 0 || number >= options.partitions) continue;
        auto& partition = partitions[static_cast<std::size_t>(number)];
        // A table that was read may be behind: PostgreSQL can lose its last transactions in a crash, and the projector
        // writes them again.
        partition.next = whole_table ? next : std::max(partition.next, next);
        const auto end = partition.waiters.lower_bound(partition.next);
        for (auto it = partition.waiters.begin(); it != end; ++it) ready.push_back(std::move(it->second));
        partition.waiters.erase(partition.waiters.begin(), end);
      }
    }
    connected = true;
    for (auto& waiter : ready) waiter.done(true);
    const std::lock_guard lock(advanced_mutex);
    if (advanced) advanced();
  }

  void sweep() {
    std::vector<Waiter> late;
    {
      const std::lock_guard lock(mutex);
      const auto now = Clock::now();
      const bool idle = now - last_advance > options.stall_max;
      for (auto& partition : partitions) {
        for (auto it = partition.waiters.begin(); it != partition.waiters.end();) {
          const auto waited = now - it->second.since;
          if ((idle && waited > options.stall_max) || waited > kBacklogWaitMax) {
            stalled = stalled || (idle && it->second.owed == Owed::certainly);
            late.push_back(std::move(it->second));
            it = partition.waiters.erase(it);
          } else {
            ++it;
          }
        }
      }
    }
    for (auto& waiter : late) waiter.done(false);
  }

  const Options options;
  postgres::Pool& pool;
  std::atomic<bool> connected = false;
  std::atomic<bool> known = false;
  mutable std::mutex mutex;
  std::vector<Partition> partitions;
  std::optional<std::string> topic_id;
  Clock::time_point last_advance = Clock::now();
  bool stalled = false;  // nobody waits for a projection that is known not to advance
  std::mutex
      advanced_mutex;  // held while it is called, so that whoever replaces it knows that it will not be called again
  std::function<void()> advanced;
  http::Timers timers{"progress"};
  std::unique_ptr<postgres::Listener> listener;  // last: its thread ends before the state goes
};

Progress::Progress(Options options, postgres::Pool& pool) : impl_(std::make_unique<Impl>(std::move(options), pool)) {
  auto* impl = impl_.get();
  impl->timers.every(kSweepPeriod, [impl] { impl->sweep(); });
  impl->listener = std::make_unique<postgres::Listener>(
      postgres::ListenerOptions{.session = impl->options.session,
                                .channel = projections::checkpoint_channel(impl->options.session.schema)},
      postgres::Listener::Callbacks{
          .on_listening = [impl] { impl->read_table(); },
          .on_notification =
              [impl](std::string_view payload) {
                const auto positions = projections::parse_announcement(payload);
                if (!positions) return;
                if (positions->empty()) return impl->read_table();
                impl->advance(*positions, false);
              },
          .on_lost = [impl](std::string_view detail) { impl->lost(detail); },
      });
}
Progress::~Progress() {
  impl_->listener.reset();
  std::vector<Impl::Waiter> left;
  {
    const std::lock_guard lock(impl_->mutex);
    for (auto& partition : impl_->partitions) {
      for (auto& [offset, waiter] : partition.waiters) left.push_back(std::move(waiter));
      partition.waiters.clear();
    }
  }
  for (auto& waiter : left) waiter.done(false);
}

std::int64_t Progress::checkpoint(int partition) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->partitions.at(static_cast<std::size_t>(partition)).next;
}
bool Progress::known() const { return impl_->known; }
bool Progress::connected() const { return impl_->connected; }
std::optional<std::string> Progress::topic_id() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->topic_id;
}

void Progress::when_readable(const schema::Position& position, std::function<void(bool)> done, Owed owed) {
  bool readable = false;
  {
    const std::lock_guard lock(impl_->mutex);
    if (position.partition >= 0 && position.partition < impl_->options.partitions) {
      auto& partition = impl_->partitions[static_cast<std::size_t>(position.partition)];
      readable = partition.next > position.offset;
      if (!readable && !impl_->stalled && impl_->connected) {
        partition.waiters.emplace(position.offset, Impl::Waiter{Clock::now(), owed, std::move(done)});
        return;
      }
    }
  }
  done(readable);
}

void Progress::on_advance(std::function<void()> advanced) {
  const std::lock_guard lock(impl_->advanced_mutex);
  impl_->advanced = std::move(advanced);
}

health::Verdict Progress::verdict() const {
  if (impl_->connected) return {};
  return {health::Readiness::degraded, {"PostgreSQL cannot be reached: reads fail, writes are accepted"}};
}

}  // namespace parley::api
