#pragma once
// How long to wait before something is tried again. Pure.
#include <chrono>
#include <cstdint>
#include <optional>

namespace parley::reactors {

struct Backoff {
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds max{30'000};
};

/// Before the `repeat`-th repetition (from 1): doubled each time up to the maximum; of that the second half at random,
/// so that many that failed together do not come back together. The same `seed` and `repeat` give the same pause.
std::chrono::milliseconds pause_before(int repeat, const Backoff& backoff, std::uint64_t seed);

}  // namespace parley::reactors
