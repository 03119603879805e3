#include "ops/cli/read_all.h"

#include "platform/kafka/consumer.h"
#include "platform/kafka/read_through.h"

namespace parley::cli {

std::expected<void, std::string> read_all(const kafka::Config& kafka,
                                          const std::vector<kafka::TopicPartition>& partitions,
                                          const std::function<void(const kafka::Message&)>& each) {
  auto reader = kafka::Consumer::open(kafka, {});
  if (!reader) return std::unexpected(reader.error().text);
  const auto stretches = kafka::all_of(*reader, partitions);
  if (!stretches) return std::unexpected(stretches.error().text);
  const auto read = kafka::read_through(*reader, *stretches, [&](const kafka::Message& record) {
    each(record);
    return true;
  });
  if (!read) return std::unexpected(read.error().text);
  return {};
}

}  // namespace parley::cli
