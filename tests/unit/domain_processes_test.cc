#include "domain/processes/processes.h"

#include <gtest/gtest.h>

#include "domain/accounts/accounts.h"
#include "domain/assistants/assistants.h"
#include "domain/claims/claims.h"

namespace parley::processes {
namespace {

constexpr Stream kAnna{Kind::account, 1025}, kClaim{Kind::claim, 2049};
const UniqueKey kClaims{"claim.account_email", "ef56"};

/// One command of each follow-up, in order.
template <class Context, class C>
const C& command(const FollowUpCommand& step) {
  return std::get<C>(step.command.get<Context>());
}

TEST(Processes, a_requested_email_is_reserved_in_its_own_slot) {
  const auto steps =
      follow_ups(kAnna, 4, accounts::Event{accounts::EmailChangeRequested{"p1", "c1", Personal{"b@c.d"}, "ef56", {}}});
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(std::get<UniqueKey>(steps[0].target), kClaims);
  const auto& reserve = command<claims::Command, claims::Reserve>(steps[0]);
  EXPECT_EQ(std::tie(reserve.index, reserve.key, reserve.process_id, reserve.holder, reserve.holder_version),
            std::tuple("account_email", "ef56", "p1", 1025, 4));
}
TEST(Processes, what_came_of_a_reservation_is_told_to_the_account) {
  const Event reserved = claims::Event{claims::Reserved{"account_email", "ef56", "p1", 1025, 4}};
  const Event refused = claims::Event{claims::Refused{"account_email", "ef56", "p1", 1025}};
  for (const auto& [event, is_reserved] : {std::pair(reserved, true), std::pair(refused, false)}) {
    const auto steps = follow_ups(kClaim, 1, event);
    ASSERT_EQ(steps.size(), 1u);
    EXPECT_EQ(std::get<Stream>(steps[0].target), kAnna);
    const auto& finish = command<accounts::Command, accounts::FinishEmailChange>(steps[0]);
    EXPECT_EQ(std::tie(finish.process_id, finish.email_index, finish.is_reserved),
              std::tuple("p1", "ef56", is_reserved));
  }
}
TEST(Processes, a_changed_email_is_confirmed_and_a_claim_on_the_previous_one_released) {
  accounts::EmailChanged changed{"p1", Personal{"b@c.d"}, "ef56", "ab12", std::nullopt, std::nullopt};
  EXPECT_EQ(follow_ups(kAnna, 5, accounts::Event{changed}).size(), 1u);
  changed.previous_process_id = "p0";
  const auto steps = follow_ups(kAnna, 5, accounts::Event{changed});
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(std::get<UniqueKey>(steps[0].target), kClaims);
  EXPECT_EQ((command<claims::Command, claims::Confirm>(steps[0]).process_id), "p1");
  EXPECT_EQ(std::get<UniqueKey>(steps[1].target), (UniqueKey{"claim.account_email", "ab12"}));
  EXPECT_EQ((command<claims::Command, claims::Release>(steps[1]).process_id), "p0");
}
TEST(Processes, a_reservation_that_nobody_needs_is_released) {
  const auto steps = follow_ups(kAnna, 5, accounts::Event{accounts::EmailReservationDeclined{"p1", "ef56"}});
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(std::get<UniqueKey>(steps[0].target), kClaims);
  EXPECT_EQ((command<claims::Command, claims::Release>(steps[0]).process_id), "p1");
}
constexpr Stream kHelper{Kind::assistant, 3073};
const UniqueKey kBotClaims{"claim.telegram_bot", "b1"};

TEST(Processes, a_bot_that_is_wanted_is_reserved_in_its_own_slot) {
  for (const auto& event : {assistants::Event{assistants::CreationRequested{"p1", "c1", "b1", {}, {}}},
                            assistants::Event{assistants::UpdateRequested{"p1", "c1", "b1", {}, {}}}}) {
    const auto steps = follow_ups(kHelper, 4, event);
    ASSERT_EQ(steps.size(), 1u);
    EXPECT_EQ(std::get<UniqueKey>(steps[0].target), kBotClaims);
    const auto& reserve = command<claims::Command, claims::Reserve>(steps[0]);
    EXPECT_EQ(std::tie(reserve.index, reserve.key, reserve.process_id, reserve.holder, reserve.holder_version),
              std::tuple("telegram_bot", "b1", "p1", kHelper.id, 4));
  }
}
TEST(Processes, what_came_of_a_bot_is_told_to_the_assistant) {
  const Event reserved = claims::Event{claims::Reserved{"telegram_bot", "b1", "p1", kHelper.id, 4}};
  const Event refused = claims::Event{claims::Refused{"telegram_bot", "b1", "p1", kHelper.id}};
  for (const auto& [event, is_reserved] : {std::pair(reserved, true), std::pair(refused, false)}) {
    const auto steps = follow_ups(kClaim, 1, event);
    ASSERT_EQ(steps.size(), 1u);
    EXPECT_EQ(std::get<Stream>(steps[0].target), kHelper);
    const auto& finish = command<assistants::Command, assistants::FinishBotChange>(steps[0]);
    EXPECT_EQ(std::tie(finish.process_id, finish.bot_index, finish.is_reserved), std::tuple("p1", "b1", is_reserved));
  }
}
TEST(Processes, a_bot_is_confirmed_when_it_is_claimed_and_released_when_nobody_needs_it) {
  const auto claimed = follow_ups(kHelper, 6, assistants::Event{assistants::BotClaimed{"p1", "b1"}});
  ASSERT_EQ(claimed.size(), 1u);
  EXPECT_EQ(std::get<UniqueKey>(claimed[0].target), kBotClaims);
  EXPECT_EQ((command<claims::Command, claims::Confirm>(claimed[0]).process_id), "p1");
  for (const auto& event : {assistants::Event{assistants::BotReleased{"p1", "b1"}},
                            assistants::Event{assistants::CreationRefused{"p1", "b1"}}}) {
    const auto steps = follow_ups(kHelper, 7, event);
    ASSERT_EQ(steps.size(), 1u);
    EXPECT_EQ(std::get<UniqueKey>(steps[0].target), kBotClaims);
    EXPECT_EQ((command<claims::Command, claims::Release>(steps[0]).process_id), "p1");
  }
}
TEST(Processes, end) {
  EXPECT_TRUE(follow_ups(kHelper, 5, assistants::Event{assistants::UpdateRefused{"p1"}}).empty());
  EXPECT_TRUE(follow_ups(kHelper, 5, assistants::Event{assistants::Deleted{}}).empty());

  EXPECT_TRUE(follow_ups(kAnna, 5, accounts::Event{accounts::EmailChangeRefused{"p1"}}).empty());
  EXPECT_TRUE(follow_ups(kClaim, 2, claims::Event{claims::Confirmed{"p1"}}).empty());
  EXPECT_TRUE(follow_ups(kClaim, 3, claims::Event{claims::Released{"account_email", "ef56", "p1"}}).empty());
  EXPECT_TRUE(follow_ups(kClaim, 3, claims::Event{claims::Reserved{"something_else", "x", "p1", 1, 1}}).empty());
}
TEST(Processes, every_step_has_a_name_of_its_own) { EXPECT_NE(follow_up_name("e1", 0), follow_up_name("e1", 1)); }

}  // namespace
}  // namespace parley::processes
