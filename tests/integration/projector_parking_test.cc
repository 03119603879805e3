// An event that cannot be applied: its stream waits, all others go on, and what waits is applied in order when it can
// be.
#include "platform/metrics/metrics.h"

#include "domain/parking/parking.h"
#include "projections/engine/parking.h"
#include "tests/integration/projector_fixture.h"

namespace parley::projector {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Stream kPoisoned{Kind::dialog, 4'004};  // its partition is the same as dialog/4's, which is healthy
constexpr std::string_view kPoison = "яд";

class ProjectorParking : public ProjectorTest {
 protected:
  /// Whoever writes that text is refused, as long as the constraint is there: a cause that can go.
  void forbid() {
    query("ALTER TABLE messages ADD CONSTRAINT no_poison CHECK (text <> '" + std::string(kPoison) + "') NOT VALID");
  }
  void allow() { query("ALTER TABLE messages DROP CONSTRAINT no_poison"); }

  void say(const Stream& stream, const std::string& text) {
    append(stream, parley::testing::message(written_ + 1, text));
  }
  void open(const Stream& stream) { append(stream, parley::testing::opened({1}, {1})); }
  void unpark(const Stream& stream, parking::Action action, std::optional<std::int64_t> version = {}) {
    append(stream, parking::Event{parking::Unparked{.action = action,
                                                    .reason = "разобрались",
                                                    .projection = std::string(projections::kReadModels),
                                                    .version = version}});
  }
  /// Its value is not what its type says.
  void append_unreadable(const Stream& stream) {
    auto broken = log_.event(stream, parley::testing::message(9, "тайна"));
    broken.value = "{\"text\":\"тайна\"";
    ASSERT_TRUE(producer_->begin());
    put(broken, partition_of(stream));
    commit();
  }
  /// Its predecessor is not in the log.
  void append_after_a_lost_one(const Stream& stream) {
    log_.event(stream, parley::testing::message(9, "потеряно"));
    say(stream, "после потери");
  }
  /// It has its predecessor's version.
  void append_again(const Stream& stream) {
    ASSERT_TRUE(producer_->begin());
    put(log_.repetition(stream, parley::testing::message(9, "снова")), partition_of(stream));
    commit();
  }

  std::optional<projections::ParkedStream> parked(const Stream& stream) {
    auto lease = pool_->lease(kDeadline);
    const auto found = projections::parked_stream(*lease, to_string(stream));
    EXPECT_TRUE(found) << found.error().detail;
    return *found;
  }
  std::int64_t waiting() { return number("SELECT count(*) FROM parked_events"); }
  /// Until everything is either in the tables or waits.
  bool passed() {
    return eventually(
        [&] {
          return number("SELECT (SELECT count(*) FROM event_index) + (SELECT count(*) FROM parked_events)") >= written_;
        },
        kDeadline);
  }
  std::string messages_of(const Stream& stream) {
    std::string texts;
    query("SELECT coalesce(string_agg(text, ' ' ORDER BY version), '') FROM messages WHERE dialog_id = " +
          std::to_string(stream.id))[0]
        .into(texts);
    return texts;
  }
};

TEST_F(ProjectorParking, WhateverCannotBeAppliedParksItsOwnStreamAndNothingElse) {
  forbid();
  const Stream unreadable{Kind::dialog, 5'000}, gap{Kind::dialog, 5'001}, again{Kind::dialog, 5'002},
      refused{Kind::dialog, 5'003}, homeless{Kind::dialog, 5'004};
  talk(100);
  for (const auto& stream : {unreadable, gap, again, refused}) {
    open(stream);
    say(stream, "до");
  }
  append_unreadable(unreadable);
  append_after_a_lost_one(gap);
  append_again(again);
  say(refused, std::string(kPoison));
  say(homeless, "без начала");
  for (const auto& stream : {unreadable, gap, again, refused, homeless}) say(stream, "после");
  talk(200);
  Running projector(options());
  ASSERT_TRUE(passed());
  EXPECT_EQ(number("SELECT count(*) FROM parked_streams"), 5);
  EXPECT_EQ(waiting(), 10);
  for (const auto& stream : {unreadable, gap, again, refused}) {
    EXPECT_EQ(messages_of(stream), "до");
    EXPECT_EQ(number("SELECT version FROM dialogs WHERE id = " + std::to_string(stream.id)), 2);
  }
  EXPECT_EQ(parked(unreadable)->first.version, 3);
  EXPECT_THAT(parked(unreadable)->reason, AllOf(HasSubstr("cannot be read"), Not(HasSubstr("тайна"))));
  EXPECT_EQ(parked(gap)->first.version, 4);
  EXPECT_THAT(parked(gap)->reason, HasSubstr("not at the version"));
  EXPECT_EQ(parked(again)->first.version, 2);
  EXPECT_THAT(parked(refused)->reason, AllOf(HasSubstr("no_poison"), Not(HasSubstr(std::string(kPoison)))));
  EXPECT_EQ(parked(homeless)->first.version, 1);

  ASSERT_TRUE(eventually([&] { return projector.verdict().readiness == Readiness::degraded; }, kDeadline));
  EXPECT_THAT(projector.verdict().reasons, Contains(AllOf(HasSubstr("dialog/5003"), HasSubstr("version 3"))));
  EXPECT_THAT(metrics::text(), HasSubstr("parley_projector_parked_streams 5\n"));
  EXPECT_THAT(metrics::text(), Not(HasSubstr("parley_projector_parkings_total 0\n")));
}

TEST_F(ProjectorParking, AFreshProjectionParksTheSameEvents) {
  Running projector(options());
  for (int round = 0; round < 3; ++round) {
    const Stream stream{Kind::dialog, 5'000 + round};
    open(stream);
    append_after_a_lost_one(stream);
    talk(60);
    say(stream, "после");
    talk(60);
    ASSERT_TRUE(passed());
  }
  const std::string fresh = new_schema();
  Running again(options(fresh));
  const auto of = [&](const std::string& schema) {
    std::string all;
    query(
        "SELECT string_agg(concat_ws(' ', stream, partition, position, version, event_id, reason), E'\\n' ORDER BY "
        "stream) FROM \"" +
        schema + "\".parked_streams")[0]
        .into(all);
    return all;
  };
  ASSERT_TRUE(eventually(
      [&] {
        return number("SELECT (SELECT count(*) FROM \"" + fresh + "\".event_index) + (SELECT count(*) FROM \"" + fresh +
                      "\".parked_events)") == written_;
      },
      kDeadline));
  EXPECT_EQ(of(fresh), of(schema_));
  EXPECT_EQ(digest(fresh), digest(schema_));
}

TEST_F(ProjectorParking, AParkedStreamWaitsThroughKillsAndHandOversAndIsAppliedInOrderWhenTheCauseIsGone) {
  forbid();
  open(kPoisoned);
  say(kPoisoned, "раз");
  say(kPoisoned, std::string(kPoison));
  Process one(process("a"));
  ASSERT_TRUE(passed());
  one.kill();
  say(kPoisoned, "два");
  talk(100);
  Process two(process("b"));  // takes over what the first had
  ASSERT_TRUE(passed());
  say(kPoisoned, "три");
  talk(100);
  ASSERT_TRUE(passed());
  two.kill();
  two.start();
  EXPECT_EQ(messages_of(kPoisoned), "раз");
  EXPECT_EQ(waiting(), 3);

  unpark(kPoisoned, parking::Action::retry);  // too early
  ASSERT_TRUE(passed());
  EXPECT_EQ(waiting(), 4);
  EXPECT_THAT(parked(kPoisoned)->reason, HasSubstr("no_poison"));
  EXPECT_EQ(messages_of(kPoisoned), "раз");

  allow();
  unpark(kPoisoned, parking::Action::retry);
  say(kPoisoned, "конец");
  ASSERT_TRUE(projected());
  EXPECT_EQ(messages_of(kPoisoned), "раз " + std::string(kPoison) + " два три конец");
  EXPECT_FALSE(parked(kPoisoned));
  EXPECT_EQ(waiting(), 0);
  expect_each_event_once();
}

TEST_F(ProjectorParking, ASkippedEventIsLeftOutAndARebuildLeavesItOutToo) {
  Running projector(options());
  const Stream unreadable{Kind::dialog, 5'000}, gap{Kind::dialog, 5'001}, again{Kind::dialog, 5'002};
  for (const auto& stream : {unreadable, gap, again}) {
    open(stream);
    say(stream, "раз");
  }
  append_unreadable(unreadable);
  append_after_a_lost_one(gap);
  append_again(again);
  ASSERT_TRUE(passed());
  for (const auto& stream : {unreadable, gap, again}) say(stream, "два");
  talk(50);
  ASSERT_TRUE(passed());
  EXPECT_EQ(number("SELECT count(*) FROM parked_streams"), 3);

  unpark(unreadable, parking::Action::skip, 3);
  unpark(again, parking::Action::skip, 2);
  unpark(gap, parking::Action::skip, 3);  // not the one that stops it: it stays
  ASSERT_TRUE(eventually([&] { return !parked(unreadable) && !parked(again); }, kDeadline));
  EXPECT_EQ(messages_of(unreadable), "раз два");
  EXPECT_EQ(messages_of(again), "раз два");
  EXPECT_EQ(parked(gap)->first.version, 4);
  unpark(gap, parking::Action::skip, 4);
  ASSERT_TRUE(eventually([&] { return !parked(gap); }, kDeadline));
  EXPECT_EQ(messages_of(gap), "раз два");
  EXPECT_EQ(number("SELECT version FROM dialogs WHERE id = 5000"), 5);
  say(unreadable, "три");
  talk(50);
  ASSERT_TRUE(projected(written_ - 1));  // the repetition's place in the index is taken
  EXPECT_EQ(messages_of(unreadable), "раз два три");
  EXPECT_EQ(waiting(), 0);

  projector.stop();
  const std::string before = digest(schema_);
  // All at once this time: the event that cannot be applied and the one that lets its stream go on come in one batch.
  const std::string fresh = new_schema();
  Options whole = options(fresh);
  whole.batch_events_max = 10'000;
  Running rebuilt(whole);
  EXPECT_TRUE(eventually([&] { return digest(fresh) == before; }, kDeadline)) << digest(fresh) << before;
  EXPECT_EQ(number("SELECT count(*) FROM \"" + fresh + "\".parked_streams"), 0);
}

TEST_F(ProjectorParking, ALongReplayGoesOnWhereAKillEndedIt) {
  forbid();
  open(kPoisoned);
  say(kPoisoned, std::string(kPoison));
  ASSERT_TRUE(producer_->begin());
  for (int i = 0; i < 2'500; ++i)
    put(log_.event(kPoisoned, parley::testing::message(written_ + 1, std::to_string(i))), partition_of(kPoisoned));
  commit();
  talk(500);
  Process one(process("a"));
  ASSERT_TRUE(passed());
  EXPECT_EQ(waiting(), 2'501);
  allow();
  unpark(kPoisoned, parking::Action::retry);
  for (const std::int64_t left : {2'400, 1'200, 600}) {
    ASSERT_TRUE(eventually([&] { return waiting() <= left; }, kDeadline));
    one.kill();
    one.start();
  }
  ASSERT_TRUE(projected());
  EXPECT_EQ(waiting(), 0);
  say(kPoisoned, "конец");
  ASSERT_TRUE(projected());
  expect_each_event_once();
}

TEST_F(ProjectorParking, AStreamOfParkingAloneHasNoRowYetAndIsNotPoison) {
  Running projector(options());
  const Stream stream{Kind::dialog, 5'000};
  append(stream, parking::Event{parking::Parked{
                     .command_id = "id", .command_offset = 1, .fingerprint = "f", .reason = "a decision threw"}});
  ASSERT_TRUE(projected());
  append(stream, parking::Event{parking::Unparked{
                     .action = parking::Action::retry, .reason = "мир", .projection = {}, .version = {}}});
  open(stream);
  append(stream, parking::Event{
                     parking::Parked{.command_id = "id", .command_offset = 2, .fingerprint = "f", .reason = "again"}});
  say(stream, "раз");
  ASSERT_TRUE(projected());
  EXPECT_EQ(number("SELECT version FROM dialogs WHERE id = 5000"), 5);
  EXPECT_EQ(number("SELECT count(*) FROM parked_streams"), 0);
  expect_each_event_once();
}

TEST_F(ProjectorParking, WhatIsNoMatterOfOneEventParksNothing) {
  Options few = options();
  few.parked_streams_max = 3;
  forbid();
  for (int i = 0; i < 4; ++i) {
    const Stream stream{Kind::dialog, 5'000 + i};
    open(stream);
    say(stream, std::string(kPoison));
  }
  EXPECT_THAT(Running(few).failure(), AllOf(HasSubstr("more than 3 streams"), HasSubstr("no_poison")));
  EXPECT_LE(number("SELECT count(*) FROM parked_streams"), 3);
  allow();
  query("ALTER TABLE messages RENAME COLUMN sender TO sent_by");
  EXPECT_THAT(Running(options()).failure(), HasSubstr("42703"));
  EXPECT_LE(number("SELECT count(*) FROM parked_streams"), 3);
}

}  // namespace
}  // namespace parley::projector
