#include "workers/processes/ledger.h"

#include <gtest/gtest.h>

namespace parley::processes {
namespace {

using Positions = std::map<int, std::int64_t>;

TEST(Ledger, goes_on_behind_what_was_read_when_that_asked_for_nothing) {
  Ledger ledger;
  ledger.begin(1, 5);
  EXPECT_EQ(ledger.positions(), (Positions{{1, 5}}));
  ledger.read(1, 7, {});
  EXPECT_EQ(ledger.positions(), (Positions{{1, 8}}));
}
TEST(Ledger, goes_on_at_the_oldest_event_of_which_a_command_is_not_decided) {
  Ledger ledger;
  ledger.begin(0, 0);
  ledger.begin(1, 0);
  ledger.read(0, 3, {"a", "b"});
  ledger.read(0, 4, {"c"});
  ledger.read(1, 9, {"d"});
  EXPECT_EQ(ledger.positions(), (Positions{{0, 3}, {1, 9}}));
  EXPECT_TRUE(ledger.settle("c"));
  EXPECT_TRUE(ledger.settle("a"));
  EXPECT_TRUE(ledger.settle("d"));
  EXPECT_EQ(ledger.positions(), (Positions{{0, 3}, {1, 10}}));
  EXPECT_EQ(ledger.waiting(), 1u);
  EXPECT_TRUE(ledger.settle("b"));
  EXPECT_EQ(ledger.positions(), (Positions{{0, 5}, {1, 10}}));
}
TEST(Ledger, a_command_is_settled_once) {
  Ledger ledger;
  ledger.begin(0, 0);
  ledger.read(0, 0, {"a"});
  EXPECT_TRUE(ledger.settle("a"));
  EXPECT_FALSE(ledger.settle("a"));
}
TEST(Ledger, that_is_cleared_waits_for_nothing) {
  Ledger ledger;
  ledger.begin(0, 0);
  ledger.read(0, 0, {"a"});
  ledger.clear();
  EXPECT_FALSE(ledger.settle("a"));
  EXPECT_TRUE(ledger.positions().empty());
}

}  // namespace
}  // namespace parley::processes
