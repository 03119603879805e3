#pragma once
// Idempotent producing from many threads.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "platform/kafka/config.h"
#include "platform/kafka/error.h"
#include "platform/kafka/record.h"

namespace parley::kafka {

/// Writes single records with acks=all, each once and in order per partition, also over the client's own retries. Owns
/// one thread, which calls the delivery callbacks. produce() and flush() are thread-safe.
class Producer {
 public:
  struct Options {
    /// Records that may wait for a broker; more is queue_full.
    std::size_t queued_max = 20'000;
    /// And their size, headers included; more is queue_full too.
    std::size_t queued_kib_max = 64 * 1'024;
    /// A record not acknowledged by then fails with timeout; it may still have been written.
    std::chrono::milliseconds delivery_timeout{10'000};
  };
  /// The record's offset, or why it was not acknowledged.
  using OnDelivery = std::function<void(Result<std::int64_t>)>;

  static Result<Producer> open(const Config& config, const Options& options);
  Producer(Producer&&) noexcept;
  Producer& operator=(Producer&&) noexcept;
  /// Waits for a second at most for what is queued; callbacks of the rest get an error.
  ~Producer();

  /// Queues a record. When it returns a value, `on_delivery` (which must not throw or block) will be called exactly
  /// once, on the producer's thread; when it returns an error, never. Does not block.
  Result<void> produce(const Record& record, OnDelivery on_delivery);

  /// Waits until everything queued before has its callback, or the deadline has passed (timeout).
  Result<void> flush(std::chrono::milliseconds timeout);

  /// Records whose callback has not been called yet.
  std::size_t queued() const;

  /// An Error once the client has met one that it cannot recover from (a broker that lost what it had acknowledged):
  /// nothing can be produced any more, and the process should end and be started again. Thread-safe; does not block.
  Result<void> alive() const;

 private:
  struct Impl;
  explicit Producer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::kafka
