#pragma once
// The events that a reactor reads, from a consumer of its own: where the group's positions stand is another question.
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "domain/value.h"
#include "platform/kafka/config.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/message.h"
#include "platform/kafka/record.h"
#include "schemas/envelope.h"

namespace parley::reactors {

/// An event as it stands in the log.
struct ReadEvent {
  schema::Envelope envelope;
  std::optional<Event> event;  ///< Nothing for a type that this build does not know.
};
/// The error says where the record stands and what of it cannot be read.
std::expected<ReadEvent, std::string> read_event(const kafka::Message& record);

/// Reads partitions of parley.events, each from a position that it is given. One thread.
class EventReader {
 public:
  /// `topic`: parley.events, with its prefix.
  static std::expected<EventReader, std::string> open(const kafka::Config& kafka, std::string topic);

  /// From now on these partitions and no others, from these offsets on.
  std::expected<void, std::string> begin(const std::vector<kafka::PartitionOffset>& from);
  /// Reads nothing any more.
  void stop();
  /// Takes each record that comes within `wait`, in the order of its partition; the first error ends it. The error says
  /// why the client is beyond recovery. Throws LogMismatch when the log does not hold what comes next.
  std::expected<void, std::string> read(
      std::chrono::milliseconds wait,
      const std::function<std::expected<void, std::string>(const kafka::Message&)>& take);

  /// The next offset of each partition that is read.
  std::map<int, std::int64_t> positions() const;
  /// Where the log ends in these partitions.
  kafka::Result<std::vector<kafka::PartitionOffset>> end(const std::vector<kafka::TopicPartition>& partitions,
                                                         std::chrono::milliseconds wait) const;

 private:
  EventReader(kafka::Consumer consumer, std::string topic);

  kafka::Consumer consumer_;
  std::string topic_;
};

}  // namespace parley::reactors
