// What texts, names, passwords and addresses of a request are kept as, and what is refused.
#include "api/surfaces/replyx/texts.h"

#include <gmock/gmock.h>

#include <string>

#include "api/endpoint/failure.h"
#include "api/surfaces/replyx/errors.h"

namespace parley::replyx {
namespace {

using testing::ElementsAre;

template <class T>
schema::Read<T> read(std::string_view text, const schema::Limits& limits = {}) {
  json::Writer w;
  w.string(text);
  const auto document = json::Document::parse(w.take(), json::Strict::yes);
  return schema::Codec<T>::read(document->root(), limits);
}
template <class T>
std::string issue(std::string_view text, const schema::Limits& limits = {}) {
  const auto found = read<T>(text, limits);
  return found ? "" : found.error().issue;
}

TEST(RegisteredEmail, is_kept_readable_and_compared_by_its_mailbox) {
  const auto email = read<Email>(" ИВАН@xn--80a1acny.xn--p1ai ").value();
  EXPECT_EQ(email.text, "иван@почта.рф");
  EXPECT_EQ(email.key, "иван@почта.рф");
  EXPECT_EQ(email.forms.front(), "ИВАН@xn--80a1acny.xn--p1ai") << "an account of an earlier build may have this";
  EXPECT_EQ(email.forms.at(1), email.key);
  const auto plain = read<Email>("User@Example.com").value();
  EXPECT_EQ(plain.text, "user@example.com");
  EXPECT_THAT(plain.forms, ElementsAre("user@example.com"));
}
TEST(RegisteredEmail, with_a_character_that_nobody_sees_is_refused_by_name_in_both_languages) {
  EXPECT_EQ(issue<Email>("user@example.com\u00A0"), "must not contain invisible characters: U+00A0");
  EXPECT_EQ(issue<Email>("\uFEFFuser@example.com"), "must not contain invisible characters: U+FEFF");
  EXPECT_EQ(issue<Email>("us\u200Ber@example.com"), "must not contain invisible characters: U+200B");
  EXPECT_EQ(issue<Email>("\u202Euser@example.com"), "must not contain invisible characters: U+202E");
  EXPECT_EQ(endpoint::issue_in(error_form().languages.front(), "must not contain invisible characters: U+202E"),
            "не должно содержать невидимые символы: U+202E");
}
TEST(RegisteredEmail, must_be_an_address) {
  for (const auto* text :
       {"user", "user@localhost", "us er@example.com", "user@-a.com", "us\u00A8er@example.com", "user@xn--a.com"}) {
    EXPECT_EQ(issue<Email>(text), "must be an e-mail address") << text;
  }
}
TEST(RegisteredEmail, is_limited_in_the_form_that_is_kept_too) {
  const std::string local = "\uFDFA\uFDFA\uFDFA\uFDFA";  // of 18 characters each
  EXPECT_EQ(issue<Email>(local + "@example.com", {.length_max = kEmailMax}), "must be an e-mail address");
}
TEST(LoginEmail, that_would_be_refused_today_is_looked_for_as_it_was_registered) {
  const auto typed = read<TypedEmail>("User@example.com\u200B").value();
  EXPECT_EQ(typed.issue, "must not contain invisible characters: U+200B");
  EXPECT_THAT(typed.email.forms, ElementsAre("user@example.com\u200B"));
  EXPECT_EQ(read<TypedEmail>("user@example.com")->issue, "");
  EXPECT_EQ(issue<TypedEmail>("user"), "must be an e-mail address") << "nobody ever registered with that";
}

TEST(Password, is_hashed_in_one_form) {
  EXPECT_EQ(read<NewPassword>("кафеи\u0306 1234")->form, "кафе\u0439 1234");
  EXPECT_EQ(read<NewPassword>("caf\u00E9\u00A01234")->form, "caf\u00E9 1234");
}
TEST(Password, has_its_limits_in_that_form_too) {
  const schema::Limits limits{.length_min = kPasswordMin, .length_max = kPasswordMax};
  EXPECT_EQ(issue<NewPassword>("и\u0306и\u0306и\u0306и\u0306", limits), "must be at least 8 characters")
      << "four, as one sees them";
  std::string grows;
  for (std::size_t i = 0; i < kPasswordMax; ++i) grows += "\u0958";  // two characters in NFC
  EXPECT_EQ(issue<NewPassword>(grows, limits), "must be at most 128 characters");
}
TEST(Texts, are_kept_in_nfc) {
  EXPECT_EQ(read<Text>("Андреи\u0306")->text, "Андре\u0439");
  EXPECT_EQ(read<Words>("Андреи\u0306")->text, "Андре\u0439");
  EXPECT_EQ(read<Words>("")->text, "");
  EXPECT_EQ(read<Text>("\u202Egnp.exe")->text, "\u202Egnp.exe") << "direction overrides are text";
  EXPECT_EQ(issue<Text>("\u0958", {.length_min = 1, .length_max = 1}), "must be at most 1 characters") << "two in NFC";
  EXPECT_EQ(issue<Text>("\u200B"), "must not be empty");
}
TEST(Texts, of_a_partial_update_are_given_cleared_or_absent) {
  EXPECT_FALSE(personal(Patch<Words>()).given);
  EXPECT_EQ(personal(Patch<Words>(std::nullopt)), Patch<Personal>(std::nullopt));
  EXPECT_EQ(personal(Patch<Words>(Words{"a"})), Patch<Personal>(Personal{"a"}));
  EXPECT_EQ(text_of(Patch<Words>(Words{"a"})), Patch<std::string>(std::string("a")));
}

}  // namespace
}  // namespace parley::replyx
