#include "ops/cli/log_place.h"

#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "platform/kafka/admin.h"

namespace parley::cli {
namespace {

constexpr std::chrono::milliseconds kKafkaWithin{3'000};

std::string cannot_be_reached(const kafka::Error& error, const std::string& brokers) {
  if (error.kind != kafka::Kind::timeout && error.kind != kafka::Kind::unavailable) return "Kafka: " + error.text;
  return fmt::format("Kafka at {} cannot be reached (--kafka-brokers, PARLEY_KAFKA_BROKERS)", brokers);
}

}  // namespace

std::expected<LogPlace, std::string> find_log(const Options& options) {
  LogPlace log{.kafka = options.kafka(), .prefix = options.topic_prefix, .partitions = 0};
  // The events first: they are the log. Of the others one may be missing from a log of an earlier build; what needs it
  // says so.
  std::vector<std::string> names;
  for (const auto* name : {"events", "commands", "replies", "directory", "dead-letters"})
    names.push_back(log.prefix + "." + name);
  auto admin = kafka::Admin::open(log.kafka);
  if (!admin) return std::unexpected("Kafka: " + admin.error().text);
  const auto topics = admin->describe_topics(names, kKafkaWithin);
  if (!topics) return std::unexpected(cannot_be_reached(topics.error(), log.kafka.brokers));
  if (!topics->front()) {
    return std::unexpected(
        fmt::format("there is no topic {} at {} (--topic-prefix, --kafka-brokers)", names.front(), log.kafka.brokers));
  }
  log.partitions = topics->front()->partitions;
  for (const auto& topic : *topics) {
    if (!topic || topic->partitions == log.partitions) continue;
    return std::unexpected(fmt::format("{} has {} partitions and {} has {}: they are not of one log", names.front(),
                                       log.partitions, topic->name, topic->partitions));
  }
  return log;
}

}  // namespace parley::cli
