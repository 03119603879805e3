#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "platform/invariant.h"
#include "platform/opened.h"
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

TEST(InvariantDeathTest, WhatIsOpenIsUsedAndWhatIsNotEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Opened<std::string> file;
  EXPECT_FALSE(file);
  EXPECT_EXIT(static_cast<void>(file->size()), ::testing::KilledBySignal(SIGABRT), "it is open when it is used");
  file.emplace("seven");
  EXPECT_EQ(file->size(), 5U);
  EXPECT_EQ(std::as_const(file)->size(), 5U);
  file.reset();
  EXPECT_EXIT(static_cast<void>(*file), ::testing::KilledBySignal(SIGABRT), "Opened.*string");
}

TEST(InvariantDeathTest, AValueThatIsGuaranteedIsThere) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  std::optional<int> value = 7;
  present(value, "a number was taken") = 8;
  EXPECT_EQ(present(std::as_const(value), "a number was taken"), 8);
  value.reset();
  EXPECT_EXIT(static_cast<void>(present(value, "a number was taken")), ::testing::KilledBySignal(SIGABRT),
              "a number was taken.*process_watchdog_test");
}

}  // namespace
}  // namespace parley::process
