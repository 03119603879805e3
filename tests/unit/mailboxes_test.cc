// Which accounts are not indexed by their mailbox, and whose a mailbox is that several have.
#include "ops/cli/mailboxes.h"

#include <gmock/gmock.h>

namespace parley::cli {
namespace {

using Is = MailboxFinding::Is;
using testing::ElementsAre;

/// As an index is made here: readable.
std::string index_of(const accounts::Realm& realm, std::string_view form) {
  return realm.qualify("<" + std::string(form) + ">");
}

accounts::Account account(std::string email, std::string indexed_as, int since = 0, const accounts::Realm& realm = {}) {
  accounts::Account out;
  out.email = Personal{std::move(email)};
  out.email_index = index_of(realm, indexed_as);
  out.created_at = Timestamp{std::chrono::milliseconds{since}};
  return out;
}
std::vector<Is> states(const std::map<std::int64_t, accounts::Account>& accounts) {
  std::vector<Is> out;
  for (const auto& one : find_mailboxes(accounts, index_of)) out.push_back(one.is);
  return out;
}

TEST(Mailboxes, an_account_of_ascii_was_always_indexed_by_its_key) {
  EXPECT_THAT(states({{1, account("user@example.com", "user@example.com")}}), ElementsAre(Is::indexed));
}
TEST(Mailboxes, another_spelling_than_the_key_is_to_be_indexed_when_nobody_has_the_mailbox) {
  const auto found = find_mailboxes({{7, account("ИВАН@ПОЧТА.РФ", "ИВАН@ПОЧТА.РФ")}}, index_of);
  EXPECT_THAT(found, ElementsAre(MailboxFinding{7, Is::to_index, "ИВАН@ПОЧТА.РФ", "иван@почта.рф", "<иван@почта.рф>",
                                                std::nullopt}));
  EXPECT_THAT(states({{7, account("ИВАН@ПОЧТА.РФ", "иван@почта.рф")}}), ElementsAre(Is::indexed)) << "and then it is";
}
TEST(Mailboxes, one_mailbox_is_whose_account_is_indexed_by_it_however_old_the_others_are) {
  const auto found = find_mailboxes(
      {{1, account("ИВАН@почта.рф", "ИВАН@почта.рф", 1)}, {2, account("иван@почта.рф", "иван@почта.рф", 2)}}, index_of);
  EXPECT_EQ(found[0].is, Is::shared);
  EXPECT_EQ(found[0].holder, 2);
  EXPECT_EQ(found[1].is, Is::indexed);
}
TEST(Mailboxes, one_mailbox_that_nobody_is_indexed_by_is_the_oldest_accounts) {
  const auto found = find_mailboxes({{1, account("Иван@почта.рф", "Иван@почта.рф", 9)},
                                     {2, account("ИВАН@почта.рф", "ИВАН@почта.рф", 3)},
                                     {3, account("ИВАН@xn--80a1acny.xn--p1ai", "x", 5)}},
                                    index_of);
  EXPECT_EQ(found[1].is, Is::to_index);
  EXPECT_THAT(std::vector({found[0].is, found[2].is}), ElementsAre(Is::shared, Is::shared));
  EXPECT_THAT(std::vector({found[0].holder, found[2].holder}), ElementsAre(2, 2));
}
TEST(Mailboxes, one_mailbox_has_an_account_in_each_realm) {
  const accounts::Realm second{"second"};
  const auto found = find_mailboxes({{1, account("иван@почта.рф", "иван@почта.рф", 1)},
                                     {2, account("иван@почта.рф", "иван@почта.рф", 2, second)},
                                     {3, account("ИВАН@почта.рф", "ИВАН@почта.рф", 3, second)}},
                                    index_of);
  EXPECT_THAT(std::vector({found[0].is, found[1].is, found[2].is}), ElementsAre(Is::indexed, Is::indexed, Is::shared));
  EXPECT_EQ(found[2].holder, 2);
}
TEST(Mailboxes, an_address_that_is_refused_today_has_none) {
  EXPECT_THAT(states({{1, account("user@example.com\u200B", "user@example.com\u200B")},
                      {2, account("user@example.com", "user@example.com")}}),
              ElementsAre(Is::no_mailbox, Is::indexed));
}

}  // namespace
}  // namespace parley::cli
