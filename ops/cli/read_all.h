#pragma once
// What stands in some partitions now, for a task that reads it once.
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/message.h"

namespace parley::cli {

/// Calls `each` with every record that stands there now, in order within a partition, by a reader of its own. The
/// error is a sentence.
std::expected<void, std::string> read_all(const kafka::Config& kafka,
                                          const std::vector<kafka::TopicPartition>& partitions,
                                          const std::function<void(const kafka::Message&)>& each);

}  // namespace parley::cli
