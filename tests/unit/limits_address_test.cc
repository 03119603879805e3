// Whose request it is: peers, proxies, and what clients write into headers.
#include <gmock/gmock.h>

#include "api/limits/address.h"

namespace parley::limits {
namespace {

std::string key(std::string_view text) {
  const auto address = Address::parse(text);
  return address ? address->key() : "(none)";
}
bool holds(std::string_view network, std::string_view address) {
  return Network::parse(network).value().holds(Address::parse(address).value());
}

TEST(Address, is_read_as_sockets_and_proxies_write_it) {
  for (const char* text : {"192.0.2.1", "192.0.2.1:443", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:443"})
    EXPECT_EQ(key(text), key("192.0.2.1")) << text;
  for (const char* text : {"[2001:db8::1]", "[2001:db8::1]:443", "2001:DB8:0:0::1"})
    EXPECT_EQ(key(text), key("2001:db8::1")) << text;
}
TEST(Address, is_nothing_else) {
  for (const char* text : {"", "unknown", "192.0.2", "192.0.2.256", "192.0.2.1 ", "2001:db8::g", "[2001:db8::1", "[",
                           "_hidden", "1.2.3.4.5"})
    EXPECT_EQ(key(text), "(none)") << text;
  EXPECT_EQ(key(std::string(1'000, '1')), "(none)");
  EXPECT_EQ(key(std::string_view("192.0.2.1\0", 10)), "(none)");
}
TEST(Address, of_ipv4_is_counted_alone) { EXPECT_NE(key("192.0.2.1"), key("192.0.2.2")); }
TEST(Address, of_ipv6_is_counted_by_64_bits) {
  EXPECT_EQ(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff:ffff:ffff:ffff"));
  EXPECT_NE(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
}
TEST(Address, of_one_family_is_never_one_of_the_other) { EXPECT_NE(key("32.1.13.184"), key("2001:db8::")); }

TEST(Network, holds_what_begins_alike) {
  EXPECT_TRUE(holds("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(holds("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(holds("192.0.2.128/25", "192.0.2.129"));
  EXPECT_FALSE(holds("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(holds("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(holds("127.0.0.1", "127.0.0.2"));
  EXPECT_TRUE(holds("fd00::/8", "fdff::1"));
  EXPECT_FALSE(holds("fd00::/8", "fe00::1"));
  EXPECT_TRUE(holds("0.0.0.0/0", "192.0.2.1"));
  EXPECT_FALSE(holds("0.0.0.0/0", "2001:db8::1"));
  EXPECT_FALSE(holds("::/0", "192.0.2.1"));
}
TEST(Network, that_is_not_well_written_is_refused) {
  for (const char* text : {"", "/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8",
                           "fd00::/129", "example.com", "10.0.0.0:80/8"})
    EXPECT_FALSE(Network::parse(text)) << text;
  EXPECT_THAT(Network::parse("10.0.0.1/8").error(), testing::HasSubstr("10.0.0.1/8"));
}

class Client : public testing::Test {
 protected:
  static Proxies trusting(std::initializer_list<std::string_view> networks) {
    std::vector<Network> trusted;
    for (const auto network : networks) trusted.push_back(Network::parse(network).value());
    return Proxies(std::move(trusted));
  }
  const Proxies edge_ = trusting({"127.0.0.1", "10.0.0.0/8"});
};

TEST_F(Client, is_the_peer_whatever_the_peer_says_unless_it_is_trusted) {
  EXPECT_EQ(edge_.client_of("203.0.113.7", ""), key("203.0.113.7"));
  EXPECT_EQ(edge_.client_of("203.0.113.7", "198.51.100.1"), key("203.0.113.7"));
  EXPECT_EQ(edge_.client_of("203.0.113.7", "198.51.100.1, 127.0.0.1"), key("203.0.113.7"));
  EXPECT_EQ(trusting({}).client_of("127.0.0.1", "198.51.100.1"), key("127.0.0.1"));
}
TEST_F(Client, is_whom_a_trusted_proxy_names) {
  EXPECT_EQ(edge_.client_of("127.0.0.1", "198.51.100.1"), key("198.51.100.1"));
  EXPECT_EQ(edge_.client_of("::ffff:127.0.0.1", "2001:db8::1"), key("2001:db8::1"));
  EXPECT_EQ(edge_.client_of("127.0.0.1", ""), key("127.0.0.1"));
}
TEST_F(Client, behind_several_trusted_proxies_is_the_last_that_is_none) {
  EXPECT_EQ(edge_.client_of("127.0.0.1", "198.51.100.1, 10.1.2.3"), key("198.51.100.1"));
  EXPECT_EQ(edge_.client_of("127.0.0.1", "10.9.9.9 ,10.1.2.3"), key("10.9.9.9"));
}
TEST_F(Client, cannot_put_anybody_before_himself) {
  EXPECT_EQ(edge_.client_of("127.0.0.1", "8.8.8.8, 198.51.100.1"), key("198.51.100.1"));
  EXPECT_EQ(edge_.client_of("127.0.0.1", "10.0.0.1, 198.51.100.1, 10.1.2.3"), key("198.51.100.1"));
}
TEST_F(Client, is_the_last_that_is_known_where_the_list_is_broken) {
  EXPECT_EQ(edge_.client_of("127.0.0.1", "unknown"), key("127.0.0.1"));
  EXPECT_EQ(edge_.client_of("127.0.0.1", "198.51.100.1, , 10.1.2.3"), key("10.1.2.3"));
  EXPECT_EQ(edge_.client_of("127.0.0.1", ","), key("127.0.0.1"));
  EXPECT_EQ(edge_.client_of("", "198.51.100.1"), "");
}

}  // namespace
}  // namespace parley::limits
