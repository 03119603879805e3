// Which language an answer has. The edge chooses alike, by maps that ops/harness/edge.py makes;
// tests/contract/accept_language.json is a table for both.
#include "api/endpoint/language.h"

#include <algorithm>

#include "api/http/message.h"
#include "platform/invariant.h"

namespace parley::endpoint {
namespace {

constexpr int kWeightMax = 1'000;  // weights are counted in thousandths

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A weight from 0 to 1 (RFC 9110, 12.4.2); digits behind the third decide nothing.
std::optional<int> read_weight(std::string_view text) {
  if (text.empty() || (text.front() != '0' && text.front() != '1')) return std::nullopt;
  int weight = (text.front() - '0') * kWeightMax;
  text.remove_prefix(1);
  if (!text.empty() && text.front() != '.') return std::nullopt;
  int unit = kWeightMax;
  for (const char c : text.substr(std::min<std::size_t>(text.size(), 1))) {
    if (!is_digit(c)) return std::nullopt;
    weight += (c - '0') * (unit /= 10);
  }
  return weight > kWeightMax ? std::nullopt : std::optional(weight);
}

struct Liked {
  std::string_view range;
  int weight = kWeightMax;
};
/// One element of Accept-Language; nothing for a malformed one.
std::optional<Liked> read_element(std::string_view element) {
  const auto semicolon = element.find(';');
  Liked liked{.range = http::trimmed(element.substr(0, semicolon))};
  if (semicolon == std::string_view::npos) return liked;
  const auto parameter = http::trimmed(element.substr(semicolon + 1));
  if (!http::equals_ignoring_case(parameter.substr(0, 2), "q=")) return std::nullopt;
  const auto weight = read_weight(parameter.substr(2));
  if (!weight) return std::nullopt;
  liked.weight = *weight;
  return liked;
}

/// Whether the range is the language, with or without a region and what else may follow.
bool names(std::string_view range, std::string_view language) {
  const auto hyphen = std::min(range.find('-'), range.size());
  return http::equals_ignoring_case(range.substr(0, hyphen), language) &&
         std::ranges::all_of(range.substr(hyphen), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

}  // namespace

const Language& preferred_language(std::string_view accept_language, std::span<const Language> languages) {
  invariant(!languages.empty(), "a surface has a language");
  std::vector<std::optional<int>> weights(languages.size());
  int others = 0;  // of what "*" stands for: each language that no other range names
  while (!accept_language.empty()) {
    const auto liked = read_element(http::take_element(accept_language));
    if (!liked) continue;
    for (std::size_t i = 0; i < languages.size(); ++i) {
      if (names(liked->range, languages[i].tag)) weights[i] = std::max(weights[i].value_or(0), liked->weight);
    }
    if (liked->range == "*") others = std::max(others, liked->weight);
  }
  const auto best = std::ranges::max_element(weights, {}, [&](const auto& weight) { return weight.value_or(others); });
  return languages[static_cast<std::size_t>(best - weights.begin())];
}

}  // namespace parley::endpoint
