#include "api/http/url.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

namespace parley::http {
namespace {

constexpr std::size_t kEscapeSize = 3;  // %XX

bool is_unreserved(char c) {  // RFC 3986, 2.3
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

/// What the escape at the beginning of the text stands for; nothing when that is none.
std::optional<char> escaped(std::string_view text) {
  if (text.size() < kEscapeSize) return std::nullopt;
  unsigned value = 0;
  const char* end = text.data() + kEscapeSize;
  if (std::from_chars(text.data() + 1, end, value, 16).ptr != end) return std::nullopt;
  return static_cast<char>(value);
}

std::optional<std::string> normalised_segment(std::string_view raw) {
  std::string segment;
  while (!raw.empty()) {
    if (raw.front() != '%') {
      segment.push_back(raw.front());
      raw.remove_prefix(1);
      continue;
    }
    const auto c = escaped(raw);
    if (!c || *c == '\0') return std::nullopt;
    if (is_unreserved(*c)) {
      segment.push_back(*c);
    } else {
      for (const char digit : raw.substr(0, kEscapeSize))
        segment.push_back(digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit);
    }
    raw.remove_prefix(kEscapeSize);
  }
  return segment;
}

constexpr Refusal kTooMany{400, "BAD_REQUEST", "query", "must have at most # parameters", kQueryParametersMax};

bool has_repeated_name(const std::vector<Parameters::Item>& items) {
  std::vector<std::string_view> names;
  names.reserve(items.size());
  for (const auto& [name, value] : items) names.push_back(name);
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

}  // namespace

std::optional<std::string> normalised_path(std::string_view raw) {
  if (!raw.starts_with('/') || raw.contains("//")) return std::nullopt;
  std::string path;
  while (!raw.empty()) {
    raw.remove_prefix(1);
    const auto segment = normalised_segment(raw.substr(0, raw.find('/')));
    if (!segment) return std::nullopt;
    raw.remove_prefix(std::min(raw.size(), raw.find('/')));
    if (*segment == "..") {
      if (path.empty()) return std::nullopt;
      path.resize(path.rfind('/'));
    } else if (*segment != "." && !segment->empty()) {
      path.append("/").append(*segment);
    }
  }
  return path.empty() ? "/" : path;
}

std::optional<std::string> percent_decode(std::string_view encoded, Plus plus) {
  std::string decoded;
  decoded.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    char c = encoded[i];
    if (c == '%') {
      const auto decoded_c = escaped(encoded.substr(i));
      if (!decoded_c) return std::nullopt;
      c = *decoded_c;
      i += kEscapeSize - 1;
    } else if (c == '+' && plus == Plus::space) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    decoded.push_back(c);
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.append({'%', kDigits[byte >> 4], kDigits[byte & 0x0F]});
    }
  }
  return encoded;
}

std::expected<Parameters, Refusal> parse_query(std::string_view query) {
  std::vector<Parameters::Item> items;
  while (!query.empty()) {
    const std::string_view piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), piece.size() + 1));
    if (piece.empty()) continue;
    if (items.size() == kQueryParametersMax) return std::unexpected(kTooMany);
    const std::size_t equals = piece.find('=');
    auto name = percent_decode(piece.substr(0, equals), Plus::space);
    auto value =
        percent_decode(equals == std::string_view::npos ? std::string_view{} : piece.substr(equals + 1), Plus::space);
    if (!name || !value) return std::unexpected(Refusal{});
    items.emplace_back(std::move(*name), std::move(*value));
  }
  if (has_repeated_name(items)) return std::unexpected(Refusal{});
  return Parameters{std::move(items)};
}

}  // namespace parley::http
