#include "platform/text/text.h"

#include <fmt/format.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "platform/text/icu.h"

namespace parley::text {
namespace {

using icu::Normalizer2;

const Normalizer2& nfc_rules() { return rules_of(Normalizer2::getNFCInstance); }

/// Whether a character takes its place among the marks before it: its canonical decomposition begins with a combining
/// mark.
bool is_mark(UChar32 c) { return u_getIntPropertyValue(c, UCHAR_LEAD_CANONICAL_COMBINING_CLASS) != 0; }

/// As many marks in a row as the Stream-Safe Text Format (UAX 15) lets one have, which is more than any language uses.
constexpr std::size_t kMarksMax = 30;

bool has_long_run_of_marks(std::string_view text) {
  std::size_t run = 0;
  for (std::size_t at = 0; at < text.size();) {
    run = is_mark(next_character(text, at)) ? run + 1 : 0;
    if (run > kMarksMax) return true;
  }
  return false;
}

/// Puts a run of decomposed marks in canonical order and appends it.
void append_in_order(std::vector<std::pair<std::uint8_t, UChar32>>& marks, std::string& out) {
  std::ranges::stable_sort(marks, {}, &std::pair<std::uint8_t, UChar32>::first);
  for (const auto& [order, mark] : marks) append_character(out, mark);
  marks.clear();
}

/// The same text with long runs of marks in canonical order. ICU inserts each mark where it belongs among those before
/// it, which takes the square of a run's length; in a run that is in order already it inserts nothing.
std::string with_marks_in_order(std::string_view text) {
  const auto& rules = nfc_rules();
  std::string out;
  out.reserve(text.size());
  std::vector<std::pair<std::uint8_t, UChar32>> marks;
  icu::UnicodeString parts;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = next_character(text, at);
    if (!is_mark(c)) {
      append_in_order(marks, out);
      append_character(out, c);
    } else if (rules.getDecomposition(c, parts)) {
      for (std::int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1))
        marks.emplace_back(u_getCombiningClass(parts.char32At(i)), parts.char32At(i));
    } else {
      marks.emplace_back(u_getCombiningClass(c), c);
    }
  }
  append_in_order(marks, out);
  return out;
}

bool is_space(UChar32 c) { return u_charType(c) == U_SPACE_SEPARATOR; }

bool is_hidden(UChar32 c) {
  switch (u_charType(c)) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_PRIVATE_USE_CHAR:
    case U_SURROGATE:
    case U_UNASSIGNED:
      return true;
    case U_SPACE_SEPARATOR:
      return c != ' ';
    default:
      return u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0;
  }
}

bool changes_direction(UCharDirection direction) {
  switch (direction) {
    case U_RIGHT_TO_LEFT:
    case U_RIGHT_TO_LEFT_ARABIC:
    case U_ARABIC_NUMBER:
    case U_LEFT_TO_RIGHT_EMBEDDING:
    case U_LEFT_TO_RIGHT_OVERRIDE:
    case U_RIGHT_TO_LEFT_EMBEDDING:
    case U_RIGHT_TO_LEFT_OVERRIDE:
    case U_POP_DIRECTIONAL_FORMAT:
    case U_FIRST_STRONG_ISOLATE:
    case U_LEFT_TO_RIGHT_ISOLATE:
    case U_RIGHT_TO_LEFT_ISOLATE:
    case U_POP_DIRECTIONAL_ISOLATE:
      return true;
    default:
      return false;
  }
}

constexpr std::string_view kIsolate = "\u2068", kEndIsolate = "\u2069";

/// One line's isolates: what it closes without having opened is opened before it, what it leaves open is closed after
/// it.
void append_isolated_line(std::string_view line, std::string& out) {
  std::size_t open = 0, unopened = 0;
  bool matters = false;
  for (std::size_t at = 0; at < line.size();) {
    const auto direction = u_charDirection(next_character(line, at));
    matters = matters || changes_direction(direction);
    if (direction == U_FIRST_STRONG_ISOLATE || direction == U_LEFT_TO_RIGHT_ISOLATE ||
        direction == U_RIGHT_TO_LEFT_ISOLATE) {
      ++open;
    } else if (direction == U_POP_DIRECTIONAL_ISOLATE) {
      (open != 0 ? --open : ++unopened);
    }
  }
  if (!matters) {
    out += line;
    return;
  }
  for (std::size_t i = 0; i <= unopened; ++i) out += kIsolate;
  out += line;
  for (std::size_t i = 0; i <= open; ++i) out += kEndIsolate;
}

}  // namespace

std::string nfc(std::string_view utf8) {
  if (is_ascii(utf8)) return std::string(utf8);
  std::string ordered;
  if (has_long_run_of_marks(utf8)) utf8 = ordered = with_marks_in_order(utf8);
  return normalised(nfc_rules(), utf8);
}

std::string password_form(std::string_view utf8) {
  if (is_ascii(utf8)) return std::string(utf8);
  std::string plain;
  plain.reserve(utf8.size());
  for (std::size_t at = 0; at < utf8.size();) {
    const auto c = next_character(utf8, at);
    append_character(plain, is_space(c) ? ' ' : c);
  }
  return nfc(plain);
}

std::optional<char32_t> hidden_character(std::string_view utf8) {
  for (std::size_t at = 0; at < utf8.size();) {
    const auto c = next_character(utf8, at);
    if (is_hidden(c)) return static_cast<char32_t>(c);
  }
  return std::nullopt;
}

std::string code_point_text(char32_t code) { return fmt::format("U+{:04X}", static_cast<unsigned>(code)); }

std::string isolated(std::string_view utf8) {
  if (is_ascii(utf8)) return std::string(utf8);
  std::string out;
  out.reserve(utf8.size() + kIsolate.size() + kEndIsolate.size());
  std::size_t begin = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto before = at;
    const auto direction = u_charDirection(next_character(utf8, at));
    if (direction != U_BLOCK_SEPARATOR) continue;  // isolates end with their paragraph
    append_isolated_line(utf8.substr(begin, before - begin), out);
    out += utf8.substr(before, at - before);
    begin = at;
  }
  append_isolated_line(utf8.substr(begin), out);
  return out;
}

bool is_utf8(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
  for (std::size_t i = 0; i < bytes.size();) {
    const unsigned first = at(i), second = at(i + 1);
    const auto is = [](unsigned c, unsigned least, unsigned most) { return c >= least && c <= most; };
    if (first < 0x80) {
      i += 1;
    } else if (is(first, 0xC2, 0xDF) && is(second, 0x80, 0xBF)) {
      i += 2;
    } else if (is(first, 0xE0, 0xEF) && is(second, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) &&
               is(at(i + 2), 0x80, 0xBF)) {
      i += 3;
    } else if (is(first, 0xF0, 0xF4) && is(second, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) &&
               is(at(i + 2), 0x80, 0xBF) && is(at(i + 3), 0x80, 0xBF)) {
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace parley::text
