#pragma once
// Text as Unicode sees it: what looks equal becomes equal, and what nobody sees is found. ICU stays inside.
//
// Everything here is a pure function of its arguments and thread-safe. Text is UTF-8 (others are to be refused before).
// No text of length n takes longer than n log n. Text may grow: NFC makes it at most three times as long (in bytes and
// in characters), so a limit that must hold for what is kept is checked again afterwards. Throws std::runtime_error
// when ICU has no memory or lacks its data: the machine's fault, never a text's.
#include <optional>
#include <string>
#include <string_view>

namespace parley::text {

/// Whether bytes are UTF-8 (RFC 3629): a JSON text's are known to be, a query's may be anything.
bool is_utf8(std::string_view bytes);

/// Normalization Form C (UAX 15): what names and texts are kept in, so that two spellings of the same characters are
/// the same bytes.
std::string nfc(std::string_view utf8);

/// The form of a password that is hashed: RFC 8265 OpaqueString, so spaces of every kind are U+0020, then NFC; case and
/// width stay. It refuses nothing, because a password that an account has must stay usable.
std::string password_form(std::string_view utf8);

/// The first character that nobody sees, or that says nothing but how others are shown: white space other than U+0020,
/// controls, format characters (zero-width ones, direction marks and overrides, BOM, soft hyphen), variation selectors,
/// fillers, private use, and what this Unicode version has not assigned. Nothing: there is none.
std::optional<char32_t> hidden_character(std::string_view utf8);
/// As Unicode names a character by its number: "U+200B".
std::string code_point_text(char32_t code);

/// The text so that whatever it holds cannot change the order in which the text around it is shown: every line of it is
/// put between FSI and PDI (UAX 9), and what it leaves open is closed. A text without a right-to-left character or a
/// direction control is returned as it is. For places that show plain text; a page uses <bdi>.
std::string isolated(std::string_view utf8);

}  // namespace parley::text
