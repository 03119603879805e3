#include "platform/text/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "platform/text/mailbox.h"

namespace parley::text {
namespace {

std::string key(std::string_view typed) {
  const auto found = mailbox(typed);
  return found ? found->key : "refused";
}
std::string address(std::string_view typed) {
  const auto found = mailbox(typed);
  return found ? found->address : "refused";
}
std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}
std::string utf8(char32_t c) {
  std::string out;
  const auto byte = [&](unsigned lead, char32_t bits) { out += static_cast<char>(lead | (bits & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    byte(0x80, c >> 6);
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    byte(0x80, c >> 12);
    byte(0x80, c >> 6);
  }
  byte(0x80, c);
  return out;
}

struct Spellings {
  std::string key;
  std::vector<std::string> typed;
};

TEST(Mailbox, every_spelling_of_a_mailbox_has_one_key) {
  const std::vector<Spellings> table{
      {"user@example.com",
       {"user@example.com", "USER@Example.COM", "  user@example.com\r\n", "ｕｓｅｒ@ｅｘａｍｐｌｅ．ｃｏｍ",
        "ＵＳＥＲ＠ＥＸＡＭＰＬＥ。com"}},
      {"иван@почта.рф",
       {"иван@почта.рф", "ИВАН@почта.рф", "Иван@ПОЧТА.РФ", "иван@xn--80a1acny.xn--p1ai", "иван@XN--80A1ACNY.xn--p1ai"}},
      {"jos\u00E9@example.com",
       {"jos\u00E9@example.com", "jose\u0301@example.com", "JOS\u00C9@example.com", "JOSE\u0301@example.com"}},
      {"\u0439@example.com", {"\u0439@example.com", "\u0438\u0306@example.com", "\u0418\u0306@example.com"}},
      {"office@example.com", {"office@example.com", "oﬃce@example.com", "OFFICE@example.com"}},
      {"strasse@example.com", {"straße@example.com", "STRASSE@example.com", "STRAẞE@example.com"}},
      {"σοφοσ@example.com", {"σοφος@example.com", "ΣΟΦΟΣ@example.com", "σοφοσ@example.com"}},
      {"i\u0307van@example.com", {"İvan@example.com", "i\u0307van@example.com", "I\u0307VAN@example.com"}},
      {"user@bücher.example",
       {"user@bücher.example", "user@BÜCHER.example", "user@bu\u0308cher.example", "user@xn--bcher-kva.example"}},
      {"user@r3---sn.example.com", {"user@r3---sn.example.com"}},
  };
  for (const auto& row : table) {
    for (const auto& typed : row.typed) EXPECT_EQ(key(typed), row.key) << typed;
  }
}
TEST(Mailbox, different_mailboxes_have_different_keys) {
  EXPECT_NE(key("\u0131van@example.com"), key("ivan@example.com")) << "a dotless i";
  EXPECT_NE(key("İvan@example.com"), key("ivan@example.com")) << "a dotted I";
  EXPECT_NE(key("а@example.com"), key("a@example.com")) << "Cyrillic and Latin";
  EXPECT_NE(key("user@faß.de"), key("user@fass.de")) << "two domains since IDNA 2008";
  EXPECT_NE(key("u.ser@example.com"), key("user@example.com"));
  EXPECT_NE(key("user+tag@example.com"), key("user@example.com"));
}
TEST(Mailbox, an_address_is_shown_as_it_may_be_sent_to) {
  EXPECT_EQ(address(" ИВАН@XN--80A1ACNY.xn--p1ai"), "иван@почта.рф");
  EXPECT_EQ(address("Straße@Example.com"), "straße@example.com")
      << "not folded: it is its provider that knows whether ß is ss";
  EXPECT_EQ(address("ＵＳＥＲ@example.com"), "user@example.com");
  EXPECT_EQ(address("ΣΟΦΟΣ@example.com"), "σοφος@example.com");
}
TEST(Mailbox, what_nobody_sees_is_refused_by_name) {
  for (const char32_t hidden :
       {U'\u00A0', U'\u200B', U'\u200C', U'\u200D', U'\uFEFF', U'\u200E', U'\u200F',    U'\u202A',
        U'\u202E', U'\u2066', U'\u2069', U'\u00AD', U'\u2060', U'\u034F', U'\u3164',    U'\uFE0F',
        U'\u3000', U'\u2028', U'\u0085', U'\u0007', U'\uE000', U'\u0378', U'\U000E0041'}) {
    const auto hidden_text = utf8(hidden);
    for (const auto& typed : {hidden_text + "user@example.com", "us" + hidden_text + "er@example.com",
                              "user@exam" + hidden_text + "ple.com", "user@example.com" + hidden_text}) {
      const auto found = mailbox(typed);
      ASSERT_FALSE(found) << code_point_text(hidden);
      EXPECT_EQ(found.error(), (NoMailbox{NoMailbox::Why::hidden_character, hidden})) << code_point_text(hidden);
    }
  }
}
TEST(Mailbox, what_is_no_address_is_refused) {
  const auto why = [](std::string_view typed) { return mailbox(typed).error().why; };
  for (const auto* typed : {"", "  ", "user", "@example.com", "user@", "a@b@example.com", "user＠example＠com"}) {
    EXPECT_EQ(why(typed), NoMailbox::Why::malformed) << typed;
  }
  for (const auto* typed : {"user@xn--a.com", "user@\u0301a.com", "user@a\u05D0.com"})
    EXPECT_EQ(why(typed), NoMailbox::Why::domain) << typed;
  EXPECT_EQ(why("user@" + repeated("ф", 60) + ".рф"), NoMailbox::Why::domain)
      << "its label is longer than 63 as it travels";
  EXPECT_EQ(why(std::string(kAddressBytesMax, 'a') + "@example.com"), NoMailbox::Why::too_long);
}
/// What looking an account up by its key and by the form of before relies on, of every character that there is.
TEST(Mailbox, a_key_is_stable_and_the_form_of_before_keeps_it) {
  int looked_at = 0;
  for (char32_t c = 0x21; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    for (const auto& typed : {"x" + utf8(c) + "y@example.com", "x@e" + utf8(c) + "y.com"}) {
      const auto found = mailbox(typed);
      if (!found) continue;
      ++looked_at;
      ASSERT_EQ(key(found->key), found->key) << code_point_text(c);
      ASSERT_EQ(key(found->address), found->key) << code_point_text(c);
      ASSERT_EQ(address(found->address), found->address) << code_point_text(c);
      ASSERT_EQ(ascii_form(found->key), found->key) << code_point_text(c);
      ASSERT_EQ(key(ascii_form(typed)), found->key) << code_point_text(c);
      ASSERT_EQ(key(nfc(typed)), found->key) << code_point_text(c);
    }
  }
  EXPECT_GT(looked_at, 200'000);
}
TEST(Mailbox, the_key_of_an_ascii_address_is_what_it_was_indexed_by_before) {
  for (const auto* typed : {"User@Example.COM", "  o'neil+tag@mail.example.org\t", "a_b-c@x-y.z1.example"})
    EXPECT_EQ(key(typed), ascii_form(typed)) << typed;
}

TEST(Mailbox, an_account_is_looked_for_by_its_exact_spelling_then_by_its_key_then_by_others) {
  using Forms = std::vector<std::string>;
  EXPECT_EQ(forms(" User@Example.com"), (Forms{"user@example.com"}));
  EXPECT_EQ(forms("иван@пример.com").front(), "иван@пример.com") << "its key is its spelling";
  const auto found = forms("ИВАН@ПОЧТА.РФ");
  EXPECT_EQ(found.at(0), "ИВАН@ПОЧТА.РФ");
  EXPECT_EQ(found.at(1), "иван@почта.рф");
  for (const auto* form :
       {"иван@xn--80a1acny.xn--p1ai", "ИВАН@почта.рф", "ИВАН@xn--80a1acny.xn--p1ai", "Иван@почта.рф"}) {
    EXPECT_TRUE(std::ranges::find(found, form) != found.end()) << form;
  }
  const auto small = forms("иван@почта.рф");
  EXPECT_TRUE(std::ranges::find(small, "ИВАН@ПОЧТА.РФ") != small.end());
  const auto composed = forms("jos\u00E9@example.com");
  EXPECT_TRUE(std::ranges::find(composed, "jose\u0301@example.com") != composed.end());
  EXPECT_EQ(std::set(found.begin(), found.end()).size(), found.size()) << "no form twice";
  EXPECT_EQ(forms("User@example.com\u200B"), (Forms{"user@example.com\u200B"})) << "no mailbox: as it was registered";
}

TEST(Mailbox, whatever_an_account_is_looked_for_by_is_a_spelling_of_its_mailbox) {
  for (const auto* typed : {"\u0131van@example.com", "İvan@example.com", "straße@faß.de", "ﬃ@xn--80a1acny.xn--p1ai",
                            "ʼn@example.com", "ΐς@ΣΊΣ.gr", "ǆ@ǅ.com"}) {
    for (const auto& form : forms(typed)) EXPECT_EQ(key(form), key(typed)) << form;
  }
}

TEST(Text, names_and_texts_are_kept_in_nfc) {
  EXPECT_EQ(nfc("plain"), "plain");
  EXPECT_EQ(nfc("Андре\u0438\u0306"), "Андре\u0439");
  EXPECT_EQ(nfc("e\u0301\u0323"), "\u1EB9\u0301") << "marks in canonical order";
  EXPECT_EQ(nfc("\u202Eabc"), "\u202Eabc") << "overrides are kept";
  EXPECT_EQ(nfc("ﬀ"), "ﬀ") << "compatibility characters are kept";
  EXPECT_EQ(nfc("\u1112\u1161\u11AB"), "\uD55C");
}
TEST(Text, marks_in_a_long_run_are_ordered_as_icu_orders_them_in_a_short_one) {
  const std::string below = "\u0316", above = "\u0301",
                    tibetan = "\u0F73";  // U+0F73 is two marks with another place each
  EXPECT_EQ(nfc("x" + repeated(above + below, 100)), "x" + repeated(below, 100) + repeated(above, 100));
  EXPECT_EQ(nfc("e" + repeated(above + below, 100)), "\u00E9" + repeated(below, 100) + repeated(above, 99));
  EXPECT_EQ(nfc("x" + repeated(tibetan, 40)), "x" + repeated("\u0F71", 40) + repeated("\u0F72", 40));
  EXPECT_EQ(nfc("\u00E9" + repeated(below, 40)), "\u00E9" + repeated(below, 40));
}
TEST(Text, the_time_does_not_grow_with_the_square_of_the_length) {
  const auto begin = std::chrono::steady_clock::now();
  for (const auto* part :
       {"\u0301\u0316", "\u0F73\u0344", "\u0438\u0306", "\u1161", "\u0BC6\u0BBE", "\u2068", "\u2069", "\u202E"}) {
    const auto text = repeated(part, 200'000);
    EXPECT_EQ(nfc(nfc(text)), nfc(text));
    EXPECT_FALSE(isolated(text).empty());
    EXPECT_FALSE(password_form(text).empty());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));  // with the square it takes minutes
}
TEST(Text, a_password_is_opaque_but_for_its_spelling) {
  EXPECT_EQ(password_form("caf\u0065\u0301 123"), "caf\u00E9 123");
  EXPECT_EQ(password_form("a\u00A0b\u3000c"), "a b c") << "spaces are one (RFC 8265 4.2.1)";
  EXPECT_EQ(password_form("Pass WORD"), "Pass WORD");
  EXPECT_EQ(password_form("ｐａｓｓ"), "ｐａｓｓ") << "width is kept (RFC 8265 4.2.1)";
  EXPECT_EQ(password_form("a\u200Bb"), "a\u200Bb");
}
TEST(Text, what_nobody_sees_is_found_and_what_one_sees_is_not) {
  EXPECT_EQ(hidden_character("Иван O'Neil 😀 \u0301\uAC00 №"), std::nullopt);
  EXPECT_EQ(hidden_character("ab\u200Bc\u202E"), U'\u200B');
  EXPECT_EQ(code_point_text(U'\u200B'), "U+200B");
  EXPECT_EQ(code_point_text(U'\U000E0041'), "U+E0041");
  EXPECT_EQ(code_point_text(U'\t'), "U+0009");
}
TEST(Text, an_isolated_text_does_not_reach_beyond_itself) {
  EXPECT_EQ(isolated("Анна"), "Анна") << "nothing to isolate";
  EXPECT_EQ(isolated("\u202Egnp.exe"), "\u2068\u202Egnp.exe\u2069");
  EXPECT_EQ(isolated("שלום"), "\u2068שלום\u2069");
  EXPECT_EQ(isolated("a\u2069\u202Eb"), "\u2068\u2068a\u2069\u202Eb\u2069") << "an end that it did not begin";
  EXPECT_EQ(isolated("a\u2067b"), "\u2068a\u2067b\u2069\u2069") << "a beginning that it does not end";
  EXPECT_EQ(isolated("Анна\n\u202Eb\nc"), "Анна\n\u2068\u202Eb\u2069\nc") << "line by line";
}

}  // namespace
}  // namespace parley::text
