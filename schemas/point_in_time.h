#pragma once
// Points in time of a stream, as people name them.
#include <optional>
#include <string_view>
#include <variant>

#include "domain/kernel.h"

namespace parley::schema {

/// A stream's version: what it was when it had so many events. 0 is before its first one.
struct AtVersion {
  std::int64_t version = 0;
  friend bool operator==(const AtVersion&, const AtVersion&) = default;
};
/// What a stream was at a time: with every event whose time is not later.
struct AtTime {
  Timestamp time;
  friend bool operator==(const AtTime&, const AtTime&) = default;
};
using PointInTime = std::variant<AtVersion, AtTime>;

/// RFC 3339 in UTC as events have it ("2026-11-21T10:17:00.123Z"), without the milliseconds, or a date alone, which is
/// its midnight. From the year 1 to 9999: what PostgreSQL and events can hold.
std::optional<Timestamp> parse_past_time(std::string_view text);
/// A number is a version, anything else must be a time.
std::optional<PointInTime> parse_point_in_time(std::string_view text);
/// What parse_point_in_time() takes; said where a text is something else.
inline constexpr std::string_view kPointInTimeIssue =
    "must be a version like 7 or a time like 2026-11-21T10:17:00.123Z";
/// The same as ECMA-262 has it, days that a month has not aside.
inline constexpr std::string_view kPointInTimePattern =
    "^((0|[1-9][0-9]{0,14})|([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3["
    "01])(T([01][0-9]|2[0-3]):[0-5]["
    "0-9]:[0-5][0-9](\\.[0-9]{3})?Z)?)$";

/// The part of an event's place in its stream that a point in time is compared with.
inline bool is_within(const PointInTime& point, std::int64_t version, Timestamp time) {
  const auto* at_version = std::get_if<AtVersion>(&point);
  return at_version != nullptr ? version <= at_version->version : time <= std::get<AtTime>(point).time;
}

}  // namespace parley::schema
