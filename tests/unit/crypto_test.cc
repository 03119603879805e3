#include "platform/crypto/crypto.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "api/auth/tokens.h"
#include "platform/crypto/keyring.h"

namespace parley {
namespace {

using namespace std::chrono_literals;

class Keys : public testing::Test {
 protected:
  void SetUp() override {
    path = testing::TempDir() + "/keys-" + crypto::uuid7();
    ASSERT_TRUE(crypto::Keyring::create_if_missing(path));
    keys = crypto::Keyring::load(path).value();
  }
  void TearDown() override { std::filesystem::remove(path); }
  std::string path;
  std::optional<crypto::Keyring> keys;
};

TEST(Crypto, texts_of_bytes_are_read_back) {
  const std::string bytes("\0\xFFz?>", 5);
  EXPECT_EQ(crypto::unhex(crypto::hex(bytes)), bytes);
  EXPECT_EQ(crypto::unbase64url(crypto::base64url(bytes)), bytes);
  for (const auto* text : {"a", "zz", "a b"}) EXPECT_FALSE(crypto::unhex(text)) << text;
  for (const auto* text : {"*", "ab=", "a b"}) EXPECT_FALSE(crypto::unbase64url(text)) << text;
}
TEST(Crypto, sha256_is_the_one_of_fips_180) {
  EXPECT_EQ(crypto::hex(crypto::sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(crypto::slot_of("abc"), static_cast<int>(0xba7816bf8f01cfeaULL % 1024));
}
TEST(Crypto, uuids_are_well_formed_and_sort_by_time) {
  std::set<std::string> seen;
  std::string before;
  for (int i = 0; i < 100; ++i) {
    const auto id = crypto::uuid7();
    ASSERT_EQ(id.size(), 36u);
    EXPECT_EQ(id[14], '7');
    EXPECT_GE(id.substr(0, 13), before);
    before = id.substr(0, 13);
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(crypto::uuid5("a"), crypto::uuid5("a"));
  EXPECT_NE(crypto::uuid5("a"), crypto::uuid5("b"));
}
TEST(Crypto, a_password_matches_its_verifier_alone) {
  const auto verifier = crypto::password_verifier("correct horse");
  EXPECT_TRUE(crypto::password_matches(verifier, "correct horse"));
  EXPECT_FALSE(crypto::password_matches(verifier, "correct hors"));
  EXPECT_FALSE(crypto::password_matches("nonsense", "correct horse"));
}

TEST_F(Keys, are_made_once_and_readable_by_their_user_alone) {
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto mac = keys->mac(crypto::Purpose::tokens, "x");
  ASSERT_TRUE(crypto::Keyring::create_if_missing(path));
  EXPECT_EQ(crypto::Keyring::load(path)->mac(crypto::Purpose::tokens, "x"), mac);
  EXPECT_NE(keys->mac(crypto::Purpose::guests, "x"), mac);
  chmod(path.c_str(), 0640);
  EXPECT_FALSE(crypto::Keyring::load(path));
}
TEST_F(Keys, a_sealed_secret_opens_in_its_own_context_alone) {
  const auto sealed = keys->seal("secret", "password_verifier");
  EXPECT_EQ(keys->open(sealed, "password_verifier"), "secret");
  EXPECT_FALSE(keys->open(sealed, "telegram_bot_token"));
  EXPECT_FALSE(keys->open(Sealed{sealed.box + "A"}, "password_verifier"));
  EXPECT_FALSE(keys->open(Sealed{""}, "password_verifier"));
}

TEST_F(Keys, a_token_names_its_account_until_it_expires) {
  const api::Tokens tokens(*keys);
  const Timestamp now{1'763'720'220'123ms};
  const auto token = tokens.issue(AccountId{1025}, now, "command");
  EXPECT_EQ(token, tokens.issue(AccountId{1025}, now, "command"));
  EXPECT_EQ(tokens.verify(token, now + 23h), AccountId{1025});
  EXPECT_EQ(tokens.verify(token, now + 24h).error().code, Code::token_expired);
}
TEST_F(Keys, a_token_of_another_making_is_none) {
  const api::Tokens tokens(*keys);
  const Timestamp now{1'763'720'220'123ms};
  const auto token = tokens.issue(AccountId{1025}, now, "command");
  const auto payload = token.substr(token.find('.') + 1, token.rfind('.') - token.find('.') - 1);
  const auto unsigned_header = crypto::base64url(R"({"alg":"none","typ":"JWT"})");
  for (const auto& forged : {std::string(), std::string("a.b.c"), token + "A", token.substr(0, token.rfind('.')),
                             unsigned_header + "." + payload + ".", unsigned_header + "." + payload + token.substr(token.rfind('.'))}) {
    EXPECT_EQ(tokens.verify(forged, now).error().code, Code::not_authenticated) << forged;
  }
}
TEST_F(Keys, a_guest_has_a_secret_for_one_dialog_of_one_assistant) {
  const api::Tokens tokens(*keys);
  const auto guest = tokens.guest_id(DialogId{1}, AssistantId{2});
  EXPECT_TRUE(tokens.is_guest(DialogId{1}, AssistantId{2}, guest));
  EXPECT_FALSE(tokens.is_guest(DialogId{2}, AssistantId{2}, guest));
  EXPECT_FALSE(tokens.is_guest(DialogId{1}, AssistantId{3}, guest));
  EXPECT_FALSE(tokens.is_guest(DialogId{1}, AssistantId{2}, ""));
}
TEST_F(Keys, a_fingerprint_keeps_its_parts_apart) {
  const api::Tokens tokens(*keys);
  EXPECT_NE(tokens.fingerprint("a", "b", "c", "d"), tokens.fingerprint("ab", "", "c", "d"));
  EXPECT_EQ(tokens.fingerprint("a", "b", "c", "d"), tokens.fingerprint("a", "b", "c", "d"));
}
TEST(Emails, are_normalised) { EXPECT_EQ(api::normalised_email("  Anna@Example.COM\n"), "anna@example.com"); }

}  // namespace
}  // namespace parley
