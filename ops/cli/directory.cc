#include "ops/cli/directory.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <utility>

#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/read_through.h"
#include "projections/record.h"
#include "schemas/contexts/accounts.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/events.h"

namespace parley::cli {
namespace {

constexpr std::chrono::seconds kFlushWait{30};
constexpr std::size_t kWrittenAtOnce = 5'000;

kafka::Error failure(std::string text) { return {kafka::Kind::fatal, false, std::move(text)}; }

}  // namespace

kafka::Result<std::size_t> fill_directory(const LogPlace& log) {
  auto consumer = kafka::Consumer::open(log.kafka, {});
  if (!consumer) return std::unexpected(consumer.error());
  auto producer = kafka::Producer::open(log.kafka, {});
  if (!producer) return std::unexpected(producer.error());
  const auto events = kafka::all_of(*consumer, kafka::every_partition(log.prefix + ".events", log.partitions));
  if (!events) return std::unexpected(events.error());

  // Streams of kinds that are in the directory, folded: as much memory as their states take.
  std::map<Stream, State> states;
  kafka::Result<void> folded;
  const auto fold = [&](const kafka::Message& record) -> kafka::Result<void> {
    const auto stream = parse_stream(record.header("ce_subject").value_or(""));
    if (!stream || !schema::is_in_directory(stream->kind)) return {};
    const auto found = projections::read_record(record);
    if (!found) return std::unexpected(failure(found.error()));
    const auto event = schema::decode_event(found->envelope.type, found->value);
    if (!event) return std::unexpected(failure("the event at " + projections::place_of(record) + " cannot be read"));
    if (!*event) return {};
    auto& state = states.try_emplace(*stream, initial_state(stream->kind)).first->second;
    state = evolve(state, **event, {found->envelope.time, found->envelope.sequence});
    return {};
  };
  const auto read = kafka::read_through(*consumer, *events, [&](const kafka::Message& record) {
    folded = fold(record);
    return folded.has_value();
  });
  if (!read) return std::unexpected(read.error());
  if (!folded) return std::unexpected(folded.error());

  const auto topic = log.prefix + ".directory";
  const std::vector<kafka::Header> headers{{"content-type", schema::kJson}};
  std::size_t written = 0;
  std::atomic<std::size_t> acknowledged = 0;
  for (const auto& [stream, state] : states) {
    for (const auto& entry : schema::directory_of(stream, state)) {
      const auto queued = producer->produce(
          {.topic = topic,
           .partition = partition_of(slot_of(stream.id), log.partitions),
           .key = entry.key,
           .value = entry.value,
           .headers = headers,
           .time = std::nullopt},
          [&acknowledged](const kafka::Result<std::int64_t>& delivered) { acknowledged += delivered.has_value(); });
      if (!queued) return std::unexpected(queued.error());
      // Never more under way than the producer's queue takes.
      if (++written % kWrittenAtOnce != 0) continue;
      if (auto flushed = producer->flush(kFlushWait); !flushed) return std::unexpected(flushed.error());
    }
  }
  if (auto flushed = producer->flush(kFlushWait); !flushed) return std::unexpected(flushed.error());
  if (acknowledged != written) return std::unexpected(failure("entries were not acknowledged"));
  return written;
}

kafka::Result<std::optional<IndexedAccount>> account_of_email(const LogPlace& log,
                                                              const std::vector<std::string>& email_indexes) {
  auto consumer = kafka::Consumer::open(log.kafka, {});
  if (!consumer) return std::unexpected(consumer.error());
  const auto all = kafka::all_of(*consumer, kafka::every_partition(log.prefix + ".directory", log.partitions));
  if (!all) return std::unexpected(all.error());
  std::map<std::pair<std::size_t, int>, AccountId>
      found;  // by index and partition: what one partition says is taken back by itself alone
  const auto read = kafka::read_through(*consumer, *all, [&](const kafka::Message& record) {
    if (!record.key().starts_with(schema::kAccountEmailPrefix)) return true;
    const auto index = std::ranges::find(email_indexes, record.key().substr(schema::kAccountEmailPrefix.size()));
    if (index == email_indexes.end()) return true;
    const auto stream = record.is_tombstone() ? std::nullopt : schema::stream_of_entry(record.key(), record.value());
    const std::pair place{static_cast<std::size_t>(index - email_indexes.begin()), record.partition()};
    found.erase(place);
    if (stream) found.emplace(place, AccountId{stream->id});
    return true;
  });
  if (!read) return std::unexpected(read.error());
  if (found.empty()) return std::nullopt;
  const auto& [place, account] = *found.begin();
  return IndexedAccount{account, email_indexes[place.first]};
}

}  // namespace parley::cli
