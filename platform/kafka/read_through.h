#pragma once
// What stands in some partitions now, once and in order: for an operator's task that reads a log and ends.
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <span>
#include <string>

#include "platform/kafka/config.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/error.h"
#include "platform/kafka/message.h"

namespace parley::kafka {

/// A part of one partition: from an offset up to, not including, another one.
struct Stretch {
  TopicPartition where;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

/// How far a reading is, in offsets (control records and gaps among them).
struct ReadSoFar {
  std::int64_t done = 0;
  std::int64_t total = 0;
};

/// A reading that gets nothing for so long, although there is more, fails.
inline constexpr std::chrono::seconds kReadPatience{30};

/// Everything that stands in the partitions now as a client of that isolation sees it: from the first offset that is
/// still there to the end. Waits kReadPatience for a partition that has no leader.
Result<std::vector<Stretch>> all_of(const Consumer& reader, std::span<const TopicPartition> partitions,
                                    Isolation isolation = Isolation::read_committed);

/// Calls `each` with every record of the stretches, in order within a partition, until it returns false. `progress`
/// (may be empty) is called after each piece that was read. Assigns the reader anew, and assigns nothing to it at the
/// end. Fails when nothing comes for kReadPatience.
Result<void> read_through(Consumer& reader, std::span<const Stretch> stretches,
                          const std::function<bool(const Message&)>& each,
                          const std::function<void(const ReadSoFar&)>& progress = {});

/// The partitions 0..count-1 of a topic.
std::vector<TopicPartition> every_partition(const std::string& topic, int count);

}  // namespace parley::kafka
