#include "schemas/point_in_time.h"

#include <algorithm>
#include <string>

#include "schemas/fields.h"

namespace parley::schema {

std::optional<Timestamp> parse_past_time(std::string_view text) {
  if (text.starts_with("0000")) return std::nullopt;  // PostgreSQL's calendar has no year 0
  constexpr std::string_view kMidnight = "T00:00:00.000Z", kDate = "2026-11-21", kSeconds = "2026-11-21T10:17:00Z";
  if (text.size() == kDate.size()) return parse_time(std::string(text) + std::string(kMidnight));
  if (text.size() == kSeconds.size() && text.ends_with('Z'))
    return parse_time(std::string(text.substr(0, text.size() - 1)) + ".000Z");
  return parse_time(text);
}

std::optional<PointInTime> parse_point_in_time(std::string_view text) {
  const bool is_number = !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (is_number) {
    const auto version = parse_integer(text);
    if (!version || *version > kIdMax) return std::nullopt;
    return AtVersion{*version};
  }
  if (const auto time = parse_past_time(text)) return AtTime{*time};
  return std::nullopt;
}

}  // namespace parley::schema
