#include "platform/text/address.h"

#include <algorithm>

namespace parley::text {
namespace {

bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }
std::size_t characters(std::string_view utf8) {
  return utf8.size() - static_cast<std::size_t>(std::ranges::count_if(utf8, is_continuation));
}
bool is_beyond_ascii(char c) { return (c & 0x80) != 0; }

/// Labels of letters, digits and inner hyphens, separated by single dots; how many, or 0 when it is not that.
std::size_t labels_of(std::string_view name, bool ascii_only) {
  constexpr std::size_t kLabelMax = 63;
  std::size_t labels = 0;
  for (;;) {
    const auto label = name.substr(0, name.find('.'));
    const bool plain = std::ranges::all_of(
        label, [&](char c) { return is_letter_or_digit(c) || c == '-' || (!ascii_only && is_beyond_ascii(c)); });
    if (label.empty() || characters(label) > kLabelMax || !plain || label.front() == '-' || label.back() == '-')
      return 0;
    ++labels;
    if (label.size() == name.size()) return labels;
    name.remove_prefix(label.size() + 1);
  }
}

}  // namespace

bool is_email(std::string_view utf8) {
  constexpr std::size_t kLocalMax = 64;  // RFC 5321 4.5.3.1.1
  constexpr std::string_view kAtomPunctuation =
      "!#$%&'*+-/=?^_`{|}~.";  // RFC 5322 3.2.3; quoted local parts are refused
  const auto at = utf8.find('@');
  if (at == std::string_view::npos || at == 0) return false;
  const auto local = utf8.substr(0, at);
  const bool atoms = std::ranges::all_of(local, [&](char c) {
    return is_letter_or_digit(c) || is_beyond_ascii(c) || kAtomPunctuation.find(c) != std::string_view::npos;
  });
  if (!atoms || characters(local) > kLocalMax || local.front() == '.' || local.back() == '.' || local.contains(".."))
    return false;
  return labels_of(utf8.substr(at + 1), false) >= 2;
}

bool is_domain(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  return labels_of(text, true) != 0;
}

}  // namespace parley::text
