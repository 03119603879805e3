#include "platform/postgres/params.h"

#include <cstdio>

namespace parley::postgres {

Text to_text(bool value) { return value ? "t" : "f"; }
Text to_text(std::int64_t value) { return std::to_string(value); }
Text to_text(std::string_view value) { return std::string(value); }

Text to_text(Timestamp value) {
  using namespace std::chrono;
  const auto days = floor<std::chrono::days>(value);
  const year_month_day date{days};
  const hh_mm_ss time{value - days};
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return text;
}

Text to_text(std::span<const std::string> values) {
  Column column;
  for (const auto& value : values) column.add(value);
  return column.literal();
}

void Column::add_text(const Text& text) {
  if (size_++ > 0) body_ += ',';
  if (!text) {
    body_ += "NULL";
    return;
  }
  body_ += '"';
  for (const char c : *text) {
    if (c == '"' || c == '\\') body_ += '\\';
    body_ += c;
  }
  body_ += '"';
}

}  // namespace parley::postgres
