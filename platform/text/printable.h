#pragma once
// What visitors, owners and other programs wrote, on its way to a terminal or a log: it is shown, and never acts on the
// reader's terminal.
//
// Unsafe are controls (C0, DEL, C1), what changes the direction of text (U+061C, U+200E, U+200F, U+202A to U+202E,
// U+2066 to U+206F), separators of lines and paragraphs (U+2028, U+2029), U+FEFF, and bytes that are not UTF-8. An
// unsafe character is written \u202e, as JSON has it, so JSON stays JSON of the same value. Everything else passes as
// it is. Thread-safe; GuardedOutput is one thread's.
#include <memory>
#include <string>
#include <string_view>

namespace parley::text {

/// A value that stands in a line for people: no character of it ends the line. A tab is \t, a newline \n, a byte that
/// is not UTF-8 \x9b.
std::string printable(std::string_view text);

/// UTF-8 of any bytes: a byte that is not is written \x9b.
std::string valid_utf8(std::string_view text);

/// Whole output, of lines or JSON: newlines and tabs stay. A byte that is not UTF-8 is \ufffd, the replacement
/// character, for in JSON it can be no other.
std::string escaped(std::string_view output);

/// While it lives, whatever is written to std::cout and std::cerr is escaped() on the way: the last defence, where
/// printable() was forgotten. std::ios::sync_with_stdio() must not be called any more. What a program itself wants to
/// do to a terminal goes past the streams (write(2)).
class GuardedOutput {
 public:
  GuardedOutput();
  ~GuardedOutput();
  GuardedOutput(const GuardedOutput&) = delete;
  GuardedOutput& operator=(const GuardedOutput&) = delete;

 private:
  class Guard;
  std::unique_ptr<Guard> out_, err_;
};

}  // namespace parley::text
