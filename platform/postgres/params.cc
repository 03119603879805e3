#include "platform/postgres/params.h"

#include <fmt/format.h>

#include <algorithm>

namespace parley::postgres {

std::string identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted += '"';
}

Text to_text(bool value) { return value ? "t" : "f"; }
Text to_text(std::int64_t value) { return std::to_string(value); }
Text to_text(std::string_view value) {
  if (value.find('\0') == value.npos && value.find('\xED') == value.npos)
    return std::string(value);  // memchr: by far the most are so
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  const auto surrogate = [](std::string_view at) {
    return at.size() >= 3 && at[0] == '\xED' && static_cast<unsigned char>(at[1]) >= 0xA0;
  };
  std::string text;
  std::size_t kept = 0;  // everything before it is in `text`
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\0' && value[i] != '\xED') continue;
    const std::size_t length = value[i] == '\0' ? 1 : surrogate(value.substr(i)) ? 3 : 0;
    if (length == 0) continue;
    text.append(value.substr(kept, i - kept)).append(kReplacement);
    kept = i + length;
    i = kept - 1;
  }
  return text.append(value.substr(kept));
}

Text to_text(Timestamp value) {
  using namespace std::chrono;
  const auto days = floor<std::chrono::days>(value);
  const year_month_day date{days};
  const hh_mm_ss time{value - days};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
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
  auto kept = text->begin();
  const auto is_special = [](char c) { return c == '"' || c == '\\'; };
  for (auto at = kept; (at = std::find_if(at, text->end(), is_special)) != text->end(); ++at) {
    body_.append(kept, at) += '\\';
    kept = at;
  }
  body_.append(kept, text->end()) += '"';
}

}  // namespace parley::postgres
