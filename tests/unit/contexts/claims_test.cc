#include "domain/claims/claims.h"
#include "tests/unit/contexts/frozen.h"
#include "tests/unit/contexts/given.h"

namespace parley::claims {
namespace {

constexpr std::int64_t kAnna = 1025, kBoris = 2049;
const Reserved kReserved{"account_email", "ef56", "p1", kAnna, 4};
auto given(std::initializer_list<Event> events) { return given_events<State, Event>(events).by(Reactor{}); }
Reserve reserve(std::string process, std::int64_t holder, std::int64_t version) {
  return {"account_email", "ef56", std::move(process), holder, version};
}
using Events = std::vector<Event>;

TEST(Claim, of_a_value_that_nobody_has_is_reserved_and_confirmed_once) {
  EXPECT_EQ(given({}).when(reserve("p1", kAnna, 4))->events, Events{kReserved});
  EXPECT_EQ(given({kReserved}).when(Confirm{"p1"})->events, Events{Confirmed{"p1"}});
  EXPECT_TRUE(given({kReserved}).when(reserve("p1", kAnna, 4))->events.empty());
  EXPECT_TRUE(given({kReserved, Confirmed{"p1"}}).when(Confirm{"p1"})->events.empty());
  EXPECT_TRUE(given({kReserved}).when(Confirm{"p0"})->events.empty());
}
TEST(Claim, of_a_value_that_somebody_else_has_is_refused_by_an_event) {
  const Refused refused{"account_email", "ef56", "p2", kBoris};
  EXPECT_EQ(given({kReserved}).when(reserve("p2", kBoris, 9))->events, Events{refused});
  EXPECT_EQ(given({}).taken().when(reserve("p2", kBoris, 9))->events, Events{refused});
  EXPECT_EQ(given({kReserved, refused}).state, given({kReserved}).state);
}
TEST(Claim, of_one_holder_the_latest_counts_in_whatever_order_they_come) {
  const Reserved later{"account_email", "ef56", "p2", kAnna, 7};
  EXPECT_EQ(given({kReserved}).when(reserve("p2", kAnna, 7))->events, Events{later});
  EXPECT_EQ(given({later}).when(reserve("p1", kAnna, 4))->events,
            (Events{Refused{"account_email", "ef56", "p1", kAnna}}));
  EXPECT_TRUE(given({kReserved, later}).when(Release{"account_email", "ef56", "p1"})->events.empty());
}
TEST(Claim, that_is_released_is_anybodys) {
  const Released released{"account_email", "ef56", "p1"};
  EXPECT_EQ(given({kReserved, Confirmed{"p1"}}).when(Release{"account_email", "ef56", "p1"})->events, Events{released});
  EXPECT_EQ(given({kReserved, released}).state, State{});
  EXPECT_TRUE(given({}).when(Release{"account_email", "ef56", "p1"})->events.empty());
  EXPECT_EQ(given({kReserved, released}).when(reserve("p2", kBoris, 2))->events.size(), 1u);
}
TEST(Claim, is_no_ones_but_a_reactors) {
  for (const auto& who : {Principal{Owner{AccountId{kAnna}}}, Principal{ConsoleOperator{}}, Principal{Anonymous{}}}) {
    EXPECT_EQ(given({}).by(who).when(reserve("p1", kAnna, 4)).error().code, kInsufficientPermissions);
  }
}

}  // namespace

// Add lines, never edit one.
std::vector<FrozenEvent> frozen() {
  return frozen_events<Event>({
      {Reserved{"account_email", "cd", "p1", 1025, 4}, "parley.claim.reserved.v1",
       R"({"index":"account_email","key":"cd","process_id":"p1","holder_id":1025,"holder_version":4})"},
      {Refused{"account_email", "cd", "p1", 1025}, "parley.claim.refused.v1",
       R"({"index":"account_email","key":"cd","process_id":"p1","holder_id":1025})"},
      {Confirmed{"p1"}, "parley.claim.confirmed.v1", R"({"process_id":"p1"})"},
      {Released{"account_email", "cd", "p1"}, "parley.claim.released.v1",
       R"({"index":"account_email","key":"cd","process_id":"p1"})"},
  });
}

}  // namespace parley::claims
