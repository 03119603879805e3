#include "ops/cli/directory.h"

#include <atomic>
#include <chrono>

#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/read_through.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/events.h"

namespace parley::cli {
namespace {

constexpr std::chrono::seconds kFlushWait{30};
constexpr std::size_t kWrittenAtOnce = 5'000;

kafka::Error failure(std::string text) { return {kafka::Kind::fatal, false, std::move(text)}; }

}  // namespace

kafka::Result<std::size_t> fill_directory(const kafka::Config& config, const std::string& prefix, int partitions) {
  auto consumer = kafka::Consumer::open(config, {});
  if (!consumer) return std::unexpected(consumer.error());
  auto producer = kafka::Producer::open(config, {});
  if (!producer) return std::unexpected(producer.error());
  const auto events = kafka::all_of(*consumer, kafka::every_partition(prefix + ".events", partitions));
  if (!events) return std::unexpected(events.error());

  const auto topic = prefix + ".directory";
  const std::vector<kafka::Header> headers{{"content-type", schema::kJson}};
  std::size_t written = 0;
  std::atomic<std::size_t> acknowledged = 0;
  kafka::Result<void> written_so_far;
  const auto write = [&](const kafka::Message& record) -> kafka::Result<void> {
    const auto stream = parse_stream(record.header("ce_subject").value_or(""));
    const auto event = schema::decode_event(record.header("ce_type").value_or(""), record.value());
    if (!event)
      return std::unexpected(
          failure("the event at " + std::to_string(record.partition()) + ":" + std::to_string(record.offset()) + " cannot be read"));
    if (!stream || !*event) return {};
    const auto entry = schema::directory_record(*stream, **event);
    if (!entry) return {};
    const auto queued = producer->produce(
        {.topic = topic, .partition = record.partition(), .key = entry->key, .value = entry->value, .headers = headers, .time = std::nullopt},
        [&acknowledged](const kafka::Result<std::int64_t>& delivered) { acknowledged += delivered.has_value(); });
    if (!queued) return queued;
    // Never more under way than the producer's queue takes.
    if (++written % kWrittenAtOnce == 0) return producer->flush(kFlushWait);
    return {};
  };
  const auto read = kafka::read_through(*consumer, *events, [&](const kafka::Message& record) {
    written_so_far = write(record);
    return written_so_far.has_value();
  });
  if (!read) return std::unexpected(read.error());
  if (!written_so_far) return std::unexpected(written_so_far.error());
  if (auto flushed = producer->flush(kFlushWait); !flushed) return std::unexpected(flushed.error());
  if (acknowledged != written) return std::unexpected(failure("entries were not acknowledged"));
  return written;
}

}  // namespace parley::cli
