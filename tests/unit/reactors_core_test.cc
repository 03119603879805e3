// workers/reactors/runtime: what is called next, when it is tried again, and what is done about a call that may have
// been made.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "workers/reactors/runtime/attempt.h"
#include "workers/reactors/runtime/backoff.h"
#include "workers/reactors/runtime/ids.h"
#include "workers/reactors/runtime/queue.h"

namespace parley::reactors {
namespace {

using std::chrono::milliseconds;
using Next = Attempt::Next;

CallEnd done() { return {.kind = CallEnd::Kind::done, .detail = "200"}; }
CallEnd not_done() { return {.kind = CallEnd::Kind::not_done, .detail = "503"}; }
CallEnd unknown() { return {.kind = CallEnd::Kind::unknown, .detail = "no answer"}; }

constexpr Attempt::Limits kLimits{.calls_max = 3, .backoff = {milliseconds(100), milliseconds(1'000)}};

TEST(Backoff, doubles_up_to_its_maximum_and_half_of_it_is_random) {
  const Backoff backoff{milliseconds(100), milliseconds(1'000)};
  const std::vector<int> whole{100, 200, 400, 800, 1'000, 1'000};
  for (int repeat = 1; repeat <= 6; ++repeat) {
    std::set<milliseconds> pauses;
    for (std::uint64_t seed = 0; seed < 200; ++seed) pauses.insert(pause_before(repeat, backoff, seed));
    const milliseconds most(whole.at(static_cast<std::size_t>(repeat) - 1));
    EXPECT_GE(*pauses.begin(), most / 2);
    EXPECT_LE(*pauses.rbegin(), most);
    EXPECT_GT(pauses.size(), 20U);
  }
}

TEST(Backoff, is_the_same_for_the_same_seed) {
  EXPECT_EQ(pause_before(4, {}, 17), pause_before(4, {}, 17));
  EXPECT_EQ(pause_before(1'000, {}, 17) <= Backoff{}.max, true);
}

TEST(Ids, are_the_same_for_the_same_step_of_the_same_event_and_never_change) {
  // Frozen: another id would be another command, and decided a second time.
  EXPECT_EQ(id_of("mail", "event-1", Step::attempt), "9cb889ac-75c1-5b01-8661-2ea0885d38ea");
  EXPECT_EQ(id_of("mail", "event-1", Step::outcome), "62e56b38-5995-5408-8423-cb789df3f77b");
  EXPECT_EQ(id_of("mail", "event-1", Step::call), "6fd183b6-c34f-5e56-a43e-67362c8cda2c");
  EXPECT_EQ(timer_id("mail", "event-1", "reminder"), "43ab5a6b-f549-592f-9448-5568389b3659");
}

TEST(Queue, gives_one_call_of_each_stream_at_a_time_in_the_order_of_events) {
  Queue queue({.kept_max = 10, .in_flight_max = 10});
  queue.add({0, 1}, "a");
  queue.add({0, 2}, "a");
  queue.add({0, 3}, "b");
  EXPECT_EQ(queue.start(), (Place{0, 1}));
  EXPECT_EQ(queue.start(), (Place{0, 3}));
  EXPECT_EQ(queue.start(), std::nullopt);
  EXPECT_TRUE(queue.finish({0, 3}));
  EXPECT_EQ(queue.start(), std::nullopt);
  EXPECT_TRUE(queue.finish({0, 1}));
  EXPECT_FALSE(queue.finish({0, 1}));
  EXPECT_EQ(queue.start(), (Place{0, 2}));
  EXPECT_EQ(queue.in_flight(), 1U);
}

TEST(Queue, keeps_its_bounds) {
  Queue queue({.kept_max = 3, .in_flight_max = 2});
  for (int i = 0; i < 3; ++i) queue.add({0, i}, std::to_string(i));
  EXPECT_EQ(queue.room(), 0U);
  EXPECT_TRUE(queue.start());
  EXPECT_TRUE(queue.start());
  EXPECT_FALSE(queue.start());
  EXPECT_TRUE(queue.finish({0, 0}));
  EXPECT_EQ(queue.room(), 1U);
  EXPECT_EQ(queue.start(), (Place{0, 2}));
}

TEST(Queue, forgets_a_call_that_was_finished_elsewhere_before_it_began) {
  Queue queue({.kept_max = 3, .in_flight_max = 3});
  queue.add({0, 1}, "a");
  queue.add({0, 2}, "a");
  queue.add({0, 3}, "a");
  EXPECT_TRUE(queue.finish({0, 1}));
  EXPECT_EQ(queue.start(), (Place{0, 2}));
  EXPECT_TRUE(queue.finish({0, 3}));
  EXPECT_EQ(queue.kept(), 1U);
  EXPECT_TRUE(queue.finish({0, 2}));
  EXPECT_EQ(queue.kept(), 0U);
  EXPECT_EQ(queue.in_flight(), 0U);
}

TEST(Queue, never_has_two_of_a_stream_in_flight_and_never_changes_their_order_whatever_ends_first) {
  std::mt19937_64 random(7);
  Queue queue({.kept_max = 500, .in_flight_max = 8});
  std::map<std::string, std::int64_t> last;
  std::map<Place, std::string> stream_of, flying;
  std::set<std::string> busy;
  std::int64_t offset = 0;
  std::size_t seen = 0;
  while (seen < 5'000) {
    while (queue.room() > 0 && random() % 3 != 0) {
      const auto stream = std::to_string(random() % 20);
      stream_of[{0, offset}] = stream;
      queue.add({0, offset++}, stream);
    }
    if (const auto place = queue.start()) {
      const auto& stream = stream_of.at(*place);
      ASSERT_TRUE(busy.insert(stream).second);
      ASSERT_TRUE(!last.contains(stream) || last[stream] < place->offset);
      last[stream] = place->offset;
      flying.emplace(*place, stream);
      ASSERT_LE(flying.size(), 8U);
      ++seen;
    }
    if (!flying.empty() && random() % 2 == 0) {
      auto one = std::next(flying.begin(), static_cast<std::ptrdiff_t>(random() % flying.size()));
      ASSERT_TRUE(queue.finish(one->first));
      busy.erase(one->second);
      flying.erase(one);
    }
  }
}

TEST(Attempt, is_recorded_then_called_then_its_outcome_is_recorded) {
  Attempt one(OnUnknown::give_up, kLimits, 1);
  EXPECT_EQ(one.begin(true, false, false), Next::record_attempt);
  EXPECT_EQ(one.decided(Decision::first), Next::call);
  EXPECT_EQ(one.ended(done()), Next::record_outcome);
  EXPECT_EQ(one.result().kind, Result::Kind::done);
  EXPECT_EQ(one.result().detail, "200");
}

TEST(Attempt, that_is_refused_is_never_called) {
  Attempt one(OnUnknown::repeat, kLimits, 1);
  one.begin(true, false, false);
  EXPECT_EQ(one.decided(Decision::refused), Next::nothing);
}

TEST(Attempt, that_was_begun_before_is_called_again_asked_for_or_given_up) {
  const auto after_restart = [](OnUnknown policy) {
    Attempt one(policy, kLimits, 1);
    return one.begin(true, true, false);
  };
  EXPECT_EQ(after_restart(OnUnknown::repeat), Next::call);
  EXPECT_EQ(after_restart(OnUnknown::ask), Next::ask);
  EXPECT_EQ(after_restart(OnUnknown::give_up), Next::record_outcome);
  Attempt by_reply(OnUnknown::give_up, kLimits, 1);
  by_reply.begin(true, false, false);
  EXPECT_EQ(by_reply.decided(Decision::earlier), Next::record_outcome);
  EXPECT_EQ(by_reply.result().kind, Result::Kind::unknown);
}

TEST(Attempt, of_a_restored_event_may_have_been_made_by_the_log_that_was_lost) {
  Attempt one(OnUnknown::ask, kLimits, 1);
  EXPECT_EQ(one.begin(true, false, true), Next::record_attempt);
  EXPECT_EQ(one.decided(Decision::first), Next::ask);
}

TEST(Attempt, is_tried_again_after_pauses_as_often_as_allowed_and_then_it_has_failed) {
  Attempt one(OnUnknown::give_up, kLimits, 1);
  one.begin(true, false, false);
  one.decided(Decision::first);
  for (int i = 1; i < kLimits.calls_max; ++i) {
    ASSERT_EQ(one.ended(not_done()), Next::pause);
    EXPECT_EQ(one.pause(), pause_before(i, kLimits.backoff, 1));
    ASSERT_EQ(one.waited(), Next::call);
  }
  EXPECT_EQ(one.ended(not_done()), Next::record_outcome);
  EXPECT_EQ(one.result().kind, Result::Kind::failed);
}

TEST(Attempt, waits_as_long_as_the_outside_says_unless_that_is_too_long) {
  Attempt one(OnUnknown::give_up, kLimits, 1);
  one.begin(true, false, false);
  one.decided(Decision::first);
  auto busy = not_done();
  busy.retry_after = milliseconds(900);
  EXPECT_EQ(one.ended(busy), Next::pause);
  EXPECT_EQ(one.pause(), milliseconds(900));
  busy.retry_after = milliseconds(60'000);
  EXPECT_EQ(one.ended(busy), Next::record_outcome);
  EXPECT_EQ(one.result().kind, Result::Kind::failed);
  EXPECT_EQ(one.result().retry_after, milliseconds(60'000));
}

TEST(Attempt, without_an_answer_is_unknown_also_when_a_repetition_surely_did_nothing) {
  Attempt one(OnUnknown::repeat, kLimits, 1);
  one.begin(true, false, false);
  one.decided(Decision::first);
  EXPECT_EQ(one.ended(unknown()), Next::pause);
  EXPECT_EQ(one.waited(), Next::call);
  EXPECT_EQ(one.ended(not_done()), Next::pause);
  EXPECT_EQ(one.ended(not_done()), Next::record_outcome);
  EXPECT_EQ(one.result().kind, Result::Kind::unknown);
}

TEST(Attempt, without_an_answer_is_asked_for_until_the_outside_says_whether_it_knows_it) {
  Attempt one(OnUnknown::ask, kLimits, 1);
  one.begin(true, false, false);
  one.decided(Decision::first);
  EXPECT_EQ(one.ended(unknown()), Next::pause);
  EXPECT_EQ(one.waited(), Next::ask);
  EXPECT_EQ(one.ended(unknown()), Next::pause);
  EXPECT_EQ(one.waited(), Next::ask);
  EXPECT_EQ(one.ended(not_done()), Next::call);
  EXPECT_EQ(one.ended(done()), Next::record_outcome);
  EXPECT_EQ(one.result().kind, Result::Kind::done);
}

TEST(Attempt, whose_question_is_never_answered_is_unknown) {
  Attempt one(OnUnknown::ask, kLimits, 1);
  EXPECT_EQ(one.begin(true, true, false), Next::ask);
  EXPECT_EQ(one.ended(unknown()), Next::pause);
  EXPECT_EQ(one.ended(unknown()), Next::pause);
  EXPECT_EQ(one.ended(unknown()), Next::record_outcome);
  EXPECT_EQ(one.result().kind, Result::Kind::unknown);
}

}  // namespace
}  // namespace parley::reactors
