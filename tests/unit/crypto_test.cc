#include "platform/crypto/crypto.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "api/auth/api_keys.h"
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

constexpr Timestamp kNow{1'763'720'220'123ms};

TEST_F(Keys, a_token_names_who_came_in_and_the_session_until_it_expires) {
  const api::Tokens tokens(*keys);
  for (const Principal& principal :
       {Principal{Owner{AccountId{1025}}}, Principal{Operator{AccountId{7}, AccountId{1025}}},
        Principal{Admin{AccountId{8}}}}) {
    const auto token = tokens.issue(principal, kNow, "command", 3);
    EXPECT_EQ(token, tokens.issue(principal, kNow, "command", 3));
    const auto entered = tokens.verify(token, kNow + 23h);
    ASSERT_TRUE(entered);
    EXPECT_EQ(entered->principal, principal);
    EXPECT_EQ(entered->session, (accounts::Session{"command", 3, Timestamp{1'763'720'220s} + 24h}));
    EXPECT_EQ(tokens.verify(token, kNow + 24h).error().code, api::kTokenExpired);
  }
}
TEST_F(Keys, a_token_is_not_for_those_who_have_no_account) {
  const api::Tokens tokens(*keys);
  for (const Principal& principal :
       {Principal{Anonymous{}}, Principal{Visitor{AssistantId{5}}}, Principal{ConsoleOperator{}}})
    EXPECT_EQ(tokens.verify(tokens.issue(principal, kNow, "command", 3), kNow).error().code, kNotAuthenticated);
}
TEST_F(Keys, a_token_of_another_making_is_none) {
  const api::Tokens tokens(*keys);
  const auto token = tokens.issue(Owner{AccountId{1025}}, kNow, "command", 3);
  const auto payload = token.substr(token.find('.') + 1, token.rfind('.') - token.find('.') - 1);
  const auto with_header = [&](const std::string& header) {
    const auto part = crypto::base64url(header) + "." + payload;
    return part + "." + crypto::base64url(keys->mac(crypto::Purpose::tokens, part));
  };
  // Signed with our own key, but not as we say that tokens are.
  for (const auto* header : {R"({"alg":"none","typ":"JWT"})", R"({"alg":"RS256","typ":"JWT","kid":"k1"})",
                             R"({"alg":"HS512","typ":"JWT","kid":"k1"})", R"({"alg":"HS256","typ":"JWT","kid":"k2"})",
                             R"({"typ":"JWT","alg":"HS256","kid":"k1"})", R"({"alg":"HS256"})", ""}) {
    EXPECT_EQ(tokens.verify(with_header(header), kNow).error().code, kNotAuthenticated) << header;
  }
  for (const auto& forged :
       {std::string(), std::string("."), std::string("a.b.c"), std::string("a.b"), token + "A",
        token.substr(0, token.rfind('.')), crypto::base64url(R"({"alg":"none","typ":"JWT"})") + "." + payload + "."}) {
    EXPECT_EQ(tokens.verify(forged, kNow).error().code, kNotAuthenticated) << forged;
  }
}
TEST_F(Keys, a_token_of_before_there_were_several_keys_is_still_good) {
  const api::Tokens tokens(*keys);
  const auto part = crypto::base64url(R"({"alg":"HS256","typ":"JWT"})") + "." +
                    crypto::base64url(R"({"sub":"account/1025","iat":1763720220,"exp":1763806620,"jti":"j"})");
  const auto entered = tokens.verify(part + "." + crypto::base64url(keys->mac(crypto::Purpose::tokens, part)), kNow);
  ASSERT_TRUE(entered);
  EXPECT_EQ(entered->principal, Principal{Owner{AccountId{1025}}});
  EXPECT_EQ(entered->session.version, 0);
}
TEST_F(Keys, of_tokens_are_changed_without_ending_a_session) {
  const auto token_of = [&](const crypto::Keyring& ring) {
    return api::Tokens(ring).issue(Owner{AccountId{1025}}, kNow, "command", 3);
  };
  const auto is_good = [&](const crypto::Keyring& ring, const std::string& token) {
    return api::Tokens(ring).verify(token, kNow).has_value();
  };
  const auto old_token = token_of(*keys);
  const auto added = crypto::Keyring::add_token_key(path).value();
  const auto with_new_key = crypto::Keyring::load(path).value();
  EXPECT_EQ(with_new_key.token_keys(), (std::vector<std::string>{"k1", added}));
  EXPECT_EQ(token_of(with_new_key), old_token) << "a key that was added does not sign yet";

  ASSERT_TRUE(crypto::Keyring::sign_with(path, added));
  const auto changed = crypto::Keyring::load(path).value();
  const auto new_token = token_of(changed);
  EXPECT_NE(new_token, old_token);
  EXPECT_TRUE(is_good(changed, old_token) && is_good(changed, new_token));
  EXPECT_TRUE(is_good(with_new_key, new_token)) << "a process that was not started again since knows the key";
  EXPECT_FALSE(is_good(*keys, new_token));
  EXPECT_EQ(changed.mac(crypto::Purpose::guests, "x"), keys->mac(crypto::Purpose::guests, "x"))
      << "nothing else changes";

  EXPECT_FALSE(crypto::Keyring::drop_token_key(path, added)) << "the one that signs";
  const auto next = crypto::Keyring::add_token_key(path).value();
  ASSERT_TRUE(crypto::Keyring::sign_with(path, next));
  ASSERT_TRUE(crypto::Keyring::drop_token_key(path, added));
  EXPECT_FALSE(is_good(crypto::Keyring::load(path).value(), new_token));
  EXPECT_FALSE(crypto::Keyring::sign_with(path, "t0"));
  EXPECT_FALSE(crypto::Keyring::drop_token_key(path, "t0"));
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}
TEST_F(Keys, of_tokens_are_few) {
  for (std::size_t i = 0; i < crypto::Keyring::kTokenKeysMax; ++i) EXPECT_TRUE(crypto::Keyring::add_token_key(path));
  EXPECT_FALSE(crypto::Keyring::add_token_key(path));
}
TEST_F(Keys, a_file_that_says_something_else_is_refused) {
  std::string first;
  std::getline(std::ifstream(path), first);
  for (const auto* line :
       {"token t1", "token t1 short", "sign t1", "other t1", "token k1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    std::ofstream(path) << first << "\n" << line << "\n";
    EXPECT_FALSE(crypto::Keyring::load(path)) << line;
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
TEST_F(Keys, an_index_is_of_its_kind) {
  const api::Tokens tokens(*keys);
  EXPECT_EQ(tokens.bot_index("1234567890"), tokens.bot_index("1234567890"));
  EXPECT_NE(tokens.bot_index("1234567890"), tokens.bot_index("1234567891"));
  EXPECT_NE(tokens.bot_index("1234567890"), tokens.email_index("1234567890"));
}

TEST(Realm, of_a_text_is_what_stands_before_its_colon) {
  const accounts::Realm first, second{"second"};
  EXPECT_EQ(first.qualify("5f"), "5f");
  EXPECT_EQ(second.qualify("5f"), "second:5f");
  for (const auto& realm : {first, second}) EXPECT_EQ(accounts::Realm::of(realm.qualify("5f")), realm);
  EXPECT_TRUE(first.owns("5f") && second.owns("second:5f"));
  EXPECT_FALSE(first.owns("second:5f") || second.owns("5f") || second.owns("other:5f") || second.owns("second"));
}
TEST_F(Keys, nothing_of_one_realm_is_known_in_another) {
  const api::Tokens first(*keys), second(*keys, {"second"}), third(*keys, {"third"});
  const Principal owner = Owner{AccountId{1025}};
  for (const auto* issuer : {&first, &second, &third}) {
    const auto token = issuer->issue(owner, kNow, "command", 3);
    for (const auto* verifier : {&first, &second, &third})
      EXPECT_EQ(verifier->verify(token, kNow).has_value(), verifier == issuer);
  }
  EXPECT_TRUE(accounts::Realm{"second"}.owns(second.email_index("a@b.example")));
  EXPECT_FALSE(second.email_index("a@b.example").contains(first.email_index("a@b.example")));
  const auto key = api::new_api_key();
  EXPECT_EQ(api::api_key_digest(key, *keys, {"second"}).substr(0, 7), "second:");
  EXPECT_FALSE(api::api_key_digest(key, *keys, {"second"}).contains(api::api_key_digest(key, *keys, {})));
}
TEST_F(Keys, what_the_first_realm_has_is_as_it_was_before_there_were_others) {
  const api::Tokens tokens(*keys);
  const auto token = tokens.issue(Owner{AccountId{1025}}, kNow, "j", 3);
  const auto part = crypto::base64url(R"({"alg":"HS256","typ":"JWT","kid":")" + keys->token_keys().front() + "\"}") +
                    "." +
                    crypto::base64url(R"({"sub":"account/1025","iat":1763720220,"exp":1763806620,"jti":"j","ver":3})");
  EXPECT_EQ(token.substr(0, token.rfind('.')), part);
  const auto mac = [&](const std::string& text) { return crypto::hex(keys->mac(crypto::Purpose::unique_index, text)); };
  EXPECT_EQ(tokens.email_index("a@b.example"), mac("account_email a@b.example"));
  EXPECT_EQ(api::api_key_digest("prl_x", *keys, {}), mac("api_key prl_x"));
}

TEST(ApiKeys, have_a_form_of_their_own_and_are_never_the_same) {
  const auto key = api::new_api_key();
  EXPECT_TRUE(key.starts_with("prl_")) << key;
  EXPECT_TRUE(api::is_api_key(key)) << key;
  EXPECT_NE(api::new_api_key(), key);
  EXPECT_EQ(api::api_key_hint(key), key.substr(key.size() - 4));
  for (const auto& text :
       {std::string(), std::string("prl_"), key + "A", key.substr(0, key.size() - 1), "PRL_" + key.substr(4),
        key.substr(0, key.size() - 1) + "=", key.substr(0, key.size() - 1) + '\0'})
    EXPECT_FALSE(api::is_api_key(text)) << text;
}
TEST_F(Keys, digests_of_api_keys_are_those_of_this_keyring) {
  const auto key = api::new_api_key(), other = api::new_api_key();
  EXPECT_EQ(api::api_key_digest(key, *keys, {}), api::api_key_digest(key, *keys, {}));
  EXPECT_EQ(api::api_key_digest(key, *keys, {}).size(), 64U);
  EXPECT_NE(api::api_key_digest(key, *keys, {}), api::api_key_digest(other, *keys, {}));
  EXPECT_NE(api::api_key_digest(key, *keys, {}), crypto::hex(crypto::sha256(key)));
}

}  // namespace
}  // namespace parley
