#include "workers/reactors/runtime/backoff.h"

#include <algorithm>
#include <random>

#include "platform/invariant.h"

namespace parley::reactors {

std::chrono::milliseconds pause_before(int repeat, const Backoff& backoff, std::uint64_t seed) {
  invariant(repeat >= 1, "the first call waits for nothing");
  auto whole = backoff.first;
  for (int i = 1; i < repeat && whole < backoff.max; ++i) whole *= 2;
  whole = std::min(whole, backoff.max);
  const auto half = whole / 2;
  std::mt19937_64 random(seed + static_cast<std::uint64_t>(repeat));
  const auto span = static_cast<std::uint64_t>((whole - half).count()) + 1;
  return half + std::chrono::milliseconds(static_cast<std::int64_t>(random() % span));
}

}  // namespace parley::reactors
