#pragma once
// Waiting for Kafka at a start.
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "workers/runtime/health_state.h"

namespace parley::runtime {

/// Calls `attempt` until it gives no trouble, with a short pause between, and logs each new trouble once (an empty one
/// never). An attempt that fails for good keeps its error and gives no trouble. Beats before each attempt, which must
/// not block for long. False when it was told to stop.
bool wait_for_kafka(const std::stop_token& stop, HealthState& health,
                    const std::function<std::optional<std::string>()>& attempt);

}  // namespace parley::runtime
