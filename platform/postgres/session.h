#pragma once
// Internal to platform/postgres: the one place where pqxx's connection lives and where its exceptions become values.
#include <chrono>
#include <memory>
#include <mutex>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <unordered_map>

#include "platform/postgres/error.h"
#include "platform/postgres/options.h"
#include "platform/postgres/params.h"
#include "platform/postgres/rows.h"

namespace parley::postgres {

/// What the exception being handled means. Call inside a catch block. `committing`: a broken connection is in doubt.
Error current_error(bool committing);

/// One connection with its session settings. Not thread-safe, but for interrupt_if_silent().
class Session {
 public:
  static Result<std::unique_ptr<Session>> open(const SessionOptions& options);

  Result<Rows> query(std::string_view statement, const Params& params);  // on its own, outside a transaction
  Result<Rows> query(pqxx::transaction_base& transaction, std::string_view statement, const Params& params);
  Result<void> commit(pqxx::transaction_base& transaction);
  Result<std::unique_ptr<pqxx::transaction_base>> begin_snapshot(std::string_view held);
  Result<std::unique_ptr<pqxx::transaction_base>> begin_write();

  pqxx::connection& connection() { return connection_; }
  void end(std::unique_ptr<pqxx::transaction_base> transaction);  // rolls back what was not committed
  bool broken() const { return broken_; }
  /// Whether an idle connection has been closed by the server (or has anything unread): then it is not worth lending.
  bool stale();
  /// For the watching thread: shuts the socket down when the statement under way is past its deadline, which wakes its
  /// caller with a broken connection.
  void interrupt_if_silent(std::chrono::steady_clock::time_point now);

 private:
  class Deadline;
  explicit Session(const SessionOptions& options);
  const std::string& prepared(std::string_view statement);

  pqxx::connection connection_;
  std::chrono::milliseconds patience_;
  bool broken_ = false;
  std::unordered_map<std::string, std::string> prepared_;

  std::mutex watch_mutex_;  // guards the two below: a socket's number may be another's as soon as no statement runs
  int watched_socket_ = -1;
  std::chrono::steady_clock::time_point watched_until_{};
};

}  // namespace parley::postgres
