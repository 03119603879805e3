#include "api/limits/limiter.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace parley::limits {

Limiter::Limiter(std::vector<Setting> settings, std::unique_ptr<Store> store, Clock clock)
    : store_(std::move(store)), clock_(std::move(clock)) {
  for (const auto& setting : settings) {
    limits_.push_back({setting.limit, metrics::counter("parley_http_rate_limited_total",
                                                       "Requests answered 429: their caller exceeded the rate limit",
                                                       {{"limit", std::string(setting.limit->name)}})});
  }
}

Standing Limiter::take(const Limit& limit, std::string_view who) {
  const auto at = std::ranges::find(limits_, &limit, &One::limit);  // they are few
  if (at == limits_.end()) throw std::invalid_argument(fmt::format("the limit {} is not set", limit.name));
  const auto standing = store_->take(static_cast<std::size_t>(at - limits_.begin()), who, clock_());
  if (!standing.allowed) at->refused.add();
  return standing;
}

bool Limiter::knows(const Limit& limit) const {
  return std::ranges::find(limits_, &limit, &One::limit) != limits_.end();
}

std::chrono::milliseconds steady_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace parley::limits
