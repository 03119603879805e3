#include "platform/http_client/addresses.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace parley::http_client {
namespace {

using Bytes = std::span<const std::uint8_t>;

template <std::size_t N>
struct Prefix {
  std::array<std::uint8_t, N> bytes;
  unsigned bits;
};

template <std::size_t N>
bool begins_with(Bytes address, const Prefix<N>& prefix) {
  const std::size_t whole = prefix.bits / 8;
  if (!std::equal(prefix.bytes.begin(), prefix.bytes.begin() + whole, address.begin())) return false;
  const unsigned rest = prefix.bits % 8;
  return rest == 0 || ((prefix.bytes[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

constexpr std::array<Prefix<4>, 14> kNotPublicIpv4{{
    {{0, 0, 0, 0}, 8},
    {{10, 0, 0, 0}, 8},
    {{100, 64, 0, 0}, 10},
    {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16},
    {{172, 16, 0, 0}, 12},
    {{192, 0, 0, 0}, 24},
    {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24},
    {{192, 168, 0, 0}, 16},
    {{198, 18, 0, 0}, 15},
    {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24},
    {{224, 0, 0, 0}, 3},
}};

constexpr Prefix<16> kGlobalUnicast{{0x20}, 3};
constexpr std::array<Prefix<16>, 4> kNotPublicIpv6{{
    {{0x20, 0x01, 0x00}, 23},
    {{0x20, 0x01, 0x0D, 0xB8}, 32},
    {{0x20, 0x02}, 16},
    {{0x3F, 0xFF, 0x00}, 20},
}};
constexpr std::array<Prefix<16>, 2> kStandsForIpv4{{
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96},
    {{0x00, 0x64, 0xFF, 0x9B}, 96},
}};

bool is_public_ipv4(Bytes address) {
  return std::ranges::none_of(kNotPublicIpv4, [&](const auto& prefix) { return begins_with(address, prefix); });
}

bool is_public_ipv6(Bytes address) {
  if (std::ranges::any_of(kStandsForIpv4, [&](const auto& prefix) { return begins_with(address, prefix); }))
    return is_public_ipv4(address.last(4));
  return begins_with(address, kGlobalUnicast) &&
         std::ranges::none_of(kNotPublicIpv6, [&](const auto& prefix) { return begins_with(address, prefix); });
}

}  // namespace

bool is_public(const sockaddr& address) {
  std::array<std::uint8_t, 16> bytes{};
  if (address.sa_family == AF_INET) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
    return is_public_ipv4(bytes);
  }
  if (address.sa_family == AF_INET6) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
    return is_public_ipv6(bytes);
  }
  return false;
}

}  // namespace parley::http_client
