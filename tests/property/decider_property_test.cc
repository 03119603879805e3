// Any sequence of commands, repeated and mixed as a seed says, in transactions of any size, some of which are never
// committed: each command is decided once, its answer never changes, versions have no gap, and the state that was kept
// is the fold of the log.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/decider_memory_snapshot.h"

namespace parley::decider::testing {
namespace {

void run(unsigned seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  MemoryLog log;
  std::vector<Sent> sent;
  std::vector<std::string> emails{email_of_partition(), email_of_partition()};
  Timestamp now{std::chrono::milliseconds(1'800'000'000'000)};
  std::map<std::string, std::string> first_answers;
  std::int64_t offset = 0;

  auto any_command = [&]() -> Sent {
    if (!sent.empty() && below(3) == 0) {
      auto again = sent[below(sent.size())];
      again.envelope.attempt_id = crypto::uuid7();
      if (below(8) == 0) again.envelope.fingerprint = "another";
      return again;
    }
    switch (below(6)) {
      case 0:
        return open_dialog();
      case 1:
        return register_account(emails[below(emails.size())]);
      default:
        break;
    }
    if (log.events.empty()) return post(DialogId{99 * kSlots + kSlotOfPartition}, "nobody's");
    const auto stream = *parse_stream(log.events[below(log.events.size())].envelope.subject);
    const auto subject = to_string(stream);
    if (const auto entry = log.snapshot.stream(subject); entry->stands_still() && below(3) == 0) {
      if (below(2) == 0) return skip(subject);
      for (const auto& one : sent) {
        if (one.envelope.command_id == entry->stopped_by->parked.command_id) return retry(subject, one);
      }
    }
    auto message = post(DialogId{stream.id}, below(8) == 0 ? "poison" : "text");
    if (below(4) == 0) message.envelope.expected_version = static_cast<std::int64_t>(below(4));
    if (below(10) == 0) message.value = "{";
    return message;
  };

  for (int transaction = 0; transaction < 60; ++transaction) {
    now += std::chrono::milliseconds(below(1'000)) - std::chrono::milliseconds(below(200));
    std::vector<Sent> commands;
    const auto size = 1 + below(8);
    while (commands.size() < size) commands.push_back(any_command());
    // A transaction that is dropped (a rebalance, a crash) leaves nothing, and its commands come again.
    for (bool dropped = below(4) == 0;; dropped = false) {
      Batch batch(log.snapshot, kPartition, kPartitions, "/test",
                  below(3) == 0 ? Decide(parley::decide) : Decide(decide_or_throw));
      auto at = offset;
      for (const auto& command : commands) batch.decide(command.input(at++), now);
      if (dropped) continue;
      log.commit(std::move(batch));
      offset = at;
      break;
    }
    for (auto& command : commands) sent.push_back(std::move(command));
    // Lost group offsets: everything is delivered again, and nothing happens.
    if (below(10) == 0) {
      Batch batch(log.snapshot, kPartition, kPartitions, "/test");
      std::int64_t at = 0;
      for (const auto& command : sent) ASSERT_EQ(batch.decide(command.input(at++), now), Verdict::skipped);
    }
  }

  log.judge();
  std::map<std::string, std::string> fingerprints;
  for (const auto& reply : log.replies) {
    const auto& id = reply.envelope.command_id;
    if (reply.envelope.memory == schema::Memory::first) {
      ASSERT_TRUE(first_answers.emplace(id, reply.text).second) << "decided twice";
      fingerprints[id] = reply.outcome.fingerprint;
    }
    if (reply.envelope.memory == schema::Memory::repeat && reply.outcome.fingerprint == fingerprints[id]) {
      ASSERT_EQ(reply.text, first_answers[id]);
    }
  }
  std::map<std::string, int> causes;
  for (const auto& event : log.events) causes[event.envelope.causation] += event.envelope.sequence == 1 ? 1 : 0;
  for (const auto& [id, births] : causes) ASSERT_LE(births, 1) << "one command made two streams";

  const auto folded = log.folded();
  const auto& kept = log.snapshot.all();
  ASSERT_EQ(folded.all().streams.size(), kept.streams.size());
  for (const auto& [subject, entry] : kept.streams) {
    const auto again = folded.stream(subject);
    ASSERT_TRUE(again);
    ASSERT_EQ(again->version, entry.version);
    ASSERT_EQ(again->hash, entry.hash);
    ASSERT_EQ(again->state, entry.state);
    ASSERT_EQ(again->stands_still(), entry.stands_still());
  }
  ASSERT_EQ(folded.all().counters, kept.counters);
  ASSERT_EQ(folded.all().owners, kept.owners);
  ASSERT_EQ(folded.all().outcomes.size(), kept.outcomes.size());
  ASSERT_EQ(folded.all().progress.last_event, kept.progress.last_event);
  ASSERT_EQ(folded.all().progress.last_event_id, kept.progress.last_event_id);
}

TEST(DeciderProperties, any_sequence_of_commands_keeps_the_rules) {
  for (unsigned seed = 1; seed <= 150 && !::testing::Test::HasFatalFailure(); ++seed) run(seed);
}

}  // namespace
}  // namespace parley::decider::testing
