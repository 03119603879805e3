#include "workers/runtime/health_state.h"

#include <fmt/format.h>

#include <utility>

namespace parley::runtime {

using health::Readiness;

HealthState::HealthState(std::chrono::milliseconds stuck_after)
    : stuck_after_(stuck_after), beat_(Clock::now().time_since_epoch().count()) {}

void HealthState::beat() { beat_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed); }

void HealthState::doing(std::string what) {
  const std::lock_guard lock(mutex_);
  doing_ = std::move(what);
}

void HealthState::impede(std::string_view by, std::vector<std::string> reasons, std::chrono::milliseconds grace) {
  const std::lock_guard lock(mutex_);
  const auto found = impediments_.find(by);
  if (reasons.empty()) {
    if (found != impediments_.end()) impediments_.erase(found);
  } else if (found != impediments_.end()) {
    found->second.reasons = std::move(reasons);
    found->second.grace = grace;
  } else {
    impediments_.emplace(by, Impediment{std::move(reasons), Clock::now(), grace});
  }
}

void HealthState::degrade(std::vector<std::string> reasons) {
  const std::lock_guard lock(mutex_);
  degraded_ = std::move(reasons);
}

void HealthState::halt(std::string why) {
  const std::lock_guard lock(mutex_);
  halted_ = std::move(why);
}

health::Verdict HealthState::verdict(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  if (halted_) return {Readiness::not_ready, {*halted_}};
  std::vector<std::string> reasons;
  const Clock::time_point beat{Clock::duration(beat_.load(std::memory_order_relaxed))};
  if (now - beat > stuck_after_) reasons.push_back("the loop has not turned for " + seconds_text(now - beat));
  for (const auto& [by, impediment] : impediments_) {
    if (now - impediment.since < impediment.grace) continue;
    reasons.insert(reasons.end(), impediment.reasons.begin(), impediment.reasons.end());
  }
  if (!reasons.empty()) return {Readiness::not_ready, std::move(reasons)};
  health::Verdict out;
  if (!doing_.empty()) out.reasons.push_back(doing_);
  if (!degraded_.empty()) out = health::worse(std::move(out), {Readiness::degraded, degraded_});
  return out;
}

std::string seconds_text(std::chrono::steady_clock::duration time) {
  return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

}  // namespace parley::runtime
