#include "projections/search.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <unordered_set>
#include <vector>

namespace parley::projections {

namespace {

// Characters that need more than to end words at '.' and '-'. Most messages have none of them, and cost one look. With
// kSigns and digits.
constexpr std::string_view kUnusual =
    R"(\u00AD\u0300-\u03FF\u0483-\u0489\u0530-\u200F\u202A-\u202F\u2060-\u209F\u20D0-\u2115\u2117-\U0001F2FF\U0001FB00-\U0010FFFF)";
constexpr std::string_view kSigns = "/@+<&";
// What NFC leaves and nobody reads: soft hyphens, marks above letters (stress), joiners and marks of direction,
// variants of emoji.
constexpr std::string_view kUnread =
    R"([\u00AD\u0300-\u036F\u200B-\u200F\u202A-\u202E\u2060\u20D0-\u20FF\uFE00-\uFE0F\uFEFF])";
// Spaces, brackets and dashes between the digits of a phone number.
constexpr std::string_view kBetweenDigits = R"([ ()\u00A0\u2009\u202F\u2010-\u2015\u2212-])";

constexpr std::size_t kPhoneDigits = 10;       // without the country, whose code may be one digit,
constexpr std::size_t kForeignDigitsMax = 15;  // or more after a plus (ITU-T E.164)

// A minus that spaced() leaves alone. It is in no text that was typed: control characters are white space.
constexpr char kWithout = '\x01';

std::string concat(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const auto part : parts) all += part;
  return all;
}

/// `text` with a space at the end of each word. What is past 20,000 characters is not found: an index entry has a
/// greatest size, and one that is too large would stop its stream. `more`: a SQL expression that is appended to a text
/// with digits.
std::string spaced(std::string_view text, std::string_view more = {}) {
  const auto beginning = concat({"left(", text, ", 20000)"});
  const auto read = concat({"CASE WHEN ", text, " ~ '[", kUnusual, "]' THEN regexp_replace(normalize(", beginning,
                            ", NFC), '", kUnread, "', '', 'g') ELSE ", beginning, " END"});
  const auto with_codes =
      concat({"regexp_replace(", read, R"(, '\m([A-Za-zА-Яа-яЁё]{1,2})[-\u2010\u2011]?([0-9]+)', '\1\2 \1 \2', 'g'))"});
  return concat({"replace(replace(CASE WHEN ", text, " ~ '[0-9", kSigns, kUnusual, "]' THEN translate(", with_codes,
                 ", '", kSigns, "', '     ')", more, " ELSE ", beginning, " END, '.', ' '), '-', ' ')"});
}

// ---- what is typed

struct Term {
  bool is_or = false;
  bool without = false;
  bool is_phrase = false;
  std::string text;
};

/// Bytes of the white space or control character at the beginning of `text`; 0 when it begins with another one.
std::size_t blank(std::string_view text) {
  if (static_cast<unsigned char>(text[0]) <= ' ' || text[0] == '\x7f') return 1;
  for (const std::string_view wide : {"\u00A0", "\u2002", "\u2003", "\u2009", "\u202F", "\u3000"}) {
    if (text.starts_with(wide)) return wide.size();
  }
  return 0;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string readable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '"' || (static_cast<unsigned char>(c) < ' ')) c = ' ';
  }
  return out;
}

bool is_or(std::string_view word) { return word.size() == 2 && (word[0] | 0x20) == 'o' && (word[1] | 0x20) == 'r'; }

std::vector<Term> terms_of(std::string_view typed) {
  std::vector<Term> terms;
  for (std::size_t at = 0; at < typed.size();) {
    if (const auto skipped = blank(typed.substr(at)); skipped != 0) {
      at += skipped;
      continue;
    }
    Term term;
    for (; at < typed.size() && typed[at] == '-'; ++at) term.without = true;
    if (at == typed.size() || blank(typed.substr(at)) != 0) continue;  // a dash
    term.is_phrase = typed[at] == '"';
    if (term.is_phrase) ++at;
    const auto begin = at;
    while (at < typed.size() && (term.is_phrase ? typed[at] != '"' : blank(typed.substr(at)) == 0)) ++at;
    term.text = readable(typed.substr(begin, at - begin));
    if (term.is_phrase && at < typed.size()) ++at;
    term.is_or = !term.without && !term.is_phrase && is_or(term.text);
    terms.push_back(std::move(term));
  }
  return terms;
}

// ---- phone numbers

/// A run of digits and the places where signs or spaces stood in it.
struct Grouped {
  std::string digits = {};
  std::set<std::size_t> breaks = {};
};
/// Adds a word that has nothing but digits and the signs of a phone number. False: it is another word.
bool add(Grouped& run, std::string_view word) {
  const auto before = run.digits.size();
  run.breaks.insert(before);
  for (std::size_t i = 0; i < word.size(); ++i) {
    const auto sign = word.substr(i);
    if (is_digit(word[i])) {
      run.digits += word[i];
      continue;
    }
    run.breaks.insert(run.digits.size());
    if (sign.size() >= 3 && sign.starts_with("\xE2\x80") && sign[2] >= '\x90' && sign[2] <= '\x95') {
      i += 2;  // U+2010 to U+2015: hyphens and dashes
    } else if (word[i] != '(' && word[i] != ')' && word[i] != '-' && !(word[i] == '+' && i == 0)) {
      return false;
    }
  }
  return run.digits.size() > before;
}

/// How many of the first `words` are one phone number, and its last ten digits. Numbers that only stand beside each
/// other ("58213 12345") are none: a phone number begins with a plus, has an area code in brackets, or is grouped as 8
/// 912 345 67 89.
struct Phone {
  std::size_t words = 0;
  std::string digits = {};
};
std::optional<Phone> phone(std::span<const Term> words) {
  Grouped run;
  bool is_plain = true;
  std::optional<Phone> longest;
  for (std::size_t n = 1; n <= words.size(); ++n) {
    const auto& word = words[n - 1];
    if (word.is_phrase || word.is_or) break;
    const bool has_plus = word.text.starts_with('+');
    if (n > 1 && (word.without || words[0].without || has_plus)) break;
    is_plain = is_plain && !has_plus && word.text.find('(') == std::string::npos;
    if (!add(run, word.text)) break;
    const auto size = run.digits.size();
    if (size > (words[0].text.starts_with('+') ? kForeignDigitsMax : kPhoneDigits + 1)) break;
    if (size < kPhoneDigits) continue;
    const auto country = size - kPhoneDigits;
    const std::set<std::size_t> usual{0, country, country + 3, country + 6, country + 8, size};
    if (!is_plain || std::ranges::includes(usual, run.breaks)) longest = Phone{n, run.digits.substr(country)};
  }
  return longest;
}

}  // namespace

std::string words_of(std::string_view text) {
  const auto glued =
      concat({"regexp_replace(left(", text, ", 20000), '([0-9])", kBetweenDigits, "{1,3}(?=[0-9])', '\\1', 'g')"});
  const auto numbers = concat(
      {"regexp_replace(regexp_replace(", glued, ", '[^0-9]+', ' ', 'g'), ", R"('\m[0-9]*([0-9]{10})\M', '\1', 'g'))"});
  const auto more = concat(
      {" || CASE WHEN ", text, " ~ '([0-9]", kBetweenDigits, "{0,3}){9}[0-9]' THEN ' ' || ", numbers, " ELSE '' END"});
  return concat({"to_tsvector('pg_catalog.russian', ", spaced(text, more), ")"});
}

std::string message_words() {
  return concat({"(", words_of("text"), " || array_to_tsvector(ARRAY['owner ' || owner_id]))"});
}

std::string search_terms(std::string_view typed) {
  const auto terms = terms_of(typed);
  std::string out;
  std::unordered_set<std::string> seen;  // since the last "or": the same word again would only be looked for again
  for (std::size_t i = 0; i < terms.size();) {
    if (terms[i].is_or) {
      out += "or ";
      seen.clear();
      ++i;
      continue;
    }
    const auto number = phone(std::span(terms).subspan(i));
    std::string one(terms[i].without ? 1 : 0, kWithout);
    one.append("\"").append(number ? number->digits : terms[i].text).append("\" ");
    if (seen.insert(one).second) out += one;
    i += number ? number->words : 1;
  }
  return out;
}

std::string words_wanted(std::string_view terms) {
  return concat({"websearch_to_tsquery('pg_catalog.russian', translate(", spaced(terms), ", chr(1), '-'))"});
}

}  // namespace parley::projections
