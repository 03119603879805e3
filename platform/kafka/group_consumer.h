#pragma once
// A member of a consumer group.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/error.h"
#include "platform/kafka/message.h"
#include "platform/kafka/record.h"

namespace parley::kafka {

/// Who this consumer was in its group at one moment. The broker checks it when offsets are sent to a transaction, which
/// is what fences an owner that was replaced; so it is captured while partitions are being given, never later. Copies
/// share the same immutable value. Thread-safe.
class GroupMetadata {
 public:
  GroupMetadata() = default;
  explicit operator bool() const { return value_ != nullptr; }

 private:
  friend class GroupConsumer;
  friend class TransactionalProducer;
  std::shared_ptr<void> value_;
};

/// A member of a group (classic protocol, range assignor, static membership): partitions come and go inside poll(). It
/// never commits by itself: positions are sent to a TransactionalProducer's transaction, or commit() is called. Owned
/// by one thread: no method is thread-safe.
class GroupConsumer {
 public:
  struct Options {
    std::string group;
    /// group.instance.id: one that comes back within the session timeout gets its partitions back at once. Unique
    /// within the group.
    std::string instance;
    std::vector<std::string> topics;
    std::chrono::milliseconds session_timeout{6'000};
    /// poll() must be called at least this often, or the partitions are taken away.
    std::chrono::milliseconds poll_interval_max{300'000};
    std::chrono::milliseconds fetch_wait_max{50};
    int prefetch_kib_max = 16 * 1024;
  };
  /// Called inside poll(), on its thread; must not throw and must not call this consumer's poll(). A list may be empty
  /// (a member beyond the number of partitions). Newly assigned partitions are paused: nothing of them is delivered
  /// before resume().
  struct Callbacks {
    std::function<void(const std::vector<TopicPartition>&, GroupMetadata)> on_assign;
    /// `lost`: somebody else may already own them.
    std::function<void(const std::vector<TopicPartition>&, bool lost)> on_revoke;
  };
  static Result<GroupConsumer> open(const Config& config, const Options& options, Callbacks callbacks);
  GroupConsumer(GroupConsumer&&) noexcept;
  GroupConsumer& operator=(GroupConsumer&&) noexcept;
  ~GroupConsumer();

  /// As Consumer::poll(). Whoever collects records over several calls compares generation() before and after: when it
  /// has changed, everything collected must be dropped, for some of it may belong to somebody else now.
  Result<void> poll(std::vector<Message>& out, std::size_t count_max, std::chrono::milliseconds wait);

  /// Counts assignments and revocations seen by poll().
  std::uint64_t generation() const;

  /// The group's committed offsets, for read_committed: while an earlier owner's transaction still has offsets pending,
  /// it does not answer (unavailable or timeout, retryable): ask again. A partition that was never committed has offset
  /// -1.
  Result<std::vector<PartitionOffset>> committed(std::span<const TopicPartition> partitions,
                                                 std::chrono::milliseconds timeout = kRequestTimeout) const;

  /// Commits positions, outside of any transaction. A member that was replaced is refused (rebalanced). After a timeout
  /// they may be committed or not.
  Result<void> commit(std::span<const PartitionOffset> positions, std::chrono::milliseconds timeout = kRequestTimeout);

  /// Starts delivery at the group's committed offset after an assignment, or goes on where it was paused.
  Result<void> resume(std::span<const TopicPartition> partitions);
  Result<void> pause(std::span<const TopicPartition> partitions);

  /// Leaves politely: on_revoke is called a last time. A static member keeps its place until the session timeout.
  void close();

 private:
  struct Impl;
  explicit GroupConsumer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::kafka
