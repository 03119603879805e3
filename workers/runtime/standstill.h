#pragma once
// Which partitions have records and do not advance. Pure.
#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

namespace parley::runtime {

/// Not thread-safe.
class Standstill {
 public:
  using Clock = std::chrono::steady_clock;

  /// At `when` the partition's work was done up to `next`, and its log ended at `end`.
  void see(int partition, std::int64_t next, std::int64_t end, Clock::time_point when);
  /// Those that have been behind at the same position for longer than `limit`, in order.
  std::vector<int> standing(Clock::time_point now, Clock::duration limit) const;
  void clear() { behind_.clear(); }

 private:
  struct Behind {
    std::int64_t next = 0;
    Clock::time_point since;
  };
  std::map<int, Behind> behind_;
};

}  // namespace parley::runtime
