#include "api/http/url.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

namespace parley::http {

std::optional<std::string> percent_decode(std::string_view encoded, Plus plus) {
  std::string decoded;
  decoded.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    char c = encoded[i];
    if (c == '%') {
      if (encoded.size() - i < 3) return std::nullopt;
      unsigned value = 0;
      const char* end = encoded.data() + i + 3;
      if (std::from_chars(end - 2, end, value, 16).ptr != end) return std::nullopt;
      c = static_cast<char>(value);
      i += 2;
    } else if (c == '+' && plus == Plus::space) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    decoded.push_back(c);
  }
  return decoded;
}

std::optional<Parameters> parse_query(std::string_view query) {
  std::vector<Parameters::Item> items;
  while (!query.empty()) {
    const std::string_view piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), piece.size() + 1));
    if (piece.empty()) continue;
    const std::size_t equals = piece.find('=');
    auto name = percent_decode(piece.substr(0, equals), Plus::space);
    auto value = percent_decode(equals == std::string_view::npos ? std::string_view{} : piece.substr(equals + 1), Plus::space);
    if (!name || !value) return std::nullopt;
    if (std::ranges::find(items, *name, &Parameters::Item::first) != items.end()) return std::nullopt;
    items.emplace_back(std::move(*name), std::move(*value));
  }
  return Parameters{std::move(items)};
}

}  // namespace parley::http
