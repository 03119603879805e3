#pragma once
// One transaction at a time: records and consumed offsets become visible together or not at all.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/error.h"
#include "platform/kafka/group_consumer.h"
#include "platform/kafka/record.h"

namespace parley::kafka {

/// What must follow an error of a transaction. Crash-only: whoever is not sure what a timed-out call has done treats it
/// as fatal, because a late end-of-transaction could otherwise hit the next transaction of the same producer.
enum class Severity {
  retriable,       ///< the same call again continues it
  abort_required,  ///< abort(), forget what was staged
  fatal,           ///< this producer is finished: end the process, or open another and start again with init()
};
struct TransactionError {
  Severity severity = Severity::fatal;
  Error error;
};
template <class T>
using TransactionResult = std::expected<T, TransactionError>;

/// A producer with a stable transactional.id: init() fences every earlier producer of that id and finishes its open
/// transaction. Owned by one thread: no method is thread-safe. Use: begin, produce*, flush, produce*, flush,
/// send_offsets, commit.
class TransactionalProducer {
 public:
  struct Options {
    /// Stable over restarts, unique per process: `<environment>.<app>.<role>.<instance>`. Never random.
    std::string transactional_id;
    /// How long a writer that died may hold back read_committed readers of its partitions.
    std::chrono::milliseconds transaction_timeout{10'000};
  };
  static Result<TransactionalProducer> open(const Config& config, const Options& options);
  TransactionalProducer(TransactionalProducer&&) noexcept;
  TransactionalProducer& operator=(TransactionalProducer&&) noexcept;
  ~TransactionalProducer();

  /// Once, before the first begin(). Repeats retriable errors until `timeout`.
  TransactionResult<void> init(std::chrono::milliseconds timeout);
  TransactionResult<void> begin();

  /// Queues a record and returns its number within this transaction, from 0. Waits a little when the local queue is
  /// full.
  TransactionResult<std::size_t> produce(const Record& record);
  /// Waits for every record of this transaction. On success all of them are in the log; an Error when one was not
  /// acknowledged or `timeout` has passed.
  TransactionResult<void> flush(std::chrono::milliseconds timeout);
  /// Where a record went; only after flush().
  std::int64_t offset_of(std::size_t number) const;

  /// Makes the consumed positions (offset = next record to read) a part of the transaction, under the metadata captured
  /// on assignment. Does not flush: call flush() before it, so that a producer paused after it has nothing left to
  /// write.
  TransactionResult<void> send_offsets(std::span<const PartitionOffset> positions, const GroupMetadata& metadata,
                                       std::chrono::milliseconds timeout);
  /// Repeats retriable errors until `timeout`; what is unclear then is fatal.
  TransactionResult<void> commit(std::chrono::milliseconds timeout);
  TransactionResult<void> abort(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  explicit TransactionalProducer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::kafka
