#pragma once
// What a worker packs into the keys and values of its store.
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "platform/store/store.h"

namespace parley::store {

/// Numbers and texts, each after its length, so that any bytes may follow each other.
class Packer {
 public:
  Packer& text(std::string_view text) {
    out_.append(std::to_string(text.size())).append(":").append(text);
    return *this;
  }
  Packer& number(std::int64_t number) { return text(std::to_string(number)); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads them in the order in which they were packed; throws Failure where they are not that. `in` must outlive what
/// text() gives.
class Unpacker {
 public:
  explicit Unpacker(std::string_view in) : in_(in) {}
  std::string_view text() {
    const auto colon = in_.find(':');
    std::size_t size = 0;
    const auto digits = in_.substr(0, colon);
    if (colon == std::string_view::npos ||
        std::from_chars(digits.data(), digits.data() + digits.size(), size).ec != std::errc{} ||
        size > in_.size() - colon - 1) {
      throw Failure("a stored value is malformed");
    }
    const auto found = in_.substr(colon + 1, size);
    in_.remove_prefix(colon + 1 + size);
    return found;
  }
  std::int64_t number() {
    const auto digits = text();
    std::int64_t number = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc{})
      throw Failure("a stored number is malformed");
    return number;
  }
  bool at_end() const { return in_.empty(); }

 private:
  std::string_view in_;
};

/// 8 bytes, big-endian: numbers that are not negative, in a key, in their order.
inline std::string ordered(std::int64_t number) {
  const auto bits = static_cast<std::uint64_t>(number);
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>((bits >> shift) & 0xFF);
  return bytes;
}
/// The number that ordered() wrote at the beginning of `bytes`. Throws Failure for less than 8 bytes.
inline std::int64_t from_ordered(std::string_view bytes) {
  if (bytes.size() < 8) throw Failure("a stored key is malformed");
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits = bits << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return static_cast<std::int64_t>(bits);
}

}  // namespace parley::store
