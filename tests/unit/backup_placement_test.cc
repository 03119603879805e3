// Where a copy's records go in a log with another number of partitions, and what becomes of the positions in them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <ranges>
#include <string>

#include "domain/dialogs/dialogs.h"
#include "domain/kernel.h"
#include "ops/cli/backup/merge.h"
#include "ops/cli/backup/placement.h"
#include "schemas/envelope.h"
#include "schemas/replies.h"

namespace parley::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

StoredRecord event(std::int64_t id, std::int64_t sequence, std::int64_t offset, std::int64_t time) {
  StoredRecord out;
  out.offset = offset;
  out.time = kafka::RecordTime(std::chrono::milliseconds(time));
  out.key = "dialog/" + std::to_string(id);
  out.value = "{}";
  out.headers = {
      {"ce_subject", out.key}, {"ce_sequence", std::to_string(sequence)}, {"ce_commandoffset", "12"}, {"ce_hash", "h"}};
  return out;
}

schema::Outcome accepted(const std::string& stream, const std::optional<schema::Position>& position) {
  schema::Outcome out;
  out.command_id = R"(a "position":{"partition":3,"offset":70} in a text)";
  out.fingerprint = "f";
  out.stream = stream;
  out.version = 2;
  out.position = position;
  out.result = Answer{dialogs::Answer{
      dialogs::MessagePosted{DialogId{1027}, {MessageId{2051}, dialogs::Sender::user, Personal{"hi"}, {}}}}};
  return out;
}

TEST(Placement, a_subject_has_the_slot_of_its_id_whatever_it_is) {
  EXPECT_EQ(slot_of_subject("dialog/1387"), 1387 % kSlots);
  EXPECT_EQ(slot_of_subject("something/new/2048"), 0);
  for (const auto* text : {"", "dialog", "dialog/", "dialog/x", "dialog/0", "dialog/-1", "/5", "dialog/07"})
    EXPECT_EQ(slot_of_subject(text), std::nullopt) << text;
}
TEST(Placement, every_slot_of_an_old_partition_has_its_heir) {
  for (const auto& [from, to] : {std::pair{16, 4}, {16, 64}, {1, 3}, {3, 1}, {5, 7}, {1024, 1}, {1, 1024}, {16, 16}}) {
    const Partitions partitions{from, to};
    for (int slot = 0; slot < kSlots; ++slot) {
      EXPECT_THAT(partitions.successors(partition_of(slot, from)), ::testing::Contains(partition_of(slot, to)))
          << from << " to " << to;
    }
  }
  EXPECT_THAT((Partitions{16, 4}.successors(5)), ElementsAre(1));
  EXPECT_THAT((Partitions{16, 64}.successors(5)), ElementsAre(20, 21, 22, 23));
  EXPECT_THAT((Partitions{1, 3}.successors(0)), ElementsAre(0, 1, 2));
}
TEST(Placement, an_event_follows_its_stream_and_one_that_stands_wrong_is_refused) {
  const Partitions partitions{16, 4};
  EXPECT_EQ(place_of_event(event(1024 + 330, 1, 0, 0), 330 / 64, partitions), 330 / 256);
  EXPECT_THAT(place_of_event(event(1024 + 330, 1, 0, 0), 0, partitions).error(), HasSubstr("another partition"));
  StoredRecord none;
  EXPECT_THAT(place_of_event(none, 0, partitions).error(), HasSubstr("no stream"));
}
TEST(Placement, a_reply_follows_its_stream_and_one_without_a_stream_goes_wherever_it_may_be_asked_again) {
  EXPECT_THAT(places_of_reply(accepted("dialog/1387", {}), 1387 % kSlots / 64, {16, 64}),
              ElementsAre((1387 % kSlots) / 16));
  EXPECT_THAT(places_of_reply(accepted("", {}), 5, {16, 64}), ElementsAre(20, 21, 22, 23));
  EXPECT_THAT(places_of_reply(accepted("", {}), 5, {16, 4}), ElementsAre(1));
}
TEST(Placement, a_dead_letter_follows_its_stream_then_its_slot_then_its_partition) {
  StoredRecord letter;
  letter.key = "330";
  EXPECT_EQ(place_of_letter(letter, 5, {16, 64}), 20);
  letter.key = "383";
  EXPECT_EQ(place_of_letter(letter, 5, {16, 64}), 23);
  letter.headers = {{"dead_stream", "dialog/" + std::to_string(1024 + 340)}};
  EXPECT_EQ(place_of_letter(letter, 5, {16, 64}), 21);
  letter = {};
  letter.key = "1023";  // a slot of another partition: what it died of
  EXPECT_EQ(place_of_letter(letter, 5, {16, 64}), 20);
  letter.key = "x";
  EXPECT_EQ(place_of_letter(letter, 5, {16, 64}), 20);
}

TEST(Translation, an_event_loses_its_commands_offset_and_nothing_else) {
  const auto before = event(1387, 3, 5, 9);
  auto after = before;
  translate_event(after);
  EXPECT_EQ(after.header("ce_commandoffset"), std::to_string(schema::kBeforeEveryCommand));
  after.set_header("ce_commandoffset", "12");
  EXPECT_EQ(after, before);
}
TEST(Translation, a_replys_position_is_the_new_one_and_every_other_byte_is_the_old) {
  const auto outcome = accepted("dialog/1027", schema::Position{3, 70});
  StoredRecord record;
  record.value = schema::write_outcome(outcome);
  for (const auto& [name, value] :
       schema::to_headers(schema::ReplyEnvelope{"id", "attempt", "c", schema::Memory::first, 12}))
    record.headers.emplace_back(name, value);
  const auto translated = translate_reply(record, outcome, schema::Position{0, 1'234'567});
  ASSERT_TRUE(translated) << translated.error();
  auto expected = outcome;
  expected.position = schema::Position{0, 1'234'567};
  EXPECT_EQ(record.value, schema::write_outcome(expected));
  const auto envelope = schema::read_reply_envelope([&](std::string_view name) { return record.header(name); });
  ASSERT_TRUE(envelope) << envelope.error();
  EXPECT_EQ(envelope->command_offset, schema::kBeforeEveryCommand);
  EXPECT_EQ(envelope->attempt_id, "attempt");
}
TEST(Translation, a_reply_whose_event_is_not_there_is_refused) {
  const auto outcome = accepted("dialog/1027", schema::Position{3, 70});
  StoredRecord record;
  record.value = schema::write_outcome(outcome);
  EXPECT_FALSE(translate_reply(record, outcome, std::nullopt));
}
TEST(Translation, only_known_positions_are_translated) {
  Translation translation(2);
  translation.add(1, 4, 0);
  translation.add(1, 7, 1);
  EXPECT_EQ(translation.find(1, 7), 1);
  EXPECT_EQ(translation.find(1, 5), std::nullopt);
  EXPECT_EQ(translation.find(0, 4), std::nullopt);
}

/// As a restore does it: all events of a log of `from` partitions into one of `to`.
void expect_that_order_is_kept(int from, int to, unsigned seed) {
  SCOPED_TRACE(std::to_string(from) + " to " + std::to_string(to) + ", seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<std::vector<StoredRecord>> log(static_cast<std::size_t>(from));
  std::map<std::int64_t, std::int64_t> versions;
  std::int64_t time = 1'000;
  for (int i = 0; i < 2'000; ++i) {
    const auto id = std::int64_t{1024} + random() % 1024;
    auto& partition = log[static_cast<std::size_t>(partition_of(slot_of(id), from))];
    time += random() % 2;  // many have one stamp
    partition.push_back(event(id, ++versions[id], static_cast<std::int64_t>(partition.size()) * 3, time));
  }
  std::vector<Merge::Next> sources;
  for (const auto& partition : log) {
    sources.emplace_back(
        [&partition, next = std::size_t{0}]() mutable -> std::expected<std::optional<StoredRecord>, std::string> {
          return next < partition.size() ? std::optional(partition[next++]) : std::nullopt;
        });
  }
  Merge merge(std::move(sources), [](const StoredRecord& record) { return record.time.time_since_epoch().count(); });
  std::map<int, kafka::RecordTime> last;
  std::map<std::string, std::int64_t> reached;
  std::size_t count = 0;
  while (true) {
    const auto item = merge.next();
    ASSERT_TRUE(item);
    if (!*item) break;
    ++count;
    const auto& record = (*item)->record;
    const auto place = place_of_event(record, (*item)->source, {from, to});
    ASSERT_TRUE(place) << place.error();
    EXPECT_LE(last[*place], record.time) << "time never goes back within a partition";
    last[*place] = record.time;
    EXPECT_EQ(record.header("ce_sequence"), std::to_string(++reached[record.key])) << "a stream's order is kept";
  }
  EXPECT_EQ(count, 2'000U);
}
TEST(Merging, keeps_a_streams_order_and_time_within_a_partition) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    for (const auto& [from, to] : {std::pair{16, 4}, {16, 64}, {1, 3}, {3, 1}, {16, 16}})
      expect_that_order_is_kept(from, to, seed);
  }
}
TEST(Merging, ends_with_the_error_of_a_source) {
  Merge merge({[]() -> std::expected<std::optional<StoredRecord>, std::string> {
                return std::unexpected(std::string("broken"));
              }},
              [](const StoredRecord&) { return 0; });
  EXPECT_EQ(merge.next().error(), "broken");
}

}  // namespace
}  // namespace parley::backup
