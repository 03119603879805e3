// How often somebody may ask, with a clock of the test's own.
#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <latch>
#include <map>
#include <random>
#include <thread>

#include "api/limits/limiter.h"
#include "api/limits/memory_store.h"

namespace parley::limits {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Limit kLogin{"login", {5, 300s}, "logins"};
constexpr Limit kGeneral{"general", {100, 60s}, "requests"};
constexpr std::array<const Limit*, 2> kDeclared{&kLogin, &kGeneral};
enum : std::size_t { login, general };

std::vector<Setting> declared() { return settings(kDeclared, Profile::public_, {}).value(); }
Rate rate_of(const std::vector<std::string>& changes, std::size_t limit = login, Profile profile = Profile::public_) {
  return settings(kDeclared, profile, changes).value().at(limit).rate;
}
std::string refused(const std::string& change) {
  const auto result = settings(kDeclared, Profile::public_, {{change}});
  return result ? "" : result.error();
}

TEST(Settings, are_the_declared_ones_or_those_of_a_machine_of_ones_own) {
  EXPECT_EQ(rate_of({}), (Rate{5, 300s}));
  EXPECT_EQ(rate_of({}, login, Profile::local), kLocalRate);
  EXPECT_EQ(rate_of({}, general, Profile::local), kLocalRate);
}
TEST(Settings, are_changed_one_by_one_and_the_last_word_counts) {
  EXPECT_EQ(rate_of({"login=3/60"}), (Rate{3, 60s}));
  EXPECT_EQ(rate_of({"login=3/60"}, general), (Rate{100, 60s}));
  EXPECT_EQ(rate_of({"login=3/60", "general=7/1", "login=4/60"}), (Rate{4, 60s}));
  EXPECT_EQ(rate_of({"login=3/60"}, login, Profile::local), (Rate{3, 60s}));
  EXPECT_EQ(rate_of({"login=1000000/86400"}), (Rate{1'000'000, 86'400s}));
}
TEST(Settings, refuse_an_unknown_name_and_say_which_there_are) {
  EXPECT_THAT(refused("logins=5/300"), HasSubstr("no limit logins: the limits are login, general"));
  EXPECT_THAT(refused("=5/300"), HasSubstr("login, general"));
  EXPECT_THAT(refused(""), HasSubstr("login, general"));
}
TEST(Settings, refuse_what_is_no_rate_and_say_how_one_is_written) {
  for (const char* change : {"login", "login=", "login=5", "login=5/", "login=/300", "login=0/300", "login=5/0",
                             "login=-5/300", "login=5/300s", "login=+5/300", "login= 5/300", "login=5/86401",
                             "login=1000001/60", "login=5.5/60", "login=99999999999/60", "login=5/300/1"})
    EXPECT_THAT(refused(change), HasSubstr("login=5/300")) << change;
}

class Store : public testing::Test {
 protected:
  Standing take(std::string_view who = "somebody", std::size_t limit = login) { return store_.take(limit, who, now_); }
  /// How many of so many requests are let through.
  int let_through(int requests, std::string_view who = "somebody", std::size_t limit = login) {
    int through = 0;
    for (int i = 0; i < requests; ++i) through += take(who, limit).allowed ? 1 : 0;
    return through;
  }
  MemoryStore store_{declared()};
  std::chrono::milliseconds now_{1'000'000};
};

TEST_F(Store, lets_the_limit_through_and_then_nothing) {
  for (std::uint32_t left = 5; left-- > 0;) {
    const auto standing = take();
    EXPECT_TRUE(standing.allowed);
    EXPECT_EQ(standing.limit, 5U);
    EXPECT_EQ(standing.remaining, left);
  }
  const auto sixth = take();
  EXPECT_FALSE(sixth.allowed);
  EXPECT_EQ(sixth.remaining, 0U);
  EXPECT_EQ(sixth.more_in, 300s);
}
TEST_F(Store, lets_through_again_what_is_a_period_ago_and_says_when) {
  EXPECT_EQ(let_through(1), 1);
  now_ += 100s;
  EXPECT_EQ(let_through(10), 4);
  EXPECT_EQ(take().more_in, 200s);
  now_ += 200s - 1ms;
  EXPECT_EQ(take().more_in, 1ms);
  now_ += 1ms;
  const auto again = take();
  EXPECT_TRUE(again.allowed);
  EXPECT_EQ(again.remaining, 0U);
  EXPECT_EQ(again.more_in, 100s);
  EXPECT_EQ(let_through(10), 0);
}
TEST_F(Store, does_not_count_what_it_refuses) {
  EXPECT_EQ(let_through(1'000), 5);
  now_ += 300s;
  EXPECT_EQ(let_through(1'000), 5);
}
TEST_F(Store, lets_nobody_have_twice_the_limit_at_the_edge_of_a_period) {
  now_ = 300'000ms - 1ms;
  EXPECT_EQ(let_through(10), 5);
  now_ = 300'000ms;
  EXPECT_EQ(let_through(10), 0);
  now_ = 450'000ms;
  EXPECT_EQ(let_through(10), 0);
}
TEST_F(Store, counts_each_caller_and_each_limit_for_itself) {
  EXPECT_EQ(let_through(10, "one"), 5);
  EXPECT_EQ(let_through(10, "another"), 5);
  EXPECT_EQ(let_through(200, "one", general), 100);
  EXPECT_EQ(let_through(10, "one"), 0);
}

/// Against the definition: the last `period`, written out.
TEST_F(Store, never_lets_more_through_in_any_period_and_as_a_rule_not_less) {
  std::mt19937 random(7);
  for (const std::size_t limit : {login, general}) {
    const auto rate = declared().at(limit).rate;
    const auto period_ms = std::chrono::milliseconds(rate.period).count();
    std::deque<std::int64_t> window;
    std::int64_t refused_too_early = 0, asked = 0;
    for (int i = 0; i < 200'000; ++i) {
      // About twice the limit, in bursts and pauses.
      const auto mean_ms = static_cast<double>(period_ms) / rate.requests / 2;
      now_ += std::chrono::milliseconds(
          random() % 50 == 0 ? period_ms / 2
                             : static_cast<std::int64_t>(std::exponential_distribution(1 / mean_ms)(random)));
      while (!window.empty() && window.front() + period_ms <= now_.count()) window.pop_front();
      const auto standing = take("somebody", limit);
      ++asked;
      if (standing.allowed) window.push_back(now_.count());
      ASSERT_LE(window.size(), rate.requests) << "at " << now_.count();
      ASSERT_GT(standing.more_in, 0ms);
      ASSERT_LE(standing.more_in, rate.period);
      if (!standing.allowed && window.size() < rate.requests) ++refused_too_early;
    }
    EXPECT_LE(refused_too_early, limit == login ? 0 : asked / 10) << "so few as logins are counted exactly";
  }
}
TEST_F(Store, lets_through_when_it_said_that_it_would) {
  for (const std::size_t limit : {login, general}) {
    for (int i = 0; i < 1'000; ++i) {
      now_ += 137ms;
      const auto standing = take("somebody", limit);
      if (standing.allowed) continue;
      now_ += standing.more_in - 1ms;
      EXPECT_FALSE(take("somebody", limit).allowed);
      now_ += 1ms;
      EXPECT_TRUE(take("somebody", limit).allowed);
    }
  }
}
TEST_F(Store, forgives_a_clock_that_another_thread_read_a_moment_earlier) {
  EXPECT_TRUE(take().allowed);
  now_ -= 5ms;
  EXPECT_TRUE(take().allowed);
  EXPECT_EQ(let_through(10), 3);
}

TEST_F(Store, that_is_full_refuses_nobody_and_forgets_nobody_who_is_at_his_limit) {
  constexpr std::size_t kPlaces = 1'024;
  MemoryStore small(declared(), kPlaces);
  // Few enough that no set is full of them.
  std::vector<std::string> at_limit;
  for (int i = 0; i < 20; ++i) at_limit.push_back("at-limit-" + std::to_string(i));
  for (const auto& who : at_limit) {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(small.take(login, who, now_).allowed);
  }
  for (std::size_t i = 0; i < 100 * kPlaces; ++i) {
    now_ += i % 1'000 == 0 ? 1ms : 0ms;
    ASSERT_TRUE(small.take(login, "new-" + std::to_string(i), now_).allowed) << i;
  }
  for (const auto& who : at_limit) EXPECT_FALSE(small.take(login, who, now_).allowed) << who;
  // And full of those: the newcomer still gets a place.
  for (std::size_t i = 0; i < 10 * kPlaces; ++i) {
    for (int times = 0; times < 5; ++times) ASSERT_TRUE(small.take(login, "greedy-" + std::to_string(i), now_).allowed);
  }
  EXPECT_THAT(metrics::text(), HasSubstr(R"(parley_http_rate_limit_displaced_total{limit="login"})"));
}
TEST_F(Store, has_place_for_as_many_callers_as_it_says) {
  constexpr std::size_t kPlaces = 4'096;
  MemoryStore store(declared(), kPlaces);
  constexpr int kCallers =
      kPlaces / 8;  // where the hash fills a set of eight before the others, one in some thousands goes
  for (int i = 0; i < kCallers; ++i) store.take(login, std::to_string(i), now_);
  int remembered = 0;
  for (int i = 0; i < kCallers; ++i) remembered += store.take(login, std::to_string(i), now_).remaining == 3 ? 1 : 0;
  EXPECT_GE(remembered, kCallers - 2);
}

TEST(Threads, together_get_the_limit_and_no_more) {
  constexpr int kThreads = 4, kEach = 100'000;
  const std::vector<Setting> one{{&kGeneral, {kThreads * kEach / 2, 3'600s}}};
  MemoryStore store(one);
  std::atomic<int> through = 0;
  std::latch together(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        together.arrive_and_wait();
        for (int n = 0; n < kEach; ++n) through += store.take(0, "somebody", steady_now()).allowed ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(through, kThreads * kEach / 2);
}

TEST(Limiter, knows_the_limits_that_are_set_and_counts_refusals_by_their_name) {
  std::chrono::milliseconds now{0};
  Limiter limiter(settings(kDeclared, Profile::public_, {{"login=1/10"}}).value(),
                  std::make_unique<MemoryStore>(std::vector<Setting>{{&kLogin, {1, 10s}}, {&kGeneral, {100, 60s}}}),
                  [&] { return now; });
  EXPECT_THAT(metrics::text(), HasSubstr("parley_http_rate_limited_total{limit=\"login\"} 0\n"));
  EXPECT_TRUE(limiter.take(kLogin, "somebody").allowed);
  EXPECT_FALSE(limiter.take(kLogin, "somebody").allowed);
  EXPECT_THAT(metrics::text(), HasSubstr("parley_http_rate_limited_total{limit=\"login\"} 1\n"));
  now += 10s;
  EXPECT_TRUE(limiter.take(kLogin, "somebody").allowed);

  constexpr Limit kOther{"other", {1, 1s}, "others"};
  EXPECT_TRUE(limiter.knows(kGeneral));
  EXPECT_FALSE(limiter.knows(kOther));
  EXPECT_THROW(limiter.take(kOther, "somebody"), std::invalid_argument);
}

}  // namespace
}  // namespace parley::limits
