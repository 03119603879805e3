#pragma once
// History out of the log: what the read model's index says where it stands.
#include <chrono>
#include <cstdint>
#include <expected>
#include <span>
#include <utility>
#include <vector>

#include "api/log/log_reader.h"
#include "api/streams/history.h"

namespace parley::postgres {
class Pool;
}

namespace parley::api {

class Progress;

/// Asks PostgreSQL who may see a stream and where its events stand (event_index), and reads those events from
/// parley.events. Thread-safe. A reading takes a connection of the pool while it asks, bounded by the wait for it and
/// the session's deadlines; then one of its own LogReader's consumers, bounded by that one's deadlines. What was read
/// before a deadline is an answer with `has_more`; an answer ends after projections::kPageBytesMax too. Unavailable
/// while PostgreSQL or Kafka is away.
class LogHistory final : public HistorySource {
 public:
  /// A reader's thread is not held for longer than this by Kafka.
  static constexpr std::chrono::milliseconds kLogWaitMax{2'000};

  /// `log`: the topic of events, and a reader for each thread that reads history. `pool` and `progress` must outlive
  /// this.
  LogHistory(postgres::Pool& pool, const Progress& progress, LogReader::Options log)
      : pool_(pool), progress_(progress), log_(std::move(log)) {}

  std::expected<History, HistoryUnavailable> read(const HistoryRequest& request) override;
  std::expected<FeedHistory, HistoryUnavailable> read(const FeedHistoryRequest& request) override;
  std::int64_t checkpoint(int partition) const override;
  bool known() const override;
  bool connected() const override;

 private:
  static constexpr std::chrono::milliseconds kLeaseWaitMax{1'000};

  /// As many of the events as can be read in time and within bounds, in order; one at least.
  std::expected<std::vector<FeedHistory::Event>, HistoryUnavailable> events_at(std::span<const EventPlace> places);

  postgres::Pool& pool_;
  const Progress& progress_;
  LogReader log_;
};

}  // namespace parley::api
