#include "platform/text/printable.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <streambuf>

namespace parley::text {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

/// The first character of a text: its bytes, or one byte that begins none.
struct Character {
  char32_t point = 0;
  std::size_t length = 1;
  bool valid = false;
  bool cut_short = false;  ///< Not valid, and could become so with bytes that follow.
};

/// As RFC 3629 has it: neither overlong forms nor surrogates.
Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0) return {};
  char32_t point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {.cut_short = true};
    // The second byte is bound by the first.
    const unsigned low = i > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = i > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(i) < low || byte(i) > high) return {};
    point = (point << 6) | (byte(i) & 0x3FU);
  }
  return {point, length, true};
}

bool is_unsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F) || c == 0xFEFF;
}

/// Of a byte alone: it passes whatever stands beside it.
bool is_plain(char c) { return c >= 0x20 && c < 0x7F; }
bool is_plain_output(char c) { return is_plain(c) || c == '\n' || c == '\t'; }

void put_byte(std::string& out, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  out.append("\\x").append({kHex[value >> 4], kHex[value & 0xF]});
}
void put_point(std::string& out, char32_t point) {  // none of the unsafe ones is above U+FFFF
  out.append("\\u").append(
      {kHex[point >> 12 & 0xF], kHex[point >> 8 & 0xF], kHex[point >> 4 & 0xF], kHex[point & 0xF]});
}

/// `is_kept` of a character: it passes; `put` writes another one, which may be a byte that is none.
template <class IsKept, class Put>
std::string rewritten(std::string_view text, IsKept is_kept, Put put) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = first_of(text);
    if (c.valid && is_kept(c.point)) {
      out.append(text.substr(0, c.length));
    } else {
      put(out, c, text.front());
    }
    text.remove_prefix(c.length);
  }
  return out;
}

/// Bytes at the end that are the beginning of a character.
std::size_t cut_at_end(std::string_view text) {
  for (std::size_t tail = 1; tail <= std::min<std::size_t>(3, text.size()); ++tail) {
    if (first_of(text.substr(text.size() - tail)).cut_short) return tail;
  }
  return 0;
}

}  // namespace

std::string printable(std::string_view text) {
  if (std::ranges::all_of(text, is_plain)) return std::string(text);
  return rewritten(
      text, [](char32_t c) { return !is_unsafe(c); },
      [](std::string& out, const Character& c, char byte) {
        if (!c.valid) return put_byte(out, byte);
        if (c.point == '\n' || c.point == '\t') {
          out.append(c.point == '\n' ? "\\n" : "\\t");
        } else {
          put_point(out, c.point);
        }
      });
}

std::string valid_utf8(std::string_view text) {
  return rewritten(
      text, [](char32_t) { return true; }, [](std::string& out, const Character&, char byte) { put_byte(out, byte); });
}

std::string escaped(std::string_view output) {
  if (std::ranges::all_of(output, is_plain_output)) return std::string(output);
  constexpr char32_t kReplacement = 0xFFFD;
  return rewritten(
      output, [](char32_t c) { return c == '\n' || c == '\t' || !is_unsafe(c); },
      [](std::string& out, const Character& c, char) { put_point(out, c.valid ? c.point : kReplacement); });
}

class GuardedOutput::Guard : public std::streambuf {
 public:
  explicit Guard(std::ostream& stream) : stream_(stream), behind_(stream.rdbuf(this)) {}
  ~Guard() override {
    pass(escaped(cut_));
    behind_->pubsync();
    stream_.rdbuf(behind_);
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 protected:
  std::streamsize xsputn(const char* data, std::streamsize size) override {
    return write({data, static_cast<std::size_t>(size)}) ? size : 0;
  }
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char one = traits_type::to_char_type(c);
    return write({&one, 1}) ? c : traits_type::eof();
  }
  int sync() override { return behind_->pubsync(); }

 private:
  bool pass(std::string_view text) {
    return behind_->sputn(text.data(), static_cast<std::streamsize>(text.size())) == std::ssize(text);
  }
  bool write(std::string_view text) {
    if (cut_.empty() && std::ranges::all_of(text, is_plain_output)) return pass(text);
    // A character may come in pieces: its beginning waits for the rest.
    cut_.append(text);
    const auto complete = cut_.size() - cut_at_end(cut_);
    const bool is_written = pass(escaped(std::string_view(cut_).substr(0, complete)));
    cut_.erase(0, complete);
    return is_written;
  }

  std::ostream& stream_;
  std::streambuf* const behind_;
  std::string cut_;
};

GuardedOutput::GuardedOutput() : out_(std::make_unique<Guard>(std::cout)), err_(std::make_unique<Guard>(std::cerr)) {}
GuardedOutput::~GuardedOutput() = default;

}  // namespace parley::text
