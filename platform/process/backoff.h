#pragma once
// How long to wait before trying again.
#include <algorithm>
#include <chrono>

namespace parley::process {

/// Waits that double from `min` up to `max`. Not thread-safe.
class Backoff {
 public:
  using Time = std::chrono::milliseconds;
  Backoff(Time min, Time max) : min_(min), max_(max), next_(min) {}

  /// The wait before the next attempt.
  Time next() {
    const Time now = next_;
    next_ = std::min(next_ * 2, max_);
    return now;
  }
  /// An attempt went well.
  void reset() { next_ = min_; }

 private:
  Time min_;
  Time max_;
  Time next_;
};

}  // namespace parley::process
