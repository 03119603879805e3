#pragma once
// What a worker's loop says of itself, for /readyz and for the watchdog.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/health/health.h"

namespace parley::runtime {

/// The loop's thread writes, any thread reads: thread-safe. Nothing blocks.
class HealthState {
 public:
  using Clock = std::chrono::steady_clock;

  /// Not ready when the loop has not turned for `stuck_after`.
  explicit HealthState(std::chrono::milliseconds stuck_after);

  /// At every turn of the loop, and in whatever takes long within one.
  void beat();
  /// Changes with every beat; for process::Watchdog.
  std::int64_t heartbeat() const { return beat_.load(std::memory_order_relaxed); }

  /// What it does while nothing impedes it: "deciding 4 partitions".
  void doing(std::string what);
  /// Not ready for these reasons, as long as they are not cleared; none: clears. `by` names the cause and is not shown.
  /// A cause that lasts no longer than `grace` is not told.
  void impede(std::string_view by, std::vector<std::string> reasons, std::chrono::milliseconds grace = {});
  void clear(std::string_view by) { impede(by, {}); }
  /// It works, but an operator should look; none: no longer.
  void degrade(std::vector<std::string> reasons);
  /// Not ready for this reason alone, for good.
  void halt(std::string why);

  health::Verdict verdict(Clock::time_point now = Clock::now()) const;

 private:
  struct Impediment {
    std::vector<std::string> reasons;
    Clock::time_point since;
    std::chrono::milliseconds grace{};
  };

  const std::chrono::milliseconds stuck_after_;
  std::atomic<Clock::rep> beat_;
  mutable std::mutex mutex_;  // of what follows
  std::string doing_;
  std::map<std::string, Impediment, std::less<>> impediments_;
  std::vector<std::string> degraded_;
  std::optional<std::string> halted_;
};

/// "12 s", for reasons.
std::string seconds_text(std::chrono::steady_clock::duration time);

}  // namespace parley::runtime
