// Executor and timers: bounded, cancellable, and at their end.
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <memory>
#include <stdexcept>

#include "api/http/executor.h"
#include "api/http/timers.h"

namespace parley::http {
namespace {

using namespace std::chrono_literals;
constexpr auto kSoon = 5s;

TEST(Executor, SaysNoWhenFullAndRunsTheRestAtStop) {
  Executor executor({.name = "test", .threads = 1, .queue_max = 2});
  std::promise<void> started;
  std::promise<void> gate;
  ASSERT_TRUE(executor.try_post([&] {
    started.set_value();
    gate.get_future().wait();
  }));
  started.get_future().wait();
  std::atomic<int> ran = 0;
  EXPECT_TRUE(executor.try_post([&] { ++ran; }));
  EXPECT_TRUE(executor.try_post([&] { ++ran; }));
  EXPECT_EQ(executor.queue_depth(), 2U);
  EXPECT_FALSE(executor.try_post([&] { ++ran; }));
  gate.set_value();
  executor.stop();
  EXPECT_EQ(ran, 2);
  EXPECT_FALSE(executor.try_post([&] { ++ran; }));
}

TEST(Executor, OutlivesATaskThatThrows) {
  Executor executor({.name = "test", .threads = 1});
  std::promise<void> done;
  ASSERT_TRUE(executor.try_post([] { throw 42; }));
  ASSERT_TRUE(executor.try_post([&] { done.set_value(); }));
  EXPECT_EQ(done.get_future().wait_for(kSoon), std::future_status::ready);
  EXPECT_EQ(executor.failed_tasks(), 1U);
}

TEST(Timers, RunInOrderOfTheirTimes) {
  Timers timers;
  std::promise<std::string> done;
  std::string order;  // the timer thread's alone until the promise
  timers.after(20ms, [&] { done.set_value(order + "b"); });
  timers.after(1ms, [&] { order += "a"; });
  auto result = done.get_future();
  ASSERT_EQ(result.wait_for(kSoon), std::future_status::ready);
  EXPECT_EQ(result.get(), "ab");
}

TEST(Timers, CancelledOnesDoNotRunAndLetGoOfWhatTheyHold) {
  Timers timers;
  auto held = std::make_shared<int>(1);
  const auto id = timers.after(1h, [held] {});
  EXPECT_EQ(held.use_count(), 2);
  EXPECT_TRUE(timers.cancel(id));
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(timers.cancel(id));
}

TEST(Timers, PeriodicOnesRunUntilTheyCancelThemselves) {
  Timers timers;
  std::promise<void> done;
  std::promise<Timers::Id> id;
  auto own_id = id.get_future().share();
  int runs = 0;
  id.set_value(timers.every(1ms, [&, own_id] {
    if (++runs == 3) {
      EXPECT_TRUE(timers.cancel(own_id.get()));
      done.set_value();
    }
    if (runs == 1) throw std::runtime_error("others must still run");
  }));
  EXPECT_EQ(done.get_future().wait_for(kSoon), std::future_status::ready);
}

}  // namespace
}  // namespace parley::http
