#pragma once
// What was measured, as one JSON object on standard output.
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::bench {

using Clock = std::chrono::steady_clock;

/// Every latency of one measurement, in the order in which they came. Not thread-safe.
class Latencies {
 public:
  void add(Clock::duration latency) { values_.push_back(latency); }
  std::size_t count() const { return values_.size(); }
  /// In milliseconds; `share` 0.5 is the median, 1 the maximum. 0 without a value.
  double quantile_ms(double share);

 private:
  std::vector<Clock::duration> values_;
};

using Figures = std::vector<std::pair<std::string_view, double>>;
/// "p50_ms", "p99_ms", "max_ms".
void add(Figures& figures, Latencies& latencies);
/// One line.
void print(const Figures& figures);

}  // namespace parley::bench
