#include "workers/runtime/standstill.h"

namespace parley::runtime {

void Standstill::see(int partition, std::int64_t next, std::int64_t end, Clock::time_point when) {
  if (next >= end) {
    behind_.erase(partition);
    return;
  }
  auto& behind = behind_.try_emplace(partition, next, when).first->second;
  if (behind.next != next) behind = {next, when};
}

std::vector<int> Standstill::standing(Clock::time_point now, Clock::duration limit) const {
  std::vector<int> out;
  for (const auto& [partition, behind] : behind_) {
    if (now - behind.since > limit) out.push_back(partition);
  }
  return out;
}

}  // namespace parley::runtime
