#include "api/limits/address.h"

#include <fmt/format.h>

#include <arpa/inet.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <span>

#include "platform/log/log.h"

namespace parley::limits {
namespace {

constexpr std::size_t kTextMax = INET6_ADDRSTRLEN;
constexpr std::size_t kIpv4Bytes = 4;
constexpr std::size_t kIpv6Bytes = 16;
constexpr std::size_t kSubscriberBytes = 8;                                                // a /64
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};  // RFC 4291, 2.5.5.2

/// Without brackets and port.
std::string_view host_of(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, text.find(']') == std::string_view::npos ? 0 : text.find(']') - 1);
  return std::ranges::count(text, ':') == 1 ? text.substr(0, text.find(':')) : text;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  const auto host = host_of(text);
  std::array<char, kTextMax + 1> terminated{};
  if (host.empty() || host.size() > kTextMax || host.contains('\0')) return std::nullopt;
  std::ranges::copy(host, terminated.begin());
  Address address;
  if (::inet_pton(AF_INET, terminated.data(), address.bytes_.data()) == 1) {
    address.is_ipv4_ = true;
    return address;
  }
  if (::inet_pton(AF_INET6, terminated.data(), address.bytes_.data()) != 1) return std::nullopt;
  if (std::ranges::equal(kMapped, std::span(address.bytes_).first<kMapped.size()>())) {
    std::ranges::copy(std::span(address.bytes_).last<kIpv4Bytes>(), address.bytes_.begin());
    std::ranges::fill(std::span(address.bytes_).subspan<kIpv4Bytes>(), std::uint8_t{0});
    address.is_ipv4_ = true;
  }
  return address;
}

std::string Address::key() const {
  std::string key(1, is_ipv4_ ? '4' : '6');
  key.append(reinterpret_cast<const char*>(bytes_.data()), is_ipv4_ ? kIpv4Bytes : kSubscriberBytes);
  return key;
}

std::expected<Network, std::string> Network::parse(std::string_view text) {
  const auto fault = [&](std::string_view what) { return std::unexpected(fmt::format("{}: {}", text, what)); };
  const auto slash = text.find('/');
  const auto host = text.substr(0, slash);
  const auto address = Address::parse(host);
  if (!address || host_of(host) != host) return fault("must be an address or a network, like 10.0.0.0/8");
  Network network;
  network.first_ = *address;
  const auto bits_max = static_cast<unsigned>((address->is_ipv4() ? kIpv4Bytes : kIpv6Bytes) * 8);
  network.bits_ = bits_max;
  if (slash != std::string_view::npos) {
    const auto bits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), network.bits_);
    if (error != std::errc{} || end != bits.data() + bits.size() || network.bits_ > bits_max) {
      return fault(fmt::format("its prefix must be a number up to {}", bits_max));
    }
  }
  for (unsigned bit = network.bits_; bit < bits_max; ++bit) {
    if ((address->bytes_[bit / 8] >> (7 - bit % 8) & 1U) != 0) return fault("has bits behind its prefix");
  }
  return network;
}

bool Network::holds(const Address& address) const {
  if (address.is_ipv4_ != first_.is_ipv4_) return false;
  const std::size_t whole = bits_ / 8;
  if (std::memcmp(address.bytes_.data(), first_.bytes_.data(), whole) != 0) return false;
  const unsigned rest = bits_ % 8;
  return rest == 0 || (address.bytes_[whole] ^ first_.bytes_[whole]) >> (8 - rest) == 0;
}

bool Proxies::trusts(const Address& address) const {
  return std::ranges::any_of(trusted_, [&](const Network& network) { return network.holds(address); });
}

std::string Proxies::client_of(std::string_view peer, std::string_view forwarded_for) const {
  auto client = Address::parse(peer);
  if (!client) return std::string(peer);
  if (!forwarded_for.empty() && !trusts(*client)) {
    static std::atomic<bool> said = false;
    if (!said.exchange(true))
      log::warn("X-Forwarded-For of a peer that is no --trusted-proxy is not believed", {{"peer", std::string(peer)}});
  }
  while (!forwarded_for.empty() && trusts(*client)) {
    const auto comma = forwarded_for.rfind(',');
    const auto before = Address::parse(trimmed(forwarded_for.substr(comma == std::string_view::npos ? 0 : comma + 1)));
    if (!before) break;  // who named it is the last that is known
    client = before;
    forwarded_for = comma == std::string_view::npos ? std::string_view{} : forwarded_for.substr(0, comma);
  }
  return client->key();
}

}  // namespace parley::limits
