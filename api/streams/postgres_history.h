#pragma once
// History out of the read models in PostgreSQL.
#include <chrono>
#include <cstdint>
#include <expected>

#include "api/streams/history.h"

namespace parley::postgres {
class Pool;
}

namespace parley::api {

class Progress;

/// Thread-safe. A read takes a connection of the pool for as long as it lasts, and is bounded by the wait for it and
/// the session's deadlines.
class PostgresHistory final : public HistorySource {
 public:
  /// Both must outlive this.
  PostgresHistory(postgres::Pool& pool, const Progress& progress) : pool_(pool), progress_(progress) {}

  std::expected<History, HistoryUnavailable> read(const HistoryRequest& request) override;
  std::expected<FeedHistory, HistoryUnavailable> read(const FeedHistoryRequest& request) override;
  std::int64_t checkpoint(int partition) const override;
  bool known() const override;
  bool connected() const override;

 private:
  static constexpr std::chrono::milliseconds kLeaseWaitMax{1'000};

  postgres::Pool& pool_;
  const Progress& progress_;
};

}  // namespace parley::api
