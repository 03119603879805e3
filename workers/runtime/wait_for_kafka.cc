#include "workers/runtime/wait_for_kafka.h"

#include <chrono>

#include "platform/log/log.h"
#include "platform/process/process.h"

namespace parley::runtime {
namespace {

constexpr std::chrono::milliseconds kPause{50};

}  // namespace

bool wait_for_kafka(const std::stop_token& stop, HealthState& health,
                    const std::function<std::optional<std::string>()>& attempt) {
  std::string last_trouble;
  while (!stop.stop_requested()) {
    health.beat();
    const auto trouble = attempt();
    if (!trouble) return true;
    if (!trouble->empty() && *trouble != last_trouble) log::warn("waiting for Kafka", {{"reason", *trouble}});
    last_trouble = *trouble;
    process::pause(stop, kPause);
  }
  return false;
}

}  // namespace parley::runtime
