#pragma once
// Whose request it is, as far as the network knows.
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::limits {

/// An IP address. IPv4 addresses inside IPv6 ("::ffff:192.0.2.1") are IPv4 addresses.
class Address {
 public:
  /// As sockets and proxies write it: "192.0.2.1", "2001:db8::1", "[2001:db8::1]:443", "192.0.2.1:443". Nothing for
  /// anything else.
  static std::optional<Address> parse(std::string_view text);

  bool is_ipv4() const { return is_ipv4_; }
  /// Whom a limit counts together: the address, or of IPv6 its /64, for that is what one subscriber gets at least (RFC
  /// 6177). Some bytes, of no other use.
  std::string key() const;

 private:
  friend class Network;
  std::array<std::uint8_t, 16> bytes_{};  // of IPv4 the first four
  bool is_ipv4_ = false;
};

/// All addresses that begin alike.
class Network {
 public:
  /// "10.0.0.0/8", "fd00::/8", or one address. An error says what is wrong; a bit that is set behind the prefix is, for
  /// it was meant otherwise.
  static std::expected<Network, std::string> parse(std::string_view text);
  bool holds(const Address& address) const;

 private:
  Address first_;
  unsigned bits_ = 0;
};

/// Whose X-Forwarded-For is believed. Thread-safe.
class Proxies {
 public:
  explicit Proxies(std::vector<Network> trusted) : trusted_(std::move(trusted)) {}

  /// Bytes that stand for the client (Address::key): the connection's peer; where that is a trusted proxy, the last
  /// address of `forwarded_for` (a list, to which each proxy adds whom it was asked by) that is none. What stands
  /// before that one its client may have written, and says nothing.
  std::string client_of(std::string_view peer, std::string_view forwarded_for) const;

 private:
  bool trusts(const Address& address) const;
  std::vector<Network> trusted_;
};

}  // namespace parley::limits
