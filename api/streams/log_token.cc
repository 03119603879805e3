#include "api/streams/log_token.h"

#include <fmt/format.h>

#include "domain/kernel.h"
#include "platform/crypto/crypto.h"

namespace parley::api {
namespace {

constexpr int kBits = 7;
constexpr unsigned kMore = 1U << kBits;
constexpr int kBitsMax = 63;  // of a number that is not negative

}  // namespace

std::string write_log_token(std::string_view log, std::span<const std::int64_t> numbers) {
  std::string bytes;
  for (const auto number : numbers) {
    auto left = static_cast<std::uint64_t>(number);
    for (; left >= kMore; left >>= kBits) bytes.push_back(static_cast<char>((left % kMore) | kMore));
    bytes.push_back(static_cast<char>(left));
  }
  return fmt::format("{}.{}", log, crypto::base64url(bytes));
}

std::optional<LogToken> read_log_token(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const auto bytes = crypto::unbase64url(text.substr(dot + 1));
  if (!bytes) return std::nullopt;
  LogToken token{std::string(text.substr(0, dot)), {}};
  std::uint64_t number = 0;
  int shift = 0;
  for (const char c : *bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (shift > kBitsMax - kBits) return std::nullopt;
    number |= static_cast<std::uint64_t>(byte % kMore) << shift;
    shift += kBits;
    if ((byte & kMore) != 0) continue;
    if (byte == 0 && shift > kBits) return std::nullopt;  // a number has one form
    if (number > static_cast<std::uint64_t>(kIdMax)) return std::nullopt;
    token.numbers.push_back(static_cast<std::int64_t>(number));
    number = 0;
    shift = 0;
  }
  if (shift != 0) return std::nullopt;
  return token;
}

}  // namespace parley::api
