// What workers/runtime does without a broker.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "platform/kafka/record.h"
#include "platform/process/backoff.h"
#include "tests/unit/metrics_sample.h"
#include "workers/runtime/health_state.h"
#include "workers/runtime/log_mismatch.h"
#include "workers/runtime/partition_metrics.h"
#include "workers/runtime/standstill.h"
#include "workers/runtime/wait_for_kafka.h"

namespace parley::runtime {
namespace {

using namespace std::chrono_literals;
using health::Readiness;
using Reasons = std::vector<std::string>;

TEST(HealthState, is_ready_while_nothing_impedes_it_and_says_what_it_does) {
  HealthState health(1h);
  health.doing("deciding 2 partitions");
  EXPECT_EQ(health.verdict().readiness, Readiness::ready);
  EXPECT_EQ(health.verdict().reasons, Reasons{"deciding 2 partitions"});
}

TEST(HealthState, tells_all_that_impedes_it_until_each_is_cleared) {
  HealthState health(1h);
  health.doing("deciding 2 partitions");
  health.impede("b", {"one", "two"});
  health.impede("a", {"three"});
  EXPECT_EQ(health.verdict().readiness, Readiness::not_ready);
  EXPECT_EQ(health.verdict().reasons, (Reasons{"three", "one", "two"}));
  health.impede("b", {"four"});
  health.clear("a");
  health.clear("never there");
  EXPECT_EQ(health.verdict().reasons, Reasons{"four"});
  health.impede("b", {});
  EXPECT_EQ(health.verdict().readiness, Readiness::ready);
}

TEST(HealthState, an_impediment_is_told_after_its_grace_which_begins_once) {
  HealthState health(10h);
  health.impede("assignment", {"waiting"}, 1h);
  health.impede("assignment", {"still waiting"}, 1h);
  EXPECT_EQ(health.verdict().readiness, Readiness::ready);
  const auto later = HealthState::Clock::now() + 2h;
  EXPECT_EQ(health.verdict(later).reasons, Reasons{"still waiting"});
  health.impede("assignment", {"taking over"}, 0h);
  EXPECT_EQ(health.verdict().reasons, Reasons{"taking over"});
}

TEST(HealthState, is_degraded_beside_what_it_does_but_not_ready_is_worse) {
  HealthState health(1h);
  health.doing("deciding");
  health.degrade({"a stream is parked"});
  EXPECT_EQ(health.verdict().readiness, Readiness::degraded);
  EXPECT_EQ(health.verdict().reasons, (Reasons{"deciding", "a stream is parked"}));
  health.impede("kafka", {"away"});
  EXPECT_EQ(health.verdict().reasons, Reasons{"away"});
  health.clear("kafka");
  health.degrade({});
  EXPECT_EQ(health.verdict().readiness, Readiness::ready);
}

TEST(HealthState, a_loop_that_does_not_turn_is_not_ready_and_a_beat_shows_that_it_does) {
  HealthState health(5s);
  const auto before = health.heartbeat();
  const auto verdict = health.verdict(HealthState::Clock::now() + 12s);
  EXPECT_EQ(verdict.readiness, Readiness::not_ready);
  ASSERT_EQ(verdict.reasons.size(), 1u);
  EXPECT_TRUE(verdict.reasons[0].starts_with("the loop has not turned for 1")) << verdict.reasons[0];
  std::this_thread::sleep_for(1ms);
  health.beat();
  EXPECT_GT(health.heartbeat(), before);
  EXPECT_EQ(health.verdict().readiness, Readiness::ready);
}

TEST(HealthState, one_that_is_halted_says_why_and_nothing_else_for_good) {
  HealthState health(1s);
  health.impede("kafka", {"away"});
  health.halt(another_log("its tail is gone").what());
  health.doing("deciding");
  health.clear("kafka");
  const auto verdict = health.verdict(HealthState::Clock::now() + 1h);
  EXPECT_EQ(verdict.readiness, Readiness::not_ready);
  EXPECT_EQ(verdict.reasons, Reasons{"another log: its tail is gone"});
}

TEST(Standstill, a_partition_stands_when_it_is_behind_at_the_same_position_for_long) {
  Standstill standstill;
  const auto start = Standstill::Clock::now();
  standstill.see(0, 5, 9, start);
  standstill.see(1, 5, 9, start);
  standstill.see(2, 9, 9, start);  // has done everything
  standstill.see(0, 5, 20, start + 4s);
  standstill.see(1, 6, 20, start + 4s);  // moves
  EXPECT_EQ(standstill.standing(start + 5s, 5s), std::vector<int>{});
  EXPECT_EQ(standstill.standing(start + 6s, 5s), std::vector<int>{0});
  EXPECT_EQ(standstill.standing(start + 10s, 5s), (std::vector<int>{0, 1}));
  standstill.see(0, 20, 20, start + 6s);  // has caught up: what comes next begins anew
  standstill.see(0, 20, 21, start + 8s);
  EXPECT_EQ(standstill.standing(start + 10s, 5s), std::vector<int>{1});
  standstill.clear();
  EXPECT_EQ(standstill.standing(start + 1h, 5s), std::vector<int>{});
}

TEST(PartitionMetrics, there_are_all_partitions_from_the_start_and_what_is_not_owned_has_no_lag) {
  using metrics::sample;
  PartitionMetrics gauges({"test_owned", "Owned"}, {"test_lag", "Lag"}, 2);
  EXPECT_EQ(sample(R"(test_owned{partition="1"})"), 0);
  const std::vector<kafka::TopicPartition> both{{"t", 0}, {"t", 1}};
  gauges.own(both);
  gauges.set_lag(0, 7);
  gauges.set_lag(1, 8);
  EXPECT_EQ(sample(R"(test_owned{partition="1"})"), 1);
  EXPECT_EQ(sample(R"(test_lag{partition="1"})"), 8);
  gauges.own(std::span(both).first(1));
  EXPECT_EQ(sample(R"(test_owned{partition="0"})"), 1);
  EXPECT_EQ(sample(R"(test_lag{partition="0"})"), 7);
  EXPECT_EQ(sample(R"(test_owned{partition="1"})"), 0);
  EXPECT_EQ(sample(R"(test_lag{partition="1"})"), 0);
}

TEST(WaitForKafka, tries_until_there_is_no_trouble_or_it_is_told_to_stop) {
  HealthState health(1h);
  std::stop_source stop;
  int attempts = 0;
  EXPECT_TRUE(wait_for_kafka(stop.get_token(), health, [&]() -> std::optional<std::string> {
    if (++attempts == 3) return std::nullopt;
    return "no broker";
  }));
  EXPECT_EQ(attempts, 3);
  EXPECT_FALSE(wait_for_kafka(stop.get_token(), health, [&]() -> std::optional<std::string> {
    if (++attempts == 5) stop.request_stop();
    return "no broker";
  }));
  EXPECT_EQ(attempts, 5);
}

TEST(Backoff, doubles_up_to_its_most_and_begins_anew_after_a_success) {
  process::Backoff backoff(50ms, 300ms);
  EXPECT_EQ(backoff.next(), 50ms);
  EXPECT_EQ(backoff.next(), 100ms);
  EXPECT_EQ(backoff.next(), 200ms);
  EXPECT_EQ(backoff.next(), 300ms);
  EXPECT_EQ(backoff.next(), 300ms);
  backoff.reset();
  EXPECT_EQ(backoff.next(), 50ms);
}

TEST(HeaderViews, are_the_pairs_in_order) {
  const std::vector<std::pair<std::string_view, std::string>> pairs{{"a", "1"}, {"b", ""}};
  const auto views = kafka::header_views(pairs);
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].name, "a");
  EXPECT_EQ(views[0].value, "1");
  EXPECT_EQ(views[1].value, "");
}

}  // namespace
}  // namespace parley::runtime
