#pragma once
// Internal to workers/decider: what the decider writes, each time in one transaction.
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/transactional_producer.h"
#include "platform/metrics/metrics.h"
#include "platform/opened.h"
#include "workers/decider/batch.h"
#include "workers/decider/decider.h"
#include "workers/decider/partition_store.h"
#include "workers/decider/seal.h"
#include "workers/runtime/health_state.h"

namespace parley::decider {

/// Under what a transaction is written. Its positions go along even where none moves, so that a decider that was
/// replaced meanwhile is fenced.
struct Membership {
  const std::map<int, std::int64_t>& next_command;  ///< By partition: at least of those that the transaction is about.
  const kafka::GroupMetadata& metadata;
};

/// The producer and the order of each transaction, which README.md explains. An error says that nothing was committed;
/// or its severity is fatal, and whether something was is unknown. Owned by one thread.
class Transactions {
 public:
  struct Options {
    kafka::Config kafka;
    std::string topic_prefix;
    std::string instance;
    std::chrono::milliseconds timeout;
    std::function<void(Step)> observer;  ///< May be empty.
  };
  explicit Transactions(Options options) : options_(std::move(options)) {}

  /// Fences an earlier process of this name and ends its open transaction; waits for Kafka. False: it was told to stop.
  std::expected<bool, std::string> open(const std::stop_token& stop, runtime::HealthState& health);
  /// With the open transaction, if there is one.
  void close() { producer_.reset(); }

  /// What was decided; the result is what it changes in the stores, by partition. Throws runtime::LogMismatch when an
  /// event does not go behind those that its store has folded.
  kafka::TransactionResult<std::vector<std::pair<int, Changes>>> write(std::map<int, Batch>& batches,
                                                                       const std::map<int, PartitionStore>& stores,
                                                                       const Membership& membership);
  /// Seals, by partition; the result is their offsets.
  kafka::TransactionResult<std::map<int, std::int64_t>> write_seals(const std::map<int, Seal>& seals,
                                                                    const Membership& membership);
  /// What is parked in each partition of the membership, in the directory.
  kafka::TransactionResult<void> announce_parked(const std::map<int, PartitionStore>& stores,
                                                 const Membership& membership);
  /// After an error that asks for it: nothing of the transaction is visible.
  kafka::TransactionResult<void> abort();

 private:
  std::string topic(std::string_view name) const { return options_.topic_prefix + "." + std::string(name); }
  void observe(Step step) const {
    if (options_.observer) options_.observer(step);
  }
  kafka::TransactionResult<std::size_t> produce(const std::string& topic, int partition, const StagedRecord& record);
  kafka::TransactionResult<std::size_t> produce(const std::string& topic, int partition,
                                                const schema::DirectoryRecord& entry);
  kafka::TransactionResult<std::map<int, std::vector<std::size_t>>> write_events(std::map<int, Batch>& batches);
  kafka::TransactionResult<void> finish(const std::vector<kafka::PartitionOffset>& positions,
                                        const kafka::GroupMetadata& metadata);
  kafka::PartitionOffset position_of(int partition, const Membership& membership) const {
    return {{topic("commands"), partition}, membership.next_command.at(partition)};
  }
  std::vector<std::int64_t> offsets_of(const std::vector<std::size_t>& numbers) const;

  const Options options_;
  Opened<kafka::TransactionalProducer> producer_;
  metrics::Counter committed_ = outcome("committed");
  metrics::Counter aborted_ = outcome("aborted");
  static metrics::Counter outcome(const char* name);
};

}  // namespace parley::decider
