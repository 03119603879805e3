#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "platform/invariant.h"
#include "platform/process/process.h"

namespace parley::process {
namespace {

using std::chrono::seconds;

TEST(WatchdogDeathTest, EndsAProcessWhoseLoopDoesNotTurn) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const Watchdog watchdog([] { return 7; }, seconds(1));
        std::this_thread::sleep_for(seconds(20));
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(70), "");
}

TEST(WatchdogDeathTest, LeavesAloneWhatMovesAndEndsWithItsOwner) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        {
          std::atomic<std::int64_t> turns = 0;
          const Watchdog watchdog([&] { return ++turns; }, seconds(1));
          std::this_thread::sleep_for(seconds(3));
        }
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(InvariantDeathTest, OneThatIsBrokenEndsTheProcessAndIsNamedInTheLog) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  invariant(true, "what holds is passed over");
  EXPECT_EXIT(invariant(false, "a checkpoint never moves back"), ::testing::KilledBySignal(SIGABRT),
              "a checkpoint never moves back.*process_watchdog_test");
}

}  // namespace
}  // namespace parley::process
