#include "api/limits/memory_store.h"

#include <algorithm>
#include <new>
#include <numeric>
#include <type_traits>

namespace parley::limits {

MemoryStore::MemoryStore(const std::vector<Setting>& settings, std::size_t keys_max)
    : sets_(std::max<std::size_t>((keys_max + kWays - 1) / kWays, 1)) {
  static_assert(sizeof(Mark) == 8 && sizeof(Set) == kWays * 128 && std::is_trivial_v<Set>);
  for (const auto& [limit, rate] : settings) {
    const auto period_ms = static_cast<std::uint64_t>(std::chrono::milliseconds(rate.period).count());
    // Of merged ones at most kMarks are younger than a period: so many sub-windows meet any period.
    const std::uint64_t merged_ms = rate.requests <= kMarks ? 0 : (period_ms + kMarks - 2) / (kMarks - 1);
    tables_.push_back(std::unique_ptr<Table>(
        new Table{.requests = rate.requests,
                  .period_ms = period_ms,
                  .merged_ms = merged_ms,
                  .displaced = metrics::counter(
                      "parley_http_rate_limit_displaced_total",
                      "Callers whose count started again at 0, because the limit had to remember too many callers",
                      {{"limit", std::string(limit->name)}}),
                  // All zeros is empty, and zeros that nobody has written to cost no memory yet.
                  .sets = std::unique_ptr<Set[], Free>(static_cast<Set*>(std::calloc(sets_, sizeof(Set)))),
                  .locks = {}}));
    if (tables_.back()->sets == nullptr) throw std::bad_alloc();
  }
}

Standing MemoryStore::take(std::size_t limit, std::string_view who, std::chrono::milliseconds now) {
  Table& table = *tables_.at(limit);
  const Key key = hash_.of(who);
  const std::size_t at = key[0] % sets_;
  const auto now_ms = static_cast<std::uint64_t>(now.count());
  const std::lock_guard lock(table.locks[at % kLocks]);
  return count(log_of(table.sets[at], key, table, now_ms), table, now_ms);
}

MemoryStore::Log& MemoryStore::log_of(Set& set, const Key& key, Table& table, std::uint64_t now_ms) {
  const auto found = static_cast<std::size_t>(std::ranges::find(set.keys, key) - set.keys.begin());
  if (found < kWays) return set.logs[found];
  // Who has used least, and of those who has not asked for longest.
  struct Use {
    std::uint64_t requests = 0;
    std::uint64_t last_ms = 0;
    auto operator<=>(const Use&) const = default;
  };
  const auto use_of = [&](const Log& log) {
    Use use;
    for (const auto& mark : log) {
      if (mark.requests == 0 || mark.at_ms + table.period_ms <= now_ms) continue;
      use.requests += mark.requests;
      use.last_ms = mark.at_ms;
    }
    return use;
  };
  std::array<Use, kWays> uses;
  std::ranges::transform(set.logs, uses.begin(), use_of);
  const auto least = static_cast<std::size_t>(std::ranges::min_element(uses) - uses.begin());
  if (uses[least].requests != 0) table.displaced.add();
  set.keys[least] = key;
  return set.logs[least] = {};
}

Standing MemoryStore::count(Log& log, const Table& table, std::uint64_t now_ms) {
  const auto counts = [&](const Mark& mark) { return mark.requests != 0 && mark.at_ms + table.period_ms > now_ms; };
  const auto old = std::ranges::find_if(log, counts) - log.begin();
  std::fill(std::shift_left(log.begin(), log.end(), old), log.end(), Mark{});
  const auto end = std::ranges::find_if_not(log, counts);
  auto used = std::accumulate(log.begin(), end, std::uint32_t{0}, [](std::uint32_t sum, const Mark& mark) {
    return sum + static_cast<std::uint32_t>(mark.requests);
  });

  const bool allowed = used < table.requests;
  if (allowed) {
    ++used;
    Mark* last = end == log.begin() ? nullptr : &*(end - 1);
    if (last != nullptr)
      now_ms = std::max<std::uint64_t>(now_ms, last->at_ms);  // whoever came in between read the clock later
    const bool merges =
        last != nullptr &&
        (end == log.end() || (table.merged_ms != 0 && last->at_ms / table.merged_ms == now_ms / table.merged_ms));
    if (merges) {
      last->at_ms = now_ms;
      ++last->requests;
    } else {
      *end = {.at_ms = now_ms, .requests = 1};
    }
  }
  return {.allowed = allowed,
          .limit = table.requests,
          .remaining = table.requests - used,
          .more_in = std::chrono::milliseconds(log.front().at_ms + table.period_ms - now_ms)};
}

}  // namespace parley::limits
