#pragma once
// Whether one more request of somebody is within a limit.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "api/limits/limit.h"
#include "platform/metrics/metrics.h"

namespace parley::limits {

/// Where a caller stands after a request was counted, or refused.
struct Standing {
  bool allowed = true;
  std::uint32_t limit = 0;
  std::uint32_t remaining = 0;  ///< How many more are let through now.
  std::chrono::milliseconds more_in{
      0};  ///< Until `remaining` grows: until the oldest request that counts is a period ago. Above zero.
};

/// Remembers who has asked how often. Thread-safe.
///
/// It stands in the way of every request, on I/O threads, and must not block: one that several processes share answers
/// from what it knows, and tells and hears the others beside that.
class Store {
 public:
  virtual ~Store() = default;
  /// Counts a request of `who` at the moment `now` (of a clock that does not go back) for the limit of this number,
  /// unless it would be one too many. What was refused does not count: whoever goes on asking is let through at the
  /// rate.
  virtual Standing take(std::size_t limit, std::string_view who, std::chrono::milliseconds now) = 0;
};

/// The limits of a process. Thread-safe.
class Limiter {
 public:
  using Clock = std::function<std::chrono::milliseconds()>;

  /// `store` has the limits in the order of `settings`.
  Limiter(std::vector<Setting> settings, std::unique_ptr<Store> store, Clock clock);

  /// Another `who` is another count. Counts what is refused: parley_http_rate_limited_total{limit}. Throws
  /// std::invalid_argument for a limit that the settings lack.
  Standing take(const Limit& limit, std::string_view who);
  bool knows(const Limit& limit) const;

 private:
  struct One {
    const Limit* limit;
    metrics::Counter refused;
  };
  std::vector<One> limits_;
  const std::unique_ptr<Store> store_;
  const Clock clock_;
};

/// Milliseconds of the clock that does not go back.
std::chrono::milliseconds steady_now();

}  // namespace parley::limits
