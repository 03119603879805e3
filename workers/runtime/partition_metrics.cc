#include "workers/runtime/partition_metrics.h"

#include <algorithm>
#include <cstddef>

namespace parley::runtime {

PartitionMetrics::PartitionMetrics(const Gauge& owned, const Gauge& lag, int partitions) {
  for (int partition = 0; partition < partitions; ++partition) {
    const metrics::Labels labels{{"partition", std::to_string(partition)}};
    by_partition_.push_back(
        {metrics::gauge(owned.name, owned.help, labels), metrics::gauge(lag.name, lag.help, labels)});
  }
}

void PartitionMetrics::own(std::span<const kafka::TopicPartition> partitions) {
  for (int partition = 0; auto& gauges : by_partition_) {
    const bool owned = std::ranges::any_of(partitions, [&](const auto& one) { return one.partition == partition; });
    gauges.owned.set(owned ? 1 : 0);
    if (!owned) gauges.lag.set(0);
    ++partition;
  }
}

void PartitionMetrics::set_lag(int partition, std::int64_t records) {
  by_partition_.at(static_cast<std::size_t>(partition)).lag.set(static_cast<double>(records));
}

}  // namespace parley::runtime
