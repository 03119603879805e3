#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "platform/postgres/error.h"
#include "platform/postgres/options.h"
#include "platform/postgres/params.h"
#include "platform/postgres/rows.h"

namespace parley::postgres {

class Session;  // one connection; session.h

/// Where a statement can be run. The queries of read models take a Reader, and so run alone or inside a snapshot.
/// Statements are constants of the program: each is prepared once per connection, under its text. Blocks up to the
/// session's statement_timeout + silence_timeout. Not thread-safe.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual Result<Rows> query(std::string_view statement, const Params& params = {}) = 0;
};

/// Several reads that see one state of the database: REPEATABLE READ, READ ONLY. Ends when it goes; its Lease must
/// outlive it.
class Snapshot final : public Reader {
 public:
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  ~Snapshot() override;
  Result<Rows> query(std::string_view statement, const Params& params = {}) override;

 private:
  friend class Lease;
  struct Impl;
  explicit Snapshot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A write: READ COMMITTED. Rolled back when it goes without commit(); after an error only rolling back is left. Its
/// Lease must outlive it.
class Transaction final : public Reader {
 public:
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;
  ~Transaction() override;
  /// Reads and writes alike; Rows::affected() says how many rows were written.
  Result<Rows> query(std::string_view statement, const Params& params = {}) override;
  /// Runs `work` behind a savepoint and returns what it returned: after an error of its own everything that it wrote is
  /// undone, and the transaction can go on. Does not nest. unavailable when the savepoint itself fails: then only
  /// rolling back is left.
  Result<void> attempt(const std::function<Result<void>()>& work);
  /// in_doubt when the connection broke meanwhile. Call it once.
  Result<void> commit();

 private:
  friend class Lease;
  struct Impl;
  explicit Transaction(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A connection, lent by a Pool and given back when this goes; a broken one is thrown away instead. As a Reader it runs
/// each statement on its own, outside a transaction: the cheapest single read. One thread at a time, one Snapshot or
/// Transaction at a time. Must not outlive its Pool.
class Lease final : public Reader {
 public:
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) noexcept;
  ~Lease() override;
  Result<Rows> query(std::string_view statement, const Params& params = {}) override;
  /// `held`: a table whose ACCESS SHARE lock is taken before anything is seen, in the message that begins the
  /// transaction: whoever has locked it against readers is waited for, and what he did is seen. Empty: none.
  Result<Snapshot> snapshot(std::string_view held = {});
  Result<Transaction> transaction();

 private:
  friend class Pool;
  struct Impl;
  explicit Lease(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct PoolOptions {
  SessionOptions session;
  std::size_t connections_max = 8;
  std::string name = {};  ///< Under which metrics show it; empty: they do not.
};

/// A bounded set of connections, opened when first needed and kept. Thread-safe; owns a thread ("pg-watch") that breaks
/// the connection of a statement to which the server stays silent past its deadline. Never throws for the state of
/// PostgreSQL.
class Pool {
 public:
  explicit Pool(PoolOptions options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Lends a connection: an idle one that still looks alive, or a new one. `timeout` when all are lent until the
  /// deadline, `unavailable` when none can be opened (which takes at most connect_timeout).
  Result<Lease> lease(std::chrono::steady_clock::time_point deadline);
  Result<Lease> lease(std::chrono::milliseconds wait_max) { return lease(std::chrono::steady_clock::now() + wait_max); }

  struct Usage {
    std::size_t lent = 0;
    std::size_t idle = 0;
    std::size_t waiting = 0;  ///< Threads in lease().
  };
  Usage usage() const;

 private:
  friend class Lease;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace parley::postgres
