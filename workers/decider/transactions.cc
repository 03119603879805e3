#include "workers/decider/transactions.h"

#include <fmt/format.h>

#include <array>

#include "workers/runtime/log_mismatch.h"
#include "workers/runtime/wait_for_kafka.h"

namespace parley::decider {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStartWait{10'000};  // of one attempt to reach the broker
constexpr milliseconds kFlushWait{10'000};
constexpr milliseconds kOffsetsWait{10'000};  // not resumable, so generous
constexpr milliseconds kCommitWait{15'000};
constexpr milliseconds kAbortWait{10'000};
constexpr std::array<kafka::Header, 1> kJsonHeaders{{{"content-type", schema::kJson}}};

}  // namespace

metrics::Counter Transactions::outcome(const char* name) {
  return metrics::counter("parley_decider_transactions_total",
                          "Transactions, by their end; the process ends when it does not know the end of one",
                          {{"outcome", name}});
}

std::expected<bool, std::string> Transactions::open(const std::stop_token& stop, runtime::HealthState& health) {
  std::optional<std::string> fault;
  const bool answered = runtime::wait_for_kafka(stop, health, [&]() -> std::optional<std::string> {
    auto opened = kafka::TransactionalProducer::open(
        options_.kafka,
        {.transactional_id = topic("decider") + "." + options_.instance, .transaction_timeout = options_.timeout});
    if (!opened) {
      fault = described(opened.error());
      return std::nullopt;
    }
    if (const auto ready = opened->init(kStartWait); !ready) {
      const auto& error = ready.error().error;
      if (error.kind == kafka::Kind::timeout || error.kind == kafka::Kind::unavailable) return error.text;
      fault = described(error);
      return std::nullopt;
    }
    producer_.emplace(std::move(*opened));
    return std::nullopt;
  });
  if (fault) return std::unexpected(*fault);
  return answered;
}

kafka::TransactionResult<std::vector<std::pair<int, Changes>>> Transactions::write(
    std::map<int, Batch>& batches, const std::map<int, PartitionStore>& stores, const Membership& membership) {
  if (auto begun = producer_->begin(); !begun) return std::unexpected(std::move(begun.error()));
  const auto event_numbers = write_events(batches);
  if (!event_numbers) return std::unexpected(event_numbers.error());
  observe(Step::events_written);
  for (const auto& [partition, numbers] : *event_numbers) {
    const auto last = stores.at(partition).progress().last_event;
    if (const auto first = producer_->offset_of(numbers.front()); first <= last) {
      throw runtime::another_log(
          fmt::format("{} {} goes on at {}, but its event at {} was folded", topic("events"), partition, first, last));
    }
  }
  const auto replies = topic("replies"), directory = topic("directory"), dead_letters = topic("dead-letters");
  std::map<int, std::vector<std::size_t>> reply_numbers;
  std::vector<kafka::PartitionOffset> positions;
  for (auto& [partition, batch] : batches) {
    const auto events = event_numbers->find(partition);
    const auto offsets = events == event_numbers->end() ? std::vector<std::int64_t>{} : offsets_of(events->second);
    for (const auto& reply : batch.finish_replies(offsets)) {
      const auto number = produce(replies, partition, reply);
      if (!number) return std::unexpected(number.error());
      reply_numbers[partition].push_back(*number);
    }
    for (const auto& entry : batch.directory()) {
      if (const auto number = produce(directory, partition, entry); !number) return std::unexpected(number.error());
    }
    for (const auto& letter : batch.dead_letters()) {
      if (const auto number = produce(dead_letters, partition, letter); !number) return std::unexpected(number.error());
    }
    positions.push_back(position_of(partition, membership));
  }
  // Nothing may be on its way when offsets become pending: a producer paused after this has nothing left to write but
  // the end of its transaction.
  if (auto flushed = producer_->flush(kFlushWait); !flushed) return std::unexpected(std::move(flushed.error()));
  observe(Step::replies_written);
  if (auto committed = finish(positions, membership.metadata); !committed)
    return std::unexpected(std::move(committed.error()));
  observe(Step::committed);
  std::vector<std::pair<int, Changes>> changes;
  changes.reserve(batches.size());
  for (auto& [partition, batch] : batches)
    changes.emplace_back(partition, std::move(batch).finish(offsets_of(reply_numbers[partition])));
  return changes;
}

/// The numbers of the records, by partition. Without a flush they are not in the log: their offsets go into the
/// replies.
kafka::TransactionResult<std::map<int, std::vector<std::size_t>>> Transactions::write_events(
    std::map<int, Batch>& batches) {
  const auto events = topic("events");
  std::map<int, std::vector<std::size_t>> numbers;
  for (const auto& [partition, batch] : batches) {
    for (const auto& event : batch.events()) {
      const auto number = produce(events, partition, event);
      if (!number) return std::unexpected(number.error());
      numbers[partition].push_back(*number);
    }
  }
  if (!numbers.empty()) {
    if (auto flushed = producer_->flush(kFlushWait); !flushed) return std::unexpected(std::move(flushed.error()));
  }
  return numbers;
}

kafka::TransactionResult<std::map<int, std::int64_t>> Transactions::write_seals(const std::map<int, Seal>& seals,
                                                                                const Membership& membership) {
  if (auto begun = producer_->begin(); !begun) return std::unexpected(std::move(begun.error()));
  const auto events = topic("events");
  std::map<int, std::size_t> numbers;
  std::vector<kafka::PartitionOffset> positions;
  for (const auto& [partition, made] : seals) {
    const auto number = produce(events, partition, made.event());
    if (!number) return std::unexpected(number.error());
    numbers.emplace(partition, *number);
    positions.push_back(position_of(partition, membership));
  }
  if (auto flushed = producer_->flush(kFlushWait); !flushed) return std::unexpected(std::move(flushed.error()));
  std::map<int, std::int64_t> offsets;
  for (const auto& [partition, number] : numbers) offsets.emplace(partition, producer_->offset_of(number));
  if (auto committed = finish(positions, membership.metadata); !committed)
    return std::unexpected(std::move(committed.error()));
  return offsets;
}

kafka::TransactionResult<void> Transactions::announce_parked(const std::map<int, PartitionStore>& stores,
                                                             const Membership& membership) {
  if (auto begun = producer_->begin(); !begun) return begun;
  const auto directory = topic("directory");
  std::vector<kafka::PartitionOffset> positions;
  for (const auto& [partition, next] : membership.next_command) {
    const auto entry = schema::parked_record(partition, parked_entry(stores.at(partition)));
    if (const auto number = produce(directory, partition, entry); !number) return std::unexpected(number.error());
    positions.push_back(position_of(partition, membership));
  }
  if (auto flushed = producer_->flush(kFlushWait); !flushed) return flushed;
  return finish(positions, membership.metadata);
}

kafka::TransactionResult<void> Transactions::abort() {
  auto aborted = producer_->abort(kAbortWait);
  if (aborted) aborted_.add();
  return aborted;
}

/// The end of every transaction.
kafka::TransactionResult<void> Transactions::finish(const std::vector<kafka::PartitionOffset>& positions,
                                                    const kafka::GroupMetadata& metadata) {
  if (auto sent = producer_->send_offsets(positions, metadata, kOffsetsWait); !sent) return sent;
  observe(Step::offsets_sent);
  auto committed = producer_->commit(kCommitWait);
  if (committed) {
    committed_.add();
  } else {
    committed.error().severity =
        kafka::Severity::fatal;  // crash-only: what a late end of this transaction would hit is not to be found out
  }
  return committed;
}

kafka::TransactionResult<std::size_t> Transactions::produce(const std::string& topic, int partition,
                                                            const StagedRecord& record) {
  const auto headers = kafka::header_views(record.headers);
  return producer_->produce({.topic = topic,
                             .partition = partition,
                             .key = record.key,
                             .value = record.value,
                             .headers = headers,
                             .time = std::nullopt});
}

kafka::TransactionResult<std::size_t> Transactions::produce(const std::string& topic, int partition,
                                                            const schema::DirectoryRecord& entry) {
  return producer_->produce({.topic = topic,
                             .partition = partition,
                             .key = entry.key,
                             .value = entry.value,
                             .headers = kJsonHeaders,
                             .time = std::nullopt});
}

std::vector<std::int64_t> Transactions::offsets_of(const std::vector<std::size_t>& numbers) const {
  std::vector<std::int64_t> offsets;
  offsets.reserve(numbers.size());
  for (const auto number : numbers) offsets.push_back(producer_->offset_of(number));
  return offsets;
}

}  // namespace parley::decider
