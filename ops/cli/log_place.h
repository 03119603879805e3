#pragma once
// Which log a task at the console means.
#include <expected>
#include <string>

#include "ops/cli/options.h"
#include "platform/kafka/config.h"

namespace parley::cli {

struct LogPlace {
  kafka::Config kafka;
  std::string prefix = "parley";
  int partitions = kafka::kPartitionsDefault;
};

/// Asks Kafka, before anything is read or written, whether the log is there and of how many partitions it is: with
/// another number each stream would be looked for, and each command written, in a wrong one. The error is a sentence
/// that names the setting; it takes 3 s at most.
std::expected<LogPlace, std::string> find_log(const Options& options);

}  // namespace parley::cli
