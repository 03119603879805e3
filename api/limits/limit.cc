#include "api/limits/limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace parley::limits {
namespace {

/// A decimal number of 1 to `max`, and nothing else.
std::optional<std::uint32_t> number(std::string_view text, std::uint32_t max) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0 || value > max) return std::nullopt;
  return value;
}

std::optional<Rate> rate_of(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto requests = number(text.substr(0, slash), kRequestsMax);
  const auto seconds = number(text.substr(slash + 1), static_cast<std::uint32_t>(kPeriodMax.count()));
  if (!requests || !seconds) return std::nullopt;
  return Rate{*requests, std::chrono::seconds(*seconds)};
}

}  // namespace

std::string to_string(const Rate& rate) { return fmt::format("{}/{}", rate.requests, rate.period.count()); }

std::expected<std::vector<Setting>, std::string> settings(std::span<const Limit* const> declared, Profile profile,
                                                          std::span<const std::string> changes) {
  std::vector<Setting> out;
  for (const auto* limit : declared) out.push_back({limit, profile == Profile::local ? kLocalRate : limit->rate});
  for (const std::string_view change : changes) {
    const auto equals = change.find('=');
    const auto name = change.substr(0, equals);
    const auto at = std::ranges::find(out, name, [](const Setting& s) { return s.limit->name; });
    if (at == out.end()) {
      std::string error = fmt::format("there is no limit {}: the limits are", name);
      for (const auto* limit : declared) error.append(limit == declared.front() ? " " : ", ").append(limit->name);
      return std::unexpected(std::move(error));
    }
    const auto rate = equals == std::string_view::npos ? std::nullopt : rate_of(change.substr(equals + 1));
    if (!rate) {
      return std::unexpected(
          fmt::format("{0}: must be {1}=REQUESTS/SECONDS, like {1}={2}; at most {3} requests and {4} seconds", change,
                      name, to_string(at->limit->rate), kRequestsMax, kPeriodMax.count()));
    }
    at->rate = *rate;
  }
  return out;
}

}  // namespace parley::limits
