#include "platform/postgres/pool.h"

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <set>
#include <thread>

#include "platform/metrics/metrics.h"
#include "platform/postgres/session.h"

namespace parley::postgres {

namespace {
constexpr std::chrono::milliseconds kWatchEvery{250};
}

struct Pool::Impl {
  explicit Impl(PoolOptions o) : options(std::move(o)) {}

  const PoolOptions options;
  mutable std::mutex mutex;
  std::condition_variable freed;
  std::deque<std::unique_ptr<Session>> idle;  // the most recently used last: the working set stays small
  std::set<Session*> lent;
  std::size_t opening = 0;
  std::size_t waiting = 0;

  std::condition_variable_any stopping;
  std::jthread watcher;

  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      const auto now = std::chrono::steady_clock::now();
      for (Session* session : lent) session->interrupt_if_silent(now);
      stopping.wait_for(lock, stop, kWatchEvery, [] { return false; });
    }
  }

  Usage usage() const {
    const std::lock_guard lock(mutex);
    return {lent.size(), idle.size(), waiting};
  }

  void give_back(std::unique_ptr<Session> session) {
    {
      const std::lock_guard lock(mutex);
      lent.erase(session.get());
      if (!session->broken()) idle.push_back(std::move(session));
    }
    freed.notify_one();
  }  // a broken session is closed here, outside the lock
};

struct Lease::Impl {
  Impl(std::shared_ptr<Pool::Impl> p, std::unique_ptr<Session> s) : pool(std::move(p)), session(std::move(s)) {}
  ~Impl() { pool->give_back(std::move(session)); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::shared_ptr<Pool::Impl> pool;
  std::unique_ptr<Session> session;
};

Pool::Pool(PoolOptions options) : impl_(std::make_shared<Impl>(std::move(options))) {
  impl_->watcher = std::jthread([impl = impl_.get()](const std::stop_token& stop) { impl->watch(stop); });
  ::pthread_setname_np(impl_->watcher.native_handle(), "pg-watch");
  if (impl_->options.name.empty()) return;
  const auto gauge = [this](const char* state) {
    return metrics::gauge("parley_postgres_connections", "Connections to PostgreSQL",
                          {{"pool", impl_->options.name}, {"state", state}});
  };
  metrics::on_scrape(
      [weak = std::weak_ptr(impl_), lent = gauge("lent"), idle = gauge("idle"),
       waiting = metrics::gauge("parley_postgres_waiting", "Threads that wait for a connection to PostgreSQL",
                                {{"pool", impl_->options.name}})]() mutable {
        const auto pool = weak.lock();
        if (pool == nullptr) return;
        const auto usage = pool->usage();
        lent.set(static_cast<double>(usage.lent));
        idle.set(static_cast<double>(usage.idle));
        waiting.set(static_cast<double>(usage.waiting));
      });
}
Pool::~Pool() {
  impl_->watcher = {};
}  // joined here: a Lease that outlives its Pool (a defect) must not find it half gone

Result<Lease> Pool::lease(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(impl_->mutex);
  const auto free = [this] {
    return !impl_->idle.empty() || impl_->lent.size() + impl_->opening < impl_->options.connections_max;
  };
  ++impl_->waiting;
  const bool is_free = impl_->freed.wait_until(lock, deadline, free);
  --impl_->waiting;
  if (!is_free) return std::unexpected(Error{ErrorKind::timeout, "every connection is lent"});
  std::list<std::unique_ptr<Session>> gone;  // closed after the lock
  while (!impl_->idle.empty()) {
    std::unique_ptr<Session> session = std::move(impl_->idle.back());
    impl_->idle.pop_back();
    if (session->stale()) {
      gone.push_back(std::move(session));
      continue;
    }
    impl_->lent.insert(session.get());
    return Lease(std::make_unique<Lease::Impl>(impl_, std::move(session)));
  }
  ++impl_->opening;
  lock.unlock();
  gone.clear();
  auto session = Session::open(impl_->options.session);
  lock.lock();
  --impl_->opening;
  if (!session) {
    lock.unlock();
    impl_->freed.notify_one();
    return std::unexpected(std::move(session.error()));
  }
  impl_->lent.insert(session->get());
  return Lease(std::make_unique<Lease::Impl>(impl_, std::move(*session)));
}

Pool::Usage Pool::usage() const { return impl_->usage(); }

Lease::Lease(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Lease::Lease(Lease&&) noexcept = default;
Lease& Lease::operator=(Lease&&) noexcept = default;
Lease::~Lease() = default;

Result<Rows> Lease::query(std::string_view statement, const Params& params) {
  return impl_->session->query(statement, params);
}

struct Snapshot::Impl {
  Impl(Session& s, std::unique_ptr<pqxx::transaction_base> t) : session(s), transaction(std::move(t)) {}
  ~Impl() { session.end(std::move(transaction)); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Session& session;
  std::unique_ptr<pqxx::transaction_base> transaction;
};
struct Transaction::Impl {
  Impl(Session& s, std::unique_ptr<pqxx::transaction_base> t) : session(s), transaction(std::move(t)) {}
  ~Impl() { session.end(std::move(transaction)); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Session& session;
  std::unique_ptr<pqxx::transaction_base> transaction;
};

Result<Snapshot> Lease::snapshot(std::string_view held) {
  auto transaction = impl_->session->begin_snapshot(held);
  if (!transaction) return std::unexpected(std::move(transaction.error()));
  return Snapshot(std::make_unique<Snapshot::Impl>(*impl_->session, std::move(*transaction)));
}
Result<Transaction> Lease::transaction() {
  auto transaction = impl_->session->begin_write();
  if (!transaction) return std::unexpected(std::move(transaction.error()));
  return Transaction(std::make_unique<Transaction::Impl>(*impl_->session, std::move(*transaction)));
}

Snapshot::Snapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;
Result<Rows> Snapshot::query(std::string_view statement, const Params& params) {
  return impl_->session.query(*impl_->transaction, statement, params);
}

Transaction::Transaction(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;
Transaction::~Transaction() = default;
Result<Rows> Transaction::query(std::string_view statement, const Params& params) {
  return impl_->session.query(*impl_->transaction, statement, params);
}
Result<void> Transaction::attempt(const std::function<Result<void>()>& work) {
  if (auto marked = query("SAVEPOINT attempt"); !marked) return std::unexpected(std::move(marked.error()));
  auto done = work();
  if (!done) {
    if (auto undone = query("ROLLBACK TO SAVEPOINT attempt"); !undone)
      return std::unexpected(std::move(undone.error()));
  }
  if (auto released = query("RELEASE SAVEPOINT attempt"); !released)
    return std::unexpected(std::move(released.error()));
  return done;
}
Result<void> Transaction::commit() { return impl_->session.commit(*impl_->transaction); }

}  // namespace parley::postgres
