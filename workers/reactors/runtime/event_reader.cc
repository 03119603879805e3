#include "workers/reactors/runtime/event_reader.h"

#include <utility>

#include "schemas/events.h"
#include "workers/runtime/log_mismatch.h"

namespace parley::reactors {
namespace {

constexpr std::size_t kEventsAtOnce = 500;

}  // namespace

std::expected<ReadEvent, std::string> read_event(const kafka::Message& record) {
  const auto unreadable = [&](const std::string& why) {
    return std::unexpected("event at " + std::to_string(record.partition()) + ":" + std::to_string(record.offset()) +
                           ": " + why);
  };
  auto envelope = schema::read_envelope([&](std::string_view name) { return record.header(name); });
  if (!envelope) return unreadable(envelope.error());
  auto event = schema::decode_event(envelope->type, record.value());
  if (!event) return unreadable(event.error().field + " " + event.error().issue);
  return ReadEvent{std::move(*envelope), std::move(*event)};
}

EventReader::EventReader(kafka::Consumer consumer, std::string topic)
    : consumer_(std::move(consumer)), topic_(std::move(topic)) {}

std::expected<EventReader, std::string> EventReader::open(const kafka::Config& kafka, std::string topic) {
  auto consumer = kafka::Consumer::open(kafka, {});
  if (!consumer) return std::unexpected(described(consumer.error()));
  return EventReader(std::move(*consumer), std::move(topic));
}

std::expected<void, std::string> EventReader::begin(const std::vector<kafka::PartitionOffset>& from) {
  if (const auto reading = consumer_.assign(from); !reading) return std::unexpected(described(reading.error()));
  return {};
}

void EventReader::stop() { static_cast<void>(consumer_.assign({})); }

std::expected<void, std::string> EventReader::read(
    std::chrono::milliseconds wait,
    const std::function<std::expected<void, std::string>(const kafka::Message&)>& take) {
  std::vector<kafka::Message> records;
  const auto polled = consumer_.poll(records, kEventsAtOnce, wait);
  if (!polled && polled.error().kind == kafka::Kind::no_offset)
    throw runtime::another_log(topic_ + " does not hold what comes next (" + polled.error().text + ")");
  if (!polled && !is_transient(polled.error())) return std::unexpected(described(polled.error()));
  for (const auto& record : records) {
    if (auto taken = take(record); !taken) return taken;
  }
  return {};
}

std::map<int, std::int64_t> EventReader::positions() const {
  std::map<int, std::int64_t> out;
  for (const auto& one : consumer_.position().value_or(std::vector<kafka::PartitionOffset>{}))
    out.emplace(one.where.partition, one.offset);
  return out;
}

kafka::Result<std::vector<kafka::PartitionOffset>> EventReader::end(
    const std::vector<kafka::TopicPartition>& partitions, std::chrono::milliseconds wait) const {
  return consumer_.end(partitions, kafka::Isolation::read_uncommitted, wait);
}

}  // namespace parley::reactors
