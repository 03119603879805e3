#include "ops/cli/log_place.h"

#include <fmt/format.h>

#include <vector>

#include "platform/kafka/admin.h"

namespace parley::cli {

std::expected<void, std::string> expect_partitions(const LogPlace& log) {
  // The events first: they are the log. Of the others one may be missing from a log of an earlier build; what needs it
  // says so.
  std::vector<std::string> names;
  for (const auto* name : {"events", "commands", "replies", "directory", "dead-letters"})
    names.push_back(log.prefix + "." + name);
  auto admin = kafka::Admin::open(log.kafka);
  if (!admin) return std::unexpected("Kafka: " + admin.error().text);
  const auto topics = admin->describe_topics(names);
  if (!topics) return std::unexpected("Kafka: " + topics.error().text);
  if (!topics->front()) {
    return std::unexpected(
        fmt::format("there is no topic {} at {} (--topic-prefix, --kafka-brokers)", names.front(), log.kafka.brokers));
  }
  for (const auto& topic : *topics) {
    if (!topic) continue;
    if (auto wrong = kafka::wrong_partitions(*topic, log.partitions)) return std::unexpected(std::move(*wrong));
  }
  return {};
}

}  // namespace parley::cli
