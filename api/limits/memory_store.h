#pragma once
// Counts of this process alone, in memory.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "api/limits/limiter.h"
#include "platform/crypto/crypto.h"
#include "platform/metrics/metrics.h"

namespace parley::limits {

/// Callers that are remembered for each limit: 4 MiB for each, taken as it is used and kept.
inline constexpr std::size_t kKeysMax = 32'768;

/// A sliding window log whose newest entries are merged: the "sliding window counter" of sub-windows in "An alternative
/// approach to rate limiting" (Figma, 2017), which counts the whole of a sub-window until its last request is a period
/// ago. So no period, wherever it begins, has more requests than the limit; a fixed window, or a token bucket that is
/// full, lets twice as many through. The price is that a place comes free up to a thirteenth of the period late; with
/// up to 14 requests in a period nothing is merged, and it is exact.
///
/// Bounded: a limit has places for `keys_max` callers, in sets of eight. Where a set is full of callers whom it must
/// remember, a new one gets the place of the one who has used least: who is at the limit stays there, and nobody is
/// refused for lack of room. What a flood of callers can reach is that the count of somebody far from the limit begins
/// anew. Limits do not share places: callers that cost nothing cannot displace the counts of logins.
///
/// A caller is known by 128 bits of a hash under a key of this process: nobody outside can choose whom to meet. One of
/// 64 locks is held for some dozens of nanoseconds; nothing is allocated.
class MemoryStore final : public Store {
 public:
  /// The rates of the limits, by their numbers.
  explicit MemoryStore(const std::vector<Setting>& settings, std::size_t keys_max = kKeysMax);

  Standing take(std::size_t limit, std::string_view who, std::chrono::milliseconds now) override;

 private:
  static constexpr std::size_t kMarks = 14;
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kLocks = 64;

  using Key = std::array<std::uint64_t, 2>;
  /// So many requests, the last of them then (34 years of milliseconds). No requests: no mark.
  struct Mark {
    std::uint64_t at_ms : 40;
    std::uint64_t requests : 24;
  };
  using Log = std::array<Mark, kMarks>;  // the oldest first
  struct Set {
    std::array<Key, kWays> keys;
    std::array<Log, kWays> logs;
  };
  struct Free {
    void operator()(Set* sets) const { std::free(sets); }
  };
  struct Table {
    std::uint32_t requests;
    std::uint64_t period_ms;
    std::uint64_t merged_ms;  // 0: nothing is
    metrics::Counter displaced;
    std::unique_ptr<Set[], Free> sets;
    std::array<std::mutex, kLocks> locks;
  };
  static Log& log_of(Set& set, const Key& key, Table& table, std::uint64_t now_ms);
  static Standing count(Log& log, const Table& table, std::uint64_t now_ms);

  const std::size_t sets_;
  const crypto::KeyedHash hash_;
  std::vector<std::unique_ptr<Table>> tables_;
};

}  // namespace parley::limits
