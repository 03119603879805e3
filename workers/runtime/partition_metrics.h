#pragma once
// The two gauges that every worker has of each partition.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platform/kafka/record.h"
#include "platform/metrics/metrics.h"

namespace parley::runtime {

/// Whether this process works on the partition, and how many records of it are not done. Labelled by partition; all
/// partitions are there from the start. Thread-safe.
class PartitionMetrics {
 public:
  struct Gauge {
    std::string name;
    std::string help;
  };
  PartitionMetrics(const Gauge& owned, const Gauge& lag, int partitions);

  /// These are owned, and no others. What is not owned has no lag.
  void own(std::span<const kafka::TopicPartition> partitions);
  void set_lag(int partition, std::int64_t records);

 private:
  struct Gauges {
    metrics::Gauge owned;
    metrics::Gauge lag;
  };
  std::vector<Gauges> by_partition_;
};

}  // namespace parley::runtime
