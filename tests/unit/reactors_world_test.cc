// workers/reactors/runtime: calls and timers through deaths of the process at every step, against an outside with
// faults. The log, the decider and the outside are simulated; the store is real.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <ranges>
#include <set>
#include <string>
#include <vector>

#include "domain/claims/claims.h"
#include "domain/effects/effects.h"
#include "schemas/events.h"
#include "workers/reactors/runtime/ids.h"
#include "workers/reactors/runtime/performer.h"
#include "workers/reactors/runtime/state.h"

namespace parley::reactors {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kPartitionsMax = 2;
constexpr Timestamp kStart{std::chrono::milliseconds{1'763'720'220'123}};
constexpr const char* kEffect = "effect";
constexpr const char* kTimer = "timer";

/// The process has died.
struct Killed {};

/// A reactor that reads claims: a reservation with the index "effect" asks for a call; one with the index "timer" sets
/// the timer that its key names, to the milliseconds that its process id says; a release cancels it.
class TestReactor final : public Reactor {
 public:
  std::string_view name() const override { return "test"; }
  int fold_version() const override { return version; }
  bool wants_call(const Cause& cause) const override {
    const auto* reserved = cause.event.alternative<claims::Reserved>();
    return reserved != nullptr && reserved->index == kEffect;
  }
  std::vector<TimerFact> timers_of(const Cause& cause) const override {
    if (const auto* set = cause.event.alternative<claims::Reserved>(); set != nullptr && set->index == kTimer)
      return {{set->key, kStart + milliseconds(std::stoll(set->process_id))}};
    if (const auto* gone = cause.event.alternative<claims::Released>(); gone != nullptr && gone->index == kTimer)
      return {{gone->key, std::nullopt}};
    return {};
  }
  Command when_due(const Timer& timer) const override {
    return claims::Command{claims::Confirm{"fired " + timer.name}};
  }
  OnUnknown on_unknown() const override { return policy; }
  std::optional<Command> attempt(const Cause& cause) const override {
    if (!records_attempts) return std::nullopt;
    return claims::Command{claims::Confirm{"attempt " + cause.envelope.id}};
  }
  Command outcome(const Cause& cause, const Result& result) const override {
    return claims::Command{
        claims::Release{std::to_string(static_cast<int>(result.kind)), cause.envelope.id, result.detail}};
  }
  void call(const Cause& cause, const std::string& key, const Done& done) override { on_call(cause, key, done); }
  void ask(const Cause& cause, const std::string& key, const Done& done) override { on_ask(cause, key, done); }

  OnUnknown policy = OnUnknown::repeat;
  bool records_attempts = true;
  int version = 1;
  std::function<void(const Cause&, const std::string&, const Done&)> on_call, on_ask;
};

/// A log, a decider that remembers what it decided, an outside, and one reactor's process that may die at any step.
class World final : public Commands {
 public:
  explicit World(std::uint64_t seed = 1) : random_(seed) {
    std::string name = (std::filesystem::temp_directory_path() / "parley-reactors-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    reactor.on_call = [this](const Cause& cause, const std::string& key, const Reactor::Done& done) {
      called(cause, key, done);
    };
    reactor.on_ask = [this](const Cause&, const std::string& key, const Reactor::Done& done) {
      step();
      if (chance(4)) return done({.kind = CallEnd::Kind::unknown, .detail = {}});
      done({.kind = done_outside.contains(key) ? CallEnd::Kind::done : CallEnd::Kind::not_done, .detail = "asked"});
    };
  }
  ~World() override { std::filesystem::remove_all(folder_); }

  /// Of a stream that is known by its number.
  static Stream stream(std::int64_t number) { return {Kind::claim, (1'000 + number) * kSlots + number * 37 % kSlots}; }
  void append(const Stream& stream, const Event& event, const std::string& causation = "somebody",
              std::int64_t command_offset = 1) {
    schema::Envelope e;
    e.id = "event-" + std::to_string(++events_);
    e.source = "/parley/test";
    auto encoded = schema::encode_event(event);
    e.type = encoded.type;
    e.subject = to_string(stream);
    e.time = wall;
    e.sequence = ++versions_[e.subject];
    e.correlation = "correlation-" + e.id;
    e.causation = causation;
    e.actor = "reactor";
    e.command_offset = command_offset;
    e.hash = std::string(64, '0');
    log[static_cast<std::size_t>(partition_of(slot_of(stream.id), partitions))].push_back(
        {std::move(e), event, std::move(encoded.json)});
  }
  void ask_for_effect(std::int64_t stream_number, std::int64_t command_offset = 1) {
    append(stream(stream_number), reserved(kEffect, "k", "p"), "somebody", command_offset);
  }
  void set_timer(std::int64_t stream_number, const std::string& name, milliseconds after) {
    append(stream(stream_number), reserved(kTimer, name, std::to_string(after.count())));
  }
  void switch_effects_on(int partition, std::int64_t command_offset = 1) {
    append({Kind::effects, effects::stream_of(partition, partitions)},
           effects::Event{effects::SwitchedOn{"log", "looked"}}, "operator", command_offset);
  }
  static claims::Event reserved(const std::string& index, const std::string& key, const std::string& process) {
    return claims::Reserved{index, key, process, 1, 1};
  }

  /// The process lives until there is nothing left to do, or until it dies; then it is started again.
  void run() {
    for (bool ended = false; !ended;) {
      try {
        live();
        ended = true;
      } catch (const Killed&) {
        ++deaths;
        commands_.clear();
        decided_.clear();
        if (chance(3)) lose_store();
      }
    }
  }
  /// Like run(), but for so many turns.
  void run_for(int turns) {
    turns_left_ = turns;
    run();
    turns_left_ = std::nullopt;
  }
  void lose_store() {
    for (int i = 0; i < partitions; ++i) ASSERT_TRUE(store::Store::destroy(path(i)));
  }

  std::vector<std::string> events_of(const Stream& stream) const {
    std::vector<std::string> out;
    for (const auto& partition : log) {
      for (const auto& one : partition) {
        if (one.envelope.subject == to_string(stream)) out.push_back(one.envelope.id);
      }
    }
    return out;
  }
  struct Logged {
    schema::Envelope envelope;
    Event event;
    std::string value;
  };

  // What a test sets.
  int partitions = kPartitionsMax;
  TestReactor reactor;
  Performer::Options options{.queue = {.kept_max = 50, .in_flight_max = 8},
                             .attempt = {.calls_max = 100, .backoff = {milliseconds(100), milliseconds(1'000)}},
                             .timers_in_flight_max = 100};
  std::optional<int> kill_at;              ///< At that step, once.
  int kill_one_in = 0;                     ///< At each step, with that chance.
  bool has_faults = false;                 ///< Of the outside, and lost replies.
  std::set<std::string> refused_attempts;  ///< By the stream.
  std::map<int, std::int64_t> begin;       ///< Of a new state; 0 if absent.

  // What it sees.
  std::array<std::vector<Logged>, kPartitionsMax> log;
  Timestamp wall = kStart;
  int steps = 0, deaths = 0;
  std::map<std::string, int> calls;                       ///< By idempotency key.
  std::map<std::string, std::string> key_of;              ///< By event id.
  std::set<std::string> done_outside;                     ///< Keys.
  std::map<std::string, std::vector<std::string>> order;  ///< The events of which a call was made, by stream.
  std::map<std::string, std::int64_t> oldest;             ///< unfinished, at the end of the last life, by partition
  std::map<std::string, int> decided_commands;            ///< How many commands of one id led to events.

  std::string path(int partition) const { return folder_ + "/" + std::to_string(partition); }

 private:
  bool chance(int one_in) { return random_() % static_cast<std::uint64_t>(one_in) == 0; }
  void step() {
    ++steps;
    if (kill_at && steps == *kill_at) throw Killed{};
    if (kill_one_in > 0 && chance(kill_one_in)) throw Killed{};
  }

  void send(schema::CommandEnvelope envelope, Command command) override {
    step();
    const auto id = envelope.command_id;
    commands_.emplace(id, std::pair{std::move(envelope), std::move(command)});
  }
  void forget(const std::string& command_id) override { commands_.erase(command_id); }

  void called(const Cause& cause, const std::string& key, const Reactor::Done& done) {
    step();
    ++calls[key];
    const auto known = key_of.emplace(cause.envelope.id, key).first->second;
    ASSERT_EQ(known, key);
    auto& of_stream = order[cause.envelope.subject];
    if (of_stream.empty() || of_stream.back() != cause.envelope.id) of_stream.push_back(cause.envelope.id);
    if (has_faults && chance(4)) return done({.kind = CallEnd::Kind::not_done, .detail = "503"});
    const bool is_answered = !has_faults || !chance(4);
    if (is_answered || chance(2)) done_outside.insert(key);
    step();
    done({.kind = is_answered ? CallEnd::Kind::done : CallEnd::Kind::unknown, .detail = "200"});
  }

  /// As a decider: each command once, for ever.
  void decide() {
    for (const auto& [id, one] : commands_) {
      const auto& [envelope, command] = one;
      step();
      auto decision = Decision::earlier;
      if (!remembered_.contains(id)) {
        decision = Decision::first;
        const auto stream = std::get<Stream>(envelope.target);
        const auto* claim = command.get_if<claims::Command>();
        const auto* confirm = std::get_if<claims::Confirm>(claim);
        if (confirm != nullptr && confirm->process_id.starts_with("attempt") &&
            refused_attempts.contains(to_string(stream))) {
          decision = Decision::refused;
        } else if (confirm != nullptr) {
          append(stream, claims::Event{claims::Confirmed{confirm->process_id}}, id);
        } else {
          const auto& release = std::get<claims::Release>(*claim);
          append(stream, claims::Event{claims::Released{release.index, release.key, release.process_id}}, id);
        }
        remembered_.emplace(id, decision);
      } else if (remembered_.at(id) == Decision::refused) {
        decision = Decision::refused;
      }
      step();
      if (!has_faults || !chance(4)) decided_.emplace_back(id, decision);  // or the reply is lost
    }
  }

  void live() {
    const store::Memory memory{store::Memory::Budget{}};
    std::map<int, State> states;
    for (int i = 0; i < partitions; ++i) {
      auto state = State::open(path(i), memory, "log", reactor, begin[i]);
      ASSERT_TRUE(state) << state.error();
      states.emplace(i, std::move(*state));
    }
    fold(states, 1'000'000);
    Performer performer(reactor, *this, options);
    performer.take_over(&states);
    while (!turns_left_ || (*turns_left_)-- > 0) {
      wall += milliseconds(250);
      steady_ += milliseconds(250);
      const Performer::Now now{wall, steady_};
      fold(states, chance(3) ? 3 : 1'000);
      performer.turn(now);
      step();
      decide();
      for (const auto& [id, decision] : std::exchange(decided_, {})) performer.decided(id, decision, now);
      step();
      if (!turns_left_ && is_finished(states, performer)) break;
    }
    for (auto& [partition, state] : states) {
      unfinished[partition] = state.oldest_unfinished();
      oldest_time[partition] = state.oldest_time();
      left[partition] = {state.calls(), state.timers()};
    }
  }
  void fold(std::map<int, State>& states, std::size_t count) {
    for (auto& [partition, state] : states) {
      const auto& records = log[static_cast<std::size_t>(partition)];
      const auto first = static_cast<std::size_t>(state.next());
      for (auto i = first; i < records.size() && i < first + count; ++i) {
        state.fold(static_cast<std::int64_t>(i), records[i].envelope, records[i].event, records[i].value);
      }
      if (first < records.size()) step();
    }
  }
  bool is_finished(std::map<int, State>& states, const Performer& performer) {
    if (performer.in_flight() > 0) return false;
    for (auto& [partition, state] : states) {
      if (state.next() < static_cast<std::int64_t>(log[static_cast<std::size_t>(partition)].size())) return false;
      if (!state.are_effects_on()) continue;
      if (state.oldest_unfinished() < state.next()) return false;
      if (!state.due(Timestamp::max() - seconds(1), 1).empty()) return false;
    }
    return true;
  }

 public:
  // By partition, at the end of the last life.
  std::map<int, std::int64_t> unfinished;
  std::map<int, std::optional<Timestamp>> oldest_time;
  std::map<int, std::pair<std::size_t, std::size_t>> left;  ///< Calls and timers.

 private:
  std::string folder_;
  std::mt19937_64 random_;
  std::chrono::steady_clock::time_point steady_;
  std::optional<int> turns_left_;
  std::int64_t events_ = 0;
  std::map<std::string, std::int64_t> versions_;
  std::map<std::string, Decision> remembered_;
  std::map<std::string, std::pair<schema::CommandEnvelope, Command>> commands_;
  std::vector<std::pair<std::string, Decision>> decided_;
};

/// Of each event that asked for a call: how many outcomes stand in the log.
std::map<std::string, int> outcomes(const World& world) {
  std::map<std::string, int> out;
  for (const auto& partition : world.log) {
    for (const auto& one : partition) {
      const auto* asked = one.event.alternative<claims::Reserved>();
      if (asked != nullptr && asked->index == kEffect) out.try_emplace(one.envelope.id, 0);
    }
    for (const auto& one : partition) {
      const auto* released = one.event.alternative<claims::Released>();
      if (released != nullptr && released->index != kTimer) ++out.at(released->key);
    }
  }
  return out;
}
/// By timer: how often it was fired.
std::map<std::string, int> fired(const World& world) {
  std::map<std::string, int> out;
  for (const auto& partition : world.log) {
    for (const auto& one : partition) {
      const auto* confirmed = one.event.alternative<claims::Confirmed>();
      if (confirmed != nullptr && confirmed->process_id.starts_with("fired")) ++out[confirmed->process_id.substr(6)];
    }
  }
  return out;
}

void expect_each_outcome_once(const World& world) {
  for (const auto& [event, count] : outcomes(world)) EXPECT_EQ(count, 1) << event;
  for (const auto& [event, key] : world.key_of) EXPECT_EQ(key, id_of("test", event, Step::call));
  for (const auto& [stream, order] : world.order)
    EXPECT_TRUE(std::ranges::is_sorted(order, {}, [](const auto& id) { return std::stoi(id.substr(6)); })) << stream;
}

TEST(Calls, are_made_once_each_and_in_order_when_nothing_fails) {
  World world;
  for (int i = 0; i < 300; ++i) world.ask_for_effect(i % 40);
  world.run();
  expect_each_outcome_once(world);
  EXPECT_EQ(world.calls.size(), 300U);
  for (const auto& [key, count] : world.calls) EXPECT_EQ(count, 1);
  EXPECT_EQ(world.deaths, 0);
}

class DeathAtEachStep : public ::testing::TestWithParam<std::tuple<OnUnknown, bool>> {};
TEST_P(DeathAtEachStep, loses_no_call_and_records_each_outcome_once) {
  const auto [policy, records] = GetParam();
  const auto prepare = [&](World& world) {
    world.reactor.policy = policy;
    world.reactor.records_attempts = records;
    world.partitions = 1;
    for (int i = 0; i < 3; ++i) world.ask_for_effect(i % 2);
  };
  World whole;
  prepare(whole);
  whole.run();
  ASSERT_GT(whole.steps, 20);
  for (int at = 1; at <= whole.steps; ++at) {
    World world(static_cast<std::uint64_t>(at));
    prepare(world);
    world.kill_at = at;
    world.run();
    ASSERT_EQ(world.deaths, 1);
    expect_each_outcome_once(world);
    for (const auto& [event, count] : outcomes(world)) {
      const auto key = id_of("test", event, Step::call);
      const auto made = world.calls.contains(key) ? world.calls.at(key) : 0;
      EXPECT_TRUE(policy != OnUnknown::repeat || made >= 1) << event;
      EXPECT_TRUE(policy != OnUnknown::give_up || made <= 1) << event;
      EXPECT_TRUE(policy != OnUnknown::ask || world.done_outside.contains(key)) << event;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(OfEachKind, DeathAtEachStep,
                         ::testing::Values(std::tuple{OnUnknown::repeat, true}, std::tuple{OnUnknown::repeat, false},
                                           std::tuple{OnUnknown::ask, true}, std::tuple{OnUnknown::give_up, true}));

TEST(Calls, lose_nothing_with_faults_outside_lost_replies_and_many_deaths) {
  for (const auto policy : {OnUnknown::repeat, OnUnknown::ask, OnUnknown::give_up}) {
    World world(static_cast<std::uint64_t>(policy) + 11);
    world.reactor.policy = policy;
    world.has_faults = true;
    world.kill_one_in = 500;
    for (int i = 0; i < 200; ++i) world.ask_for_effect(i % 25);
    world.run();
    EXPECT_GT(world.deaths, 3);
    expect_each_outcome_once(world);
    EXPECT_TRUE(policy == OnUnknown::give_up || world.done_outside.size() == 200U);
  }
}

TEST(Calls, are_not_made_when_their_attempt_is_refused) {
  World world;
  world.refused_attempts.insert(to_string(World::stream(1)));
  for (int i = 0; i < 6; ++i) world.ask_for_effect(i % 2);
  world.run();
  EXPECT_EQ(world.calls.size(), 3U);
  for (const auto& [partition, oldest] : world.unfinished)
    EXPECT_EQ(oldest, static_cast<std::int64_t>(world.log.at(static_cast<std::size_t>(partition)).size()));
}

TEST(Calls, of_a_new_reactor_begin_where_it_begins) {
  World world;
  for (int i = 0; i < 20; ++i) world.ask_for_effect(i);
  for (int i = 0; i < world.partitions; ++i)
    world.begin[i] = static_cast<std::int64_t>(world.log.at(static_cast<std::size_t>(i)).size());
  world.run();
  EXPECT_TRUE(world.calls.empty());
  for (int i = 0; i < 7; ++i) world.ask_for_effect(i);
  world.run();
  EXPECT_EQ(world.calls.size(), 7U);
}

TEST(Calls, that_wait_hold_the_position_that_is_kept_for_a_lost_store) {
  World world;
  world.reactor.on_call = [](const Cause&, const std::string&, const Reactor::Done&) {};  // no end
  world.ask_for_effect(1);
  const auto partition = partition_of(slot_of(World::stream(1).id), world.partitions);
  world.ask_for_effect(1);
  world.run_for(5);
  EXPECT_EQ(world.unfinished.at(partition), 0);
}

TEST(Calls, of_a_restored_log_are_not_made_while_its_effects_are_off) {
  World world;
  world.ask_for_effect(1, schema::kBeforeEveryCommand);
  world.ask_for_effect(1);
  world.set_timer(1, "t", seconds(1));
  world.run_for(40);
  EXPECT_TRUE(world.calls.empty());
  EXPECT_TRUE(fired(world).empty());
  EXPECT_EQ(world.unfinished.at(partition_of(slot_of(World::stream(1).id), world.partitions)), 0);
}

TEST(Calls, of_a_restored_log_are_made_when_effects_are_switched_on_and_what_was_restored_is_asked_for_first) {
  World world;
  world.reactor.policy = OnUnknown::ask;
  const auto partition = partition_of(slot_of(World::stream(1).id), world.partitions);
  world.ask_for_effect(1, schema::kBeforeEveryCommand);
  world.switch_effects_on(partition, schema::kBeforeEveryCommand);  // in the log that was lost
  world.ask_for_effect(1);
  world.run_for(20);
  EXPECT_TRUE(world.calls.empty());
  const auto restored = id_of("test", "event-1", Step::call), later = id_of("test", "event-3", Step::call);
  world.done_outside.insert(restored);  // by the log that was lost
  world.switch_effects_on(partition);
  world.switch_effects_on(partition);
  world.run();
  EXPECT_EQ(world.calls, (std::map<std::string, int>{{later, 1}}));
  expect_each_outcome_once(world);
}

TEST(State, of_another_fold_is_folded_again) {
  World world;
  world.ask_for_effect(1);
  world.set_timer(1, "t", seconds(500));
  world.run_for(5);
  world.reactor.version = 2;
  world.run();
  expect_each_outcome_once(world);
  EXPECT_EQ(fired(world), (std::map<std::string, int>{{"t", 1}}));
}

TEST(State, says_of_which_log_it_is_whatever_build_folded_it) {
  World world;
  EXPECT_EQ(State::log_at(world.path(0)), std::nullopt) << "there is no folder";
  world.ask_for_effect(1);
  world.run();
  const auto folded = [&] {
    std::set<std::optional<std::string>> logs;
    for (int i = 0; i < world.partitions; ++i) logs.insert(State::log_at(world.path(i)));
    return logs;
  };
  EXPECT_TRUE(folded().contains("log"));
  world.reactor.version = 2;
  EXPECT_TRUE(folded().contains("log")) << "also of another fold";

  const auto stands = [&](int i) { return State::log_at(world.path(i)) == "log"; };
  const auto numbers = std::views::iota(0, world.partitions);
  const auto broken = std::ranges::find_if(numbers, stands);
  ASSERT_NE(broken, numbers.end());
  std::filesystem::remove(world.path(*broken) + "/CURRENT");
  EXPECT_EQ(State::log_at(world.path(*broken)), "") << "it cannot be read";
}

TEST(State, counts_calls_and_timers_and_knows_their_number_when_it_is_opened_again) {
  World world;
  world.partitions = 1;
  world.reactor.on_call = [](const Cause&, const std::string&, const Reactor::Done&) {};  // no end
  for (int i = 0; i < 3; ++i) world.ask_for_effect(i);
  world.set_timer(1, "moved", seconds(1'000));
  world.set_timer(1, "moved", seconds(2'000));
  world.set_timer(1, "cancelled", seconds(1'000));
  world.append(World::stream(1), claims::Event{claims::Released{kTimer, "cancelled", "p"}});
  for (int life = 0; life < 3; ++life) {
    world.run_for(5);
    EXPECT_EQ(world.left.at(0), (std::pair<std::size_t, std::size_t>{3, 1})) << life;
    EXPECT_EQ(world.oldest_time.at(0), kStart);
  }
  World done;
  for (int i = 0; i < 3; ++i) done.ask_for_effect(i);
  done.set_timer(1, "fired", seconds(1));
  done.run();
  for (const auto& [partition, left] : done.left) EXPECT_EQ(left, (std::pair<std::size_t, std::size_t>{0, 0}));
  for (const auto& [partition, oldest] : done.oldest_time) EXPECT_EQ(oldest, std::nullopt);
}

TEST(Timers, are_fired_when_they_are_due_and_not_before) {
  World world;
  world.set_timer(1, "late", seconds(100));
  world.set_timer(1, "soon", seconds(10));
  world.run_for(20);
  EXPECT_TRUE(fired(world).empty());
  world.run_for(40);
  EXPECT_EQ(fired(world), (std::map<std::string, int>{{"soon", 1}}));
  world.run();
  EXPECT_EQ(fired(world), (std::map<std::string, int>{{"soon", 1}, {"late", 1}}));
  EXPECT_GE(world.wall, kStart + seconds(100));
}

TEST(Timers, that_are_moved_are_fired_once_at_their_new_time_and_those_that_are_cancelled_are_not) {
  World world;
  world.set_timer(1, "moved", seconds(10));
  world.set_timer(1, "cancelled", seconds(10));
  world.run_for(4);
  world.set_timer(1, "moved", seconds(50));
  world.append(World::stream(1), claims::Event{claims::Released{kTimer, "cancelled", "p"}});
  world.run_for(60);
  EXPECT_TRUE(fired(world).empty());
  world.run();
  EXPECT_EQ(fired(world), (std::map<std::string, int>{{"moved", 1}}));
}

TEST(Timers, ten_thousand_across_deaths_are_fired_once_each) {
  World world(5);
  world.options.timers_in_flight_max = 300;
  std::mt19937_64 random(9);
  for (int i = 0; i < 10'000; ++i) world.set_timer(i % 700, std::to_string(i), milliseconds(random() % 100'000));
  world.kill_one_in = 1'000;
  world.has_faults = true;
  world.run();
  const auto all = fired(world);
  EXPECT_EQ(all.size(), 10'000U);
  for (const auto& [timer, count] : all) ASSERT_EQ(count, 1) << timer;
  EXPECT_GT(world.deaths, 15);
}

TEST(Timers, survive_a_death_at_each_step) {
  const auto prepare = [](World& world) {
    world.partitions = 1;
    for (int i = 0; i < 5; ++i) world.set_timer(i, std::to_string(i), seconds(1));
  };
  World whole;
  prepare(whole);
  whole.run();
  for (int at = 1; at <= whole.steps; ++at) {
    World world(static_cast<std::uint64_t>(at));
    prepare(world);
    world.kill_at = at;
    world.run();
    ASSERT_EQ(fired(world).size(), 5U) << at;
    for (const auto& [timer, count] : fired(world)) ASSERT_EQ(count, 1) << timer << " at " << at;
  }
}

}  // namespace
}  // namespace parley::reactors
