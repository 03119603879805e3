#pragma once
// Reads history for the streams that need it: few at a time, however many ask.
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/streams/history.h"
#include "platform/metrics/metrics.h"
#include "platform/process/backoff.h"

namespace parley::api {

/// A line of waiting streams before `threads` readers. When the read model is away, one reader tries the first of the
/// line again and again, less and less often; the others wait and are told that it will take long. So neither a storm
/// of reconnecting clients nor an outage makes more queries than that. Owns its threads ("history-N"). Thread-safe.
class HistoryReader {
 public:
  struct Options {
    int threads = 2;
    std::chrono::milliseconds retry_min{200};
    std::chrono::milliseconds retry_max{5'000};
  };
  /// One in the line. Called on a reader's thread, one call after the other.
  class Waiter {
   public:
    virtual ~Waiter() = default;
    /// Its turn has come: reads what it needs. False when it does not need it any more.
    virtual std::expected<bool, HistoryUnavailable> turn(HistorySource& source) = 0;
    /// It stays in the line.
    virtual void delayed() = 0;
  };
  /// One that reads a part of a stream's past.
  class StreamWaiter : public Waiter {
   public:
    /// What to read, or nothing when it does not need it any more.
    virtual std::optional<HistoryRequest> request() = 0;
    virtual void loaded(History history) = 0;
    std::expected<bool, HistoryUnavailable> turn(HistorySource& source) final;
  };

  /// `source` must outlive this.
  HistoryReader(HistorySource& source, Options options);
  ~HistoryReader() { stop(); }
  HistoryReader(const HistoryReader&) = delete;
  HistoryReader& operator=(const HistoryReader&) = delete;

  /// Puts it into the line; a waiter that has gone when its turn comes is passed over. False when it will take long;
  /// delayed() is not called for that.
  [[nodiscard]] bool enqueue(std::weak_ptr<Waiter> waiter);
  /// The read model seems to be back.
  void retry_now();
  std::size_t waiting() const;

  /// Drops the line, joins the threads. Idempotent.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  // With the lock held.
  void tidy();
  // With the lock held, which is released meanwhile.
  void read_first(std::unique_lock<std::mutex>& lock);
  void fail(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Waiter>& tried, const std::string& why);

  HistorySource& source_;
  const Options options_;
  metrics::Counter reads_ =
      metrics::counter("parley_stream_history_reads_total", "Reads of earlier events for a stream or a feed");
  metrics::Counter failures_ = metrics::counter("parley_stream_history_failures_total",
                                                "Reads of history that failed: PostgreSQL or Kafka did not answer");
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::weak_ptr<Waiter>> line_;
  std::size_t tidy_at_;  // so long a line is freed of those that have gone
  bool failing_ = false;
  bool probing_ = false;  // while failing: one reader tries
  Clock::time_point retry_at_{};
  process::Backoff backoff_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace parley::api
