#pragma once
// A reader with explicit positions.
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/error.h"
#include "platform/kafka/message.h"
#include "platform/kafka/record.h"

namespace parley::kafka {

/// Reads the partitions that it is told to, from the offsets that it is told to; belongs to no group and commits
/// nothing. For tailers, and for folding a log on a start. Owned by one thread: no method is thread-safe. Nothing
/// throws but std::bad_alloc.
class Consumer {
 public:
  struct Options {
    Isolation isolation = Isolation::read_committed;
    /// How long a broker may hold a fetch that has nothing to answer.
    std::chrono::milliseconds fetch_wait_max{100};
    /// Records prefetched at most, in KiB, over all partitions.
    int prefetch_kib_max = 16 * 1024;
  };
  static Result<Consumer> open(const Config& config, const Options& options);
  Consumer(Consumer&&) noexcept;
  Consumer& operator=(Consumer&&) noexcept;
  ~Consumer();

  /// Replaces what is read. Offsets are absolute: ask begin() or end() first. An offset that retention has deleted
  /// comes back from poll() as no_offset.
  Result<void> assign(std::span<const PartitionOffset> positions);
  /// Moves an assigned partition.
  Result<void> seek(const PartitionOffset& position, std::chrono::milliseconds timeout = kRequestTimeout);

  /// Waits at most `wait` for the first record, then takes what is there, `count_max` in all; appended to `out`.
  /// Retryable errors are worth a log line and another call; the client goes on trying by itself.
  Result<void> poll(std::vector<Message>& out, std::size_t count_max, std::chrono::milliseconds wait);

  /// The offset of the next record to be polled of each assigned partition; it passes control records too, so "until
  /// position >= end" ends. Before the first record it is what was assigned.
  Result<std::vector<PartitionOffset>> position() const;

  /// The first offset that is still there.
  Result<std::vector<PartitionOffset>> begin(std::span<const TopicPartition> partitions,
                                             std::chrono::milliseconds timeout = kRequestTimeout) const;
  /// One past the last record, as a client of that isolation sees it: for read_committed the last stable offset.
  Result<std::vector<PartitionOffset>> end(std::span<const TopicPartition> partitions, Isolation isolation,
                                           std::chrono::milliseconds timeout = kRequestTimeout) const;
  /// The first record of each partition at or after `time`, or the end when there is none.
  Result<std::vector<PartitionOffset>> at_time(std::span<const TopicPartition> partitions, RecordTime time,
                                               std::chrono::milliseconds timeout = kRequestTimeout) const;

 private:
  struct Impl;
  explicit Consumer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::kafka
