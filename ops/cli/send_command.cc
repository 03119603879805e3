#include "ops/cli/send_command.h"

#include <algorithm>
#include <optional>

#include "platform/crypto/crypto.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"

namespace parley::cli {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kPollWait{100};
constexpr std::size_t kRecordsAtOnce = 5'000;

schema::CommandEnvelope envelope_for(const schema::Target& target, const std::string& attempt) {
  schema::CommandEnvelope envelope;
  envelope.command_id = crypto::uuid7();
  envelope.attempt_id = attempt;
  envelope.fingerprint = envelope.command_id;  // sent once: nobody else has this id
  envelope.principal = ConsoleOperator{};
  envelope.target = target;
  envelope.slot = schema::slot_of_target(target, envelope.command_id, crypto::slot_of);
  envelope.not_after = std::chrono::floor<milliseconds>(std::chrono::system_clock::now()) + kAnswerWithin;
  envelope.correlation = envelope.command_id;
  return envelope;
}

}  // namespace

std::expected<std::map<std::string, schema::Outcome>, std::string> send_command(
    const LogPlace& log, const schema::Target& target, const Command& command,
    const std::vector<std::string>& attempts) {
  auto reader = kafka::Consumer::open(log.kafka, {});
  if (!reader) return std::unexpected(reader.error().text);
  const auto envelope = envelope_for(target, attempts.front());
  const int partition = partition_of(envelope.slot, log.partitions);
  const std::vector<kafka::TopicPartition> replies{{log.prefix + ".replies", partition}};
  const auto ends = reader->end(replies, kafka::Isolation::read_committed);
  if (!ends) return std::unexpected(ends.error().text);
  if (const auto assigned = reader->assign(*ends); !assigned) return std::unexpected(assigned.error().text);
  auto producer = kafka::Producer::open(log.kafka, {});
  if (!producer) return std::unexpected(producer.error().text);

  const auto record = schema::to_record(envelope, command);
  const auto headers = kafka::header_views(record.headers);
  std::optional<std::string> failure;
  const auto topic = log.prefix + ".commands";
  const auto produced = producer->produce({.topic = topic,
                                           .partition = partition,
                                           .key = record.key,
                                           .value = record.value,
                                           .headers = headers,
                                           .time = std::nullopt},
                                          [&failure](kafka::Result<std::int64_t> delivered) {
                                            if (!delivered) failure = delivered.error().text;
                                          });
  if (!produced) return std::unexpected(produced.error().text);
  const auto flushed = producer->flush(kAnswerWithin);
  if (failure) return std::unexpected(*failure);
  if (!flushed) return std::unexpected(flushed.error().text);

  std::map<std::string, schema::Outcome> out;
  const auto deadline = SteadyClock::now() + kAnswerWithin;
  std::vector<kafka::Message> records;
  while (std::ranges::any_of(attempts, [&](const auto& one) { return !out.contains(one); })) {
    if (SteadyClock::now() > deadline)
      return std::unexpected("no decider has answered in time: see `parley parked list` and the deciders' logs");
    records.clear();
    if (const auto polled = reader->poll(records, kRecordsAtOnce, kPollWait); !polled && !polled.error().retryable) {
      return std::unexpected(polled.error().text);
    }
    for (const auto& one : records) {
      const std::string id(one.header("attempt_id").value_or(""));
      if (std::ranges::find(attempts, id) == attempts.end()) continue;
      auto outcome = schema::read_outcome(one.value());
      if (!outcome) return std::unexpected("the answer cannot be read: " + outcome.error().issue);
      const bool refused = std::holds_alternative<Error>(outcome->result);
      out.insert_or_assign(id, std::move(*outcome));
      if (refused && id == attempts.front()) return out;  // the others will not come
    }
  }
  return out;
}

std::expected<schema::Outcome, std::string> send_command(const LogPlace& log, const schema::Target& target,
                                                         const Command& command) {
  const auto attempt = crypto::uuid7();
  auto outcomes = send_command(log, target, command, {attempt});
  if (!outcomes) return std::unexpected(std::move(outcomes.error()));
  return std::move(outcomes->at(attempt));
}

}  // namespace parley::cli
