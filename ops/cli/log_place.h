#pragma once
// Which log a task at the console means.
#include <expected>
#include <string>

#include "platform/kafka/config.h"

namespace parley::cli {

struct LogPlace {
  kafka::Config kafka;
  std::string prefix = "parley";
  int partitions = kafka::kPartitionsDefault;
};

/// Asks Kafka whether the log is there and every topic of it has that many partitions. With another number each stream
/// would be looked for, and each command written, in a wrong partition: so tasks ask before they read or write
/// anything. The error is a sentence.
std::expected<void, std::string> expect_partitions(const LogPlace& log);

}  // namespace parley::cli
