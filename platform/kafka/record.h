#pragma once
// Where records are, and what a record to be written consists of.
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley::kafka {

/// Milliseconds since the epoch, as Kafka stores a record's time.
using RecordTime = std::chrono::sys_time<std::chrono::milliseconds>;

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

/// `offset` is that of the next record to read.
struct PartitionOffset {
  TopicPartition where;
  std::int64_t offset = 0;
  friend auto operator<=>(const PartitionOffset&, const PartitionOffset&) = default;
};

struct Header {
  std::string_view name;
  std::string_view value;
};
/// Of pairs of a name and a value, which the views are valid as long as.
template <class Pairs>
std::vector<Header> header_views(const Pairs& pairs) {
  std::vector<Header> out;
  out.reserve(pairs.size());
  for (const auto& [name, value] : pairs) out.push_back({name, value});
  return out;
}

/// A record to produce; everything is copied by produce(). Without a value it is a tombstone (compacted topics). The
/// partition is always said: routing is a part of Parley's contract and is never left to a partitioner. Without a time
/// the broker's client stamps its own.
struct Record {
  std::string_view topic;
  std::int32_t partition = 0;
  std::string_view key;
  std::optional<std::string_view> value;
  std::span<const Header> headers;
  std::optional<RecordTime> time;
};

}  // namespace parley::kafka
