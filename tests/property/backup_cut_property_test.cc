// A copy's cut is closed: no event inside has its cause outside, whatever the interleaving and the clocks. A seed
// reproduces a run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "domain/dialogs/dialogs.h"
#include "domain/kernel.h"
#include "ops/cli/backup/cut.h"
#include "schemas/events.h"

namespace parley::backup {
namespace {

constexpr int kRuns = 300;

Timestamp at(std::int64_t ms) { return Timestamp(std::chrono::milliseconds(ms)); }

struct Written {
  Fact fact;
  std::set<std::pair<int, std::int64_t>> causes;  // partition and offset of the events that made it possible
  std::int64_t real_time = 0;
};

/// A world in which things happen one after the other, in partitions whose clocks may be wrong.
struct World {
  World(unsigned seed, int partitions, std::int64_t skew) : random(seed), log(static_cast<std::size_t>(partitions)) {
    for (int i = 0; i < partitions; ++i)
      clocks.push_back(skew == 0 ? 0 : static_cast<std::int64_t>(random() % static_cast<unsigned>(2 * skew)) - skew);
  }

  /// A decision: one to three events of a new or an old stream, caused by some that happened before.
  void happen() {
    real_time += random() % 3;
    const int partition = static_cast<int>(random() % log.size());
    auto& there = log[static_cast<std::size_t>(partition)];
    const auto stamp = std::max(real_time + clocks[static_cast<std::size_t>(partition)],
                                there.empty() ? 0 : there.back().fact.time.time_since_epoch().count());
    const auto decision = "decision " + std::to_string(++decisions);
    std::set<std::pair<int, std::int64_t>> causes;
    std::vector<std::string> needs{decision};
    if (!streams.empty() && random() % 4 != 0) {
      const auto cause = streams[streams.size() - 1 - random() % std::min<std::size_t>(streams.size(), 5)];
      causes.insert({cause.partition, cause.offset});
      needs.push_back(cause.name);
    }
    for (auto left = 1 + random() % 3; left > 0; --left) {
      offset += 1 + static_cast<std::int64_t>(random() % 2);
      Written event{{offset, at(stamp), {decision, "event " + std::to_string(offset)}, needs}, causes, real_time};
      if (random() % 3 == 0) {
        streams.push_back({"stream " + std::to_string(offset), partition, offset});
        event.fact.gives.push_back(streams.back().name);
      }
      there.push_back(std::move(event));
    }
  }

  struct Stream {
    std::string name;
    int partition;
    std::int64_t offset;
  };
  std::mt19937 random;
  std::vector<std::vector<Written>> log;
  std::vector<std::int64_t> clocks;
  std::vector<Stream> streams;
  std::int64_t real_time = 1'000'000;
  std::int64_t offset = 0;  // one count for all: only its order within a partition matters
  int decisions = 0;
};

struct Outcome {
  std::vector<std::int64_t> ends;
  std::int64_t asked_at = 0;  // real time
  int moved = 0;
};

/// As a backup does it: the time, then the ends one after the other while the world goes on, then the ends again.
Outcome copy(World& world) {
  const int partitions = static_cast<int>(world.log.size());
  Outcome out;
  out.asked_at = world.real_time;
  Cut cut(partitions, at(world.real_time - 1));
  const auto end_of = [&](int partition) {
    const auto& there = world.log[static_cast<std::size_t>(partition)];
    return there.empty() ? 0 : there.back().fact.offset + 1;
  };
  for (int i = 0; i < partitions; ++i) {
    for (auto left = world.random() % 6; left > 0; --left) world.happen();
    cut.end_at(i, end_of(i));
  }
  for (int i = 0; i < 60; ++i) world.happen();
  for (int i = 0; i < partitions; ++i) {
    for (const auto& event : world.log[static_cast<std::size_t>(i)]) cut.pass(i, event.fact);
  }
  cut.close([&](int partition, const std::function<bool(const Fact&)>& each) {
    for (const auto& event : world.log[static_cast<std::size_t>(partition)]) {
      if (!each(event.fact)) return;
    }
  });
  out.ends = cut.ends();
  out.moved = cut.moved();
  return out;
}

/// Sentences about what is wrong with it.
std::vector<std::string> faults(const World& world, const Outcome& cut) {
  std::vector<std::string> out;
  const auto inside = [&](int partition, std::int64_t offset) {
    return offset < cut.ends[static_cast<std::size_t>(partition)];
  };
  for (int i = 0; i < static_cast<int>(world.log.size()); ++i) {
    const auto& there = world.log[static_cast<std::size_t>(i)];
    for (std::size_t n = 0; n < there.size(); ++n) {
      const auto& event = there[n];
      if (!inside(i, event.fact.offset)) continue;
      for (const auto& [partition, offset] : event.causes) {
        if (!inside(partition, offset))
          out.push_back("the cause of " + std::to_string(event.fact.offset) + " is outside");
      }
      if (n + 1 < there.size() && there[n + 1].fact.gives.front() == event.fact.gives.front() &&
          !inside(i, there[n + 1].fact.offset))
        out.push_back("a decision is torn at " + std::to_string(event.fact.offset));
    }
  }
  return out;
}

unsigned first_seed() {
  const char* given = std::getenv("PARLEY_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
}

TEST(Cut, is_closed_whatever_the_interleaving_and_the_clocks) {
  const auto seed = first_seed();
  int moved = 0;
  for (unsigned run = 0; run < kRuns; ++run) {
    World world(seed + run, 1 + static_cast<int>(run % 8), run % 3 == 0 ? 0 : 40);
    for (int i = 0; i < 200; ++i) world.happen();
    const auto cut = copy(world);
    const auto found = faults(world, cut);
    ASSERT_TRUE(found.empty()) << "PARLEY_TEST_SEED=" << seed + run << ": " << found.front();
    moved += cut.moved;
  }
  EXPECT_GT(moved, 0) << "wrong clocks must have made the closing necessary somewhere (PARLEY_TEST_SEED=" << seed
                      << ")";
}
TEST(Cut, with_right_clocks_holds_everything_that_had_happened_before_and_moves_nothing) {
  const auto seed = first_seed();
  for (unsigned run = 0; run < kRuns; ++run) {
    World world(seed + run, 1 + static_cast<int>(run % 8), 0);
    for (int i = 0; i < 200; ++i) world.happen();
    const auto cut = copy(world);
    EXPECT_EQ(cut.moved, 0) << "PARLEY_TEST_SEED=" << seed + run;
    for (std::size_t i = 0; i < world.log.size(); ++i) {
      for (const auto& event : world.log[i]) {
        if (event.real_time < cut.asked_at) {
          ASSERT_LT(event.fact.offset, cut.ends[i]) << "PARLEY_TEST_SEED=" << seed + run;
        }
      }
    }
  }
}

schema::Envelope envelope(const std::string& subject, std::int64_t sequence, const std::string& actor) {
  schema::Envelope e;
  e.id = "id";
  e.subject = subject;
  e.sequence = sequence;
  e.actor = actor;
  e.causation = "cause";
  e.time = at(5);
  return e;
}

TEST(Facts, an_event_needs_the_streams_that_its_fields_and_its_actor_name) {
  const auto encoded = schema::encode_event(
      Event{dialogs::Event{dialogs::Opened{AssistantId{2051}, AccountId{1027}, dialogs::Platform::website, {}}}});
  auto e = envelope("dialog/5", 1, "visitor/2051");
  e.type = encoded.type;
  const auto fact = fact_of(e, encoded.json, 7);
  const std::set<std::string> needs(fact.needs.begin(), fact.needs.end()), gives(fact.gives.begin(), fact.gives.end());
  EXPECT_EQ(fact.offset, 7);
  EXPECT_TRUE(needs.contains("stream assistant/2051"));
  EXPECT_TRUE(needs.contains("stream account/1027"));
  EXPECT_TRUE(needs.contains("event cause"));
  EXPECT_TRUE(gives.contains("stream dialog/5"));
  EXPECT_TRUE(gives.contains("event id"));
}
TEST(Facts, only_the_first_event_of_a_stream_gives_it) {
  const auto fact = fact_of(envelope("dialog/5", 2, "account/1027"), "{}", 0);
  EXPECT_EQ(std::ranges::count(fact.gives, "stream dialog/5"), 0);
  EXPECT_EQ(std::ranges::count(fact.needs, "stream account/1027"), 1);
}
TEST(Facts, what_a_command_led_to_days_ago_does_not_stand_or_fall_with_its_retry) {
  auto parked = envelope("dialog/5", 2, "anonymous"), retried = envelope("dialog/5", 4, "anonymous");
  retried.id = "later";
  retried.time = at(1'000'000);
  Cut cut(1, at(10));
  EXPECT_TRUE(cut.pass(0, fact_of(parked, "{}", 0)));
  EXPECT_FALSE(cut.pass(0, fact_of(retried, "{}", 9)));
  cut.close([&](int, const auto& each) { each(fact_of(parked, "{}", 0)); });
  EXPECT_TRUE(cut.holds(0, 0));
}

}  // namespace
}  // namespace parley::backup
