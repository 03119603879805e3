#pragma once
// The languages of a surface, and how a request chooses one of them.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley::endpoint {

/// An issue as it is written where it is found, in English, and in another language. `#` stands for a number, `*` at
/// the end for the rest of the text as it is.
struct Translation {
  std::string_view english;
  std::string_view text;
};

/// A language in which a surface answers. Immutable; thread-safe.
struct Language {
  std::string_view tag;  ///< The primary subtag of RFC 5646, as Content-Language has it: "ru".
  /// Looked through in this order; an issue that none of them has stays English.
  std::vector<std::span<const Translation>> issues{};
};

/// The one that is liked best (RFC 9110, 12.4.2 and 12.5.4), the earlier one of those that are liked alike; so the
/// first is the default. A language has the highest weight of the ranges that name it ("en", "en-GB"), and that of "*"
/// when none does. Malformed elements count as absent. `languages` must not be empty.
const Language& preferred_language(std::string_view accept_language, std::span<const Language> languages);

/// An issue in a language.
std::string issue_in(const Language& language, std::string_view issue);

/// The issues that the endpoint kernel and the reading of JSON find, in Russian.
std::span<const Translation> russian_issues();

}  // namespace parley::endpoint
