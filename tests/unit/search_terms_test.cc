// What a person types into the search, as the database is asked.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "projections/search.h"

namespace parley::projections {
namespace {

/// With '!' for the minus that stays one.
std::string terms(std::string_view typed) {
  std::string out = search_terms(typed);
  for (char& c : out) {
    if (c == '\x01') c = '!';
  }
  if (!out.empty()) out.pop_back();
  return out;
}

TEST(SearchTerms, EachWordIsInQuotesSoThatSignsInItAreNotOperators) {
  EXPECT_EQ(terms("refund/exchange  A-1234"), R"("refund/exchange" "A-1234")");
  EXPECT_EQ(terms("a & b | !c :* <-> \\ '"), R"("a" "&" "b" "|" "!c" ":*" "<->" "\" "'")");
  EXPECT_EQ(terms("user@example.com\tчайник\u00A0мой\n"), R"("user@example.com" "чайник" "мой")");
  EXPECT_EQ(terms("24\" белый"), R"("24 " "белый")");
  EXPECT_EQ(terms("a\x01"
                  "b"),
            R"("a" "b")");
}

TEST(SearchTerms, PhrasesOrAndMinusStay) {
  EXPECT_EQ(terms(R"("exact words" or -without -"these words")"), R"("exact words" or !"without" !"these words")");
  EXPECT_EQ(terms(R"(--twice OR "or" - alone)"), R"(!"twice" or "or" "alone")");
  EXPECT_EQ(terms(R"(-or "not closed)"), R"(!"or" "not closed")");
  EXPECT_EQ(terms(R"("" "or")"), R"("" "or")");
  for (const char* nothing : {"", " ", "-", " - -- ", "\n\t"}) EXPECT_EQ(terms(nothing), "");
}

TEST(SearchTerms, APhoneNumberIsItsLastTenDigitsHoweverItIsTyped) {
  for (const char* typed :
       {"+7 (912) 345-67-89", "8 (912) 345-67-89", "8 912 345 67 89", "+79123456789", "89123456789", "9123456789",
        "8-912-345-67-89", "912 345-67-89", "+7 912 3456789", "8(912)345‑67‑89", "(912) 345–67–89"}) {
    EXPECT_EQ(terms(typed), R"("9123456789")") << typed;
  }
  EXPECT_EQ(terms("анна +7 912 345-67-89 возврат"), R"("анна" "9123456789" "возврат")");
  EXPECT_EQ(terms("58213 +7 912 345-67-89"), R"("58213" "9123456789")");
  EXPECT_EQ(terms("+44 20 7946 0958"), R"("2079460958")");
  EXPECT_EQ(terms("-89123456789"), R"(!"9123456789")");
  EXPECT_EQ(terms("8 (3452) 12-34-56"), R"("3452123456")");
}

TEST(SearchTerms, NumbersBesideEachOtherAreNoPhoneNumber) {
  EXPECT_EQ(terms("58213 12345"), R"("58213" "12345")");
  EXPECT_EQ(terms("1 2 3 4 5 6 7 8 9 0"), R"("1" "2" "3" "4" "5" "6" "7" "8" "9" "0")");
  for (const char* number :
       {"345-67-89", "12-34-56-78-90", "2026-05-1210", "4276-1234-5678-9012", "91234567890123", "9123456789-A"}) {
    EXPECT_EQ(terms(number), '"' + std::string(number) + '"');
  }
  EXPECT_EQ(terms("2026-05-12 10-30"), R"("2026-05-12" "10-30")");
  EXPECT_EQ(terms("8 912 -345-67-89"), R"("8" "912" !"345-67-89")");
  EXPECT_EQ(terms("\"8 912 345-67-89\""), R"("8 912 345-67-89")") << "exact words";
  EXPECT_EQ(terms("1234567890123"), R"("1234567890123")") << "a number of something else";
}

TEST(SearchTerms, AWordThatWasTypedTwiceIsLookedForOnceInEachAlternative) {
  EXPECT_EQ(terms("a b a a -a \"a\""), R"("a" "b" !"a")");
  EXPECT_EQ(terms("a or a a"), R"("a" or "a")");
}

TEST(SearchTerms, TimeAndLengthAreLinear) {
  using namespace std::chrono_literals;
  for (const char* part : {"1 ", "+1 ", "- ", "-", "\"", "a-1 ", "8 912 345-67-89 ", "(1)", "\u00A0", "or ", "1-"}) {
    std::string typed;
    while (typed.size() < 1'000'000) typed += part;
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_LE(search_terms(typed).size(), typed.size() * 4);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s) << part;
  }
}

}  // namespace
}  // namespace parley::projections
