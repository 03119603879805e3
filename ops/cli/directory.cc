#include "ops/cli/directory.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/events.h"

namespace parley::cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{30};
constexpr milliseconds kPollWait{100};
constexpr milliseconds kFlushWait{30'000};
constexpr std::size_t kReadAtOnce = 5'000;

kafka::Error failure(std::string text) { return {kafka::Kind::fatal, false, std::move(text)}; }

}  // namespace

kafka::Result<std::size_t> fill_directory(const kafka::Config& config, const std::string& prefix, int partitions) {
  auto consumer = kafka::Consumer::open(config, {});
  if (!consumer) return std::unexpected(consumer.error());
  auto producer = kafka::Producer::open(config, {});
  if (!producer) return std::unexpected(producer.error());
  std::vector<kafka::TopicPartition> all;
  std::vector<kafka::PartitionOffset> start;
  for (int i = 0; i < partitions; ++i) {
    all.push_back({prefix + ".events", i});
    start.push_back({all.back(), 0});
  }
  const auto ends = consumer->end(all, kafka::Isolation::read_committed);
  if (!ends) return std::unexpected(ends.error());
  if (auto assigned = consumer->assign(start); !assigned) return std::unexpected(assigned.error());

  const auto topic = prefix + ".directory";
  const std::vector<kafka::Header> headers{{"content-type", schema::kJson}};
  std::size_t written = 0;
  std::atomic<std::size_t> acknowledged = 0;
  std::vector<kafka::Message> records;
  const auto reached = [&] {
    const auto now = consumer->position();
    return now && std::ranges::all_of(*now, [&](const auto& at) {
             return std::ranges::any_of(*ends, [&](const auto& end) { return end.where == at.where && at.offset >= end.offset; });
           });
  };
  for (auto moved = Clock::now(); !reached();) {
    records.clear();
    if (auto polled = consumer->poll(records, kReadAtOnce, kPollWait); !polled && !polled.error().retryable) return std::unexpected(polled.error());
    if (!records.empty()) moved = Clock::now();
    if (Clock::now() - moved > kPatience) return std::unexpected(failure("no events come although there are more"));
    for (const auto& record : records) {
      const auto stream = parse_stream(record.header("ce_subject").value_or(""));
      const auto event = schema::decode_event(record.header("ce_type").value_or(""), record.value());
      if (!event)
        return std::unexpected(
            failure("the event at " + std::to_string(record.partition()) + ":" + std::to_string(record.offset()) + " cannot be read"));
      if (!stream || !*event) continue;
      const auto entry = schema::directory_record(*stream, **event);
      if (!entry) continue;
      const auto queued = producer->produce(
          {.topic = topic, .partition = record.partition(), .key = entry->key, .value = entry->value, .headers = headers, .time = std::nullopt},
          [&acknowledged](const kafka::Result<std::int64_t>& delivered) { acknowledged += delivered.has_value(); });
      if (!queued) return std::unexpected(queued.error());
      // Never more under way than the producer's queue takes.
      if (++written % kReadAtOnce == 0) {
        if (auto flushed = producer->flush(kFlushWait); !flushed) return std::unexpected(flushed.error());
      }
    }
  }
  if (auto flushed = producer->flush(kFlushWait); !flushed) return std::unexpected(flushed.error());
  if (acknowledged != written) return std::unexpected(failure("entries were not acknowledged"));
  return written;
}

}  // namespace parley::cli
