// `parley rebuild` on a real broker and a real PostgreSQL: what differs is named and stops it, and a switch disturbs
// nobody.
#include "workers/rebuild/rebuild.h"

#include <future>

#include "platform/postgres/listener.h"
#include "projections/engine/generation.h"
#include "projections/queries.h"
#include "tests/integration/projector_fixture.h"

namespace parley::rebuild {
namespace {

using namespace parley::projector::testing;
using projections::Certificate;
using projections::Found;
using projections::Outcome;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RebuildTest : public ProjectorTest {
 protected:
  Options of_rebuild() const {
    return {.kafka = config_,
            .events_topic = topic_,
            .partitions = kPartitions,
            .postgres = postgres_,
            .schema = schema_,
            .batch_events_max = 50};
  }
  static Certificate run(const Options& options) { return rebuild(options, std::stop_source().get_token()); }
  static std::string told(const Certificate& certificate) { return schema::write(certificate); }
  std::vector<std::string> others() {
    auto lease = pool_->lease(kDeadline);
    return *projections::other_generations(*lease);
  }
  std::vector<Certificate> kept() {
    auto lease = pool_->lease(kDeadline);
    return *projections::certificates(*lease, 100);
  }
  std::int64_t id_of_schema() { return number("SELECT current_schema()::regnamespace::oid::bigint"); }
  /// A statement of this text waits for a lock.
  bool waits(const std::string& text) {
    return eventually([&] {
      return number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%" + text +
                    "%'") > 0;
    });
  }
};

TEST_F(RebuildTest, TheRebuiltTablesTakeThePlaceOfEqualOnesAndTheProjectorGoesOnInThem) {
  Running projector(options());
  talk(300);
  ASSERT_TRUE(projected());
  query("GRANT USAGE ON SCHEMA " + schema_ + " TO PUBLIC");
  query("GRANT SELECT ON messages, dialogs TO PUBLIC");
  const auto before = id_of_schema();
  const auto certificate = run(of_rebuild());
  ASSERT_EQ(certificate.outcome, Outcome::switched) << told(certificate);
  EXPECT_NE(id_of_schema(), before);
  EXPECT_EQ(certificate.events, written_);
  EXPECT_THAT(certificate.tables, SizeIs(6));
  for (const auto& table : certificate.tables) {
    EXPECT_EQ(table.rows, number("SELECT count(*) FROM " + table.name)) << table.name;
    EXPECT_EQ(table.digest, table.rebuilt_digest) << table.name;
    EXPECT_EQ(table.digest.size(), table.rows > 0 ? 64U : 0U) << table.name;
  }
  EXPECT_THAT(others(), IsEmpty());
  EXPECT_EQ(number("SELECT count(*) FROM (SELECT WHERE has_schema_privilege('public', current_schema(), 'USAGE')"
                   " AND has_table_privilege('public', 'messages', 'SELECT') AND NOT has_table_privilege('public', "
                   "'accounts', 'SELECT')) AS t"),
            1);
  talk(200);
  ASSERT_TRUE(projected());
  const auto again = run(of_rebuild());
  EXPECT_EQ(again.outcome, Outcome::switched) << told(again);
  ASSERT_THAT(kept(), SizeIs(2)) << "the first one's certificate was carried over";
  EXPECT_EQ(told(kept()[1]).substr(0, 200), told(certificate).substr(0, 200));
  talk(100);
  ASSERT_TRUE(projected());
  EXPECT_FALSE(projector.over());
  projector.stop();
  expect_each_event_once();
}

TEST_F(RebuildTest, ARowThatDiffersIsNamedAndStopsItAndIsRepairedWhenThatIsAccepted) {
  Running projector(options());
  talk(200);
  ASSERT_TRUE(projected());
  query("UPDATE dialogs SET last_message = 'чужое', message_count = message_count + 1 WHERE id = 2");
  query("DELETE FROM messages WHERE (dialog_id, version) = (SELECT min(dialog_id), 2 FROM messages WHERE version = 2)");
  query(
      "INSERT INTO accounts (id, version, email, balance_kopecks, welcome_bonus_kopecks, created_at) VALUES (77, 1, "
      "'x@example.com', 0, 0, now())");
  const auto before = id_of_schema();
  const auto certificate = run(of_rebuild());
  ASSERT_EQ(certificate.outcome, Outcome::differs) << told(certificate);
  ASSERT_THAT(certificate.differences, SizeIs(3)) << told(certificate);
  EXPECT_EQ(certificate.differences[0].key, "id=77");
  EXPECT_EQ(certificate.differences[0].found, Found::only_in_old);
  EXPECT_EQ(certificate.differences[1].key, "id=2");
  EXPECT_THAT(certificate.differences[1].columns, ::testing::ElementsAre("message_count", "last_message"));
  EXPECT_EQ(certificate.differences[2].table, "messages");
  EXPECT_EQ(certificate.differences[2].found, Found::only_in_rebuilt);
  EXPECT_THAT(told(certificate), ::testing::Not(HasSubstr("чужое"))) << "no values of rows";
  EXPECT_EQ(id_of_schema(), before);
  EXPECT_THAT(others(), IsEmpty());
  EXPECT_EQ(kept().front().outcome, Outcome::differs);

  auto accepting = of_rebuild();
  accepting.accept = "строка была испорчена";
  const auto accepted = run(accepting);
  ASSERT_EQ(accepted.outcome, Outcome::switched) << told(accepted);
  EXPECT_THAT(accepted.differences, SizeIs(3));
  EXPECT_EQ(kept().front().accepted, accepting.accept);
  talk(50);
  ASSERT_TRUE(projected());
  projector.stop();
  expect_each_event_once();
}

TEST_F(RebuildTest, OfManyRowsThatDifferTheFirstOnesAreNamed) {
  Running projector(options());
  talk(300);
  ASSERT_TRUE(projected());
  query("UPDATE event_index SET actor = 'account/2'");
  auto few = of_rebuild();
  few.differences_max = 7;
  const auto certificate = run(few);
  ASSERT_EQ(certificate.outcome, Outcome::differs) << told(certificate);
  EXPECT_THAT(certificate.differences, SizeIs(7));
  for (const auto& difference : certificate.differences)
    EXPECT_THAT(difference.columns, ::testing::ElementsAre("actor"));
}

TEST_F(RebuildTest, AParkedStreamIsListedAndBlocksItEvenWhenDifferencesAreAccepted) {
  Running projector(options());
  talk(50);
  const Stream orphan{Kind::dialog, 5'000};
  append(orphan, parley::testing::message(9, "без начала"));
  ASSERT_TRUE(eventually([&] { return number("SELECT count(*) FROM parked_streams") == 1; }, kDeadline));
  auto accepting = of_rebuild();
  accepting.accept = "всё равно";
  const auto certificate = run(accepting);
  ASSERT_EQ(certificate.outcome, Outcome::parked) << told(certificate);
  ASSERT_THAT(certificate.parked, SizeIs(1));
  EXPECT_EQ(certificate.parked.front().stream, to_string(orphan));
  EXPECT_THAT(others(), IsEmpty());
}

// Blue has applied what this program cannot: made here by what the log says and blue forgot.
TEST_F(RebuildTest, AStreamThatOnlyTheRebuiltTablesParkBlocksItToo) {
  Running projector(options());
  append({Kind::dialog, 5'000}, parley::testing::message(9, "без начала"));
  ASSERT_TRUE(eventually([&] { return number("SELECT count(*) FROM parked_streams") == 1; }, kDeadline));
  projector.stop();
  query("DELETE FROM parked_streams");
  query("DELETE FROM parked_events");
  const auto certificate = run(of_rebuild());
  ASSERT_EQ(certificate.outcome, Outcome::parked) << told(certificate);
  ASSERT_THAT(certificate.parked, SizeIs(1));
  EXPECT_TRUE(certificate.parked.front().in_rebuilt);
}

// The projector remembers what is parked: it would go on with that in the new tables.
TEST_F(RebuildTest, AStreamThatIsParkedAfterTheComparisonBlocksTheSwitch) {
  Running projector(options());
  talk(50);
  ASSERT_TRUE(projected());
  auto options = of_rebuild();
  options.before = [&](std::string_view step) {
    if (step != "switching") return;
    append({Kind::dialog, 5'000}, parley::testing::message(9, "без начала"));
    ASSERT_TRUE(eventually([&] { return number("SELECT count(*) FROM parked_streams") == 1; }, kDeadline));
  };
  const auto certificate = run(options);
  EXPECT_EQ(certificate.outcome, Outcome::parked) << told(certificate);
  EXPECT_THAT(certificate.reason.value_or(""), HasSubstr("dialog/5000"));
  EXPECT_THAT(others(), IsEmpty());
}

TEST_F(RebuildTest, TheFoldEndsAtExactlyTheSnapshotHoweverMuchComesAfterIt) {
  Running projector(options());
  talk(300);
  ASSERT_TRUE(projected());
  std::int64_t at_snapshot = 0;
  auto options = of_rebuild();
  options.compare_alone = true;
  options.before = [&](std::string_view step) {
    if (step == "folding") talk(100);  // the projector may be anywhere in them when the snapshot is taken
    if (step != "folding to the snapshot") return;
    at_snapshot = number("SELECT sum(next) FROM checkpoints");
    talk(300);
    ASSERT_TRUE(projected());
  };
  const auto certificate = run(options);
  ASSERT_EQ(certificate.outcome, Outcome::equal) << told(certificate);
  std::int64_t compared = 0;
  for (const auto& place : certificate.checkpoints) compared += place.next;
  EXPECT_LE(compared, at_snapshot);
  EXPECT_LT(certificate.events, written_);
  EXPECT_THAT(others(), IsEmpty());
}

TEST_F(RebuildTest, OfTwoAtOnceTheSecondIsRefusedAndTheFirstIsNotDisturbed) {
  Running projector(options());
  talk(100);
  ASSERT_TRUE(projected());
  std::optional<Certificate> second;
  auto options = of_rebuild();
  options.before = [&](std::string_view step) {
    if (step == "comparing") second = run(of_rebuild());
  };
  const auto first = run(options);
  EXPECT_EQ(first.outcome, Outcome::switched) << told(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->outcome, Outcome::failed);
  EXPECT_THAT(second->reason.value_or(""), HasSubstr("another rebuild"));
}

TEST_F(RebuildTest, WhatAKilledOneLeftIsDroppedAndNothingElse) {
  Running projector(options());
  talk(50);
  ASSERT_TRUE(projected());
  const auto green = projections::generation_name(schema_, projections::Role::green, "20260101000000000");
  const auto old = projections::generation_name(schema_, projections::Role::old, "20260101000000001");
  const std::string somebodys = schema_ + "_old_backup";
  for (const auto& name : {green, old, somebodys})
    ASSERT_TRUE(postgres::migrate(session(name), projections::migrations()));
  schemas_.push_back(somebodys);
  const auto certificate = run(of_rebuild());
  EXPECT_EQ(certificate.outcome, Outcome::switched) << told(certificate);
  EXPECT_THAT(others(), IsEmpty());
  EXPECT_EQ(number("SELECT count(*) FROM pg_namespace WHERE nspname = '" + somebodys + "'"), 1);
}

TEST_F(RebuildTest, ToldToEndItDropsWhatItMade) {
  Running projector(options());
  talk(100);
  ASSERT_TRUE(projected());
  for (const std::string_view moment :
       {"folding", "folding to the snapshot", "comparing", "catching up", "switching"}) {
    std::stop_source stop;
    auto options = of_rebuild();
    options.before = [&](std::string_view step) {
      if (step == moment) stop.request_stop();
    };
    const auto certificate = rebuild(options, stop.get_token());
    // Told at the last moment it may be done already.
    if (moment != "switching") {
      EXPECT_EQ(certificate.reason.value_or(""), "told to end") << moment;
    }
    EXPECT_THAT(others(), IsEmpty()) << moment;
  }
  EXPECT_EQ(run(of_rebuild()).outcome, Outcome::switched);
}

TEST_F(RebuildTest, AnotherLogIsNotMadeIntoTheseReadModels) {
  Running projector(options());
  talk(50);
  ASSERT_TRUE(projected());
  projector.stop();
  query("UPDATE checkpoints SET topic_id = 'another'");
  EXPECT_THAT(run(of_rebuild()).reason.value_or(""), HasSubstr("another log"));
  query("UPDATE checkpoints SET topic_id = NULL, next = 1000000 WHERE partition = 1");
  query("UPDATE checkpoints SET topic_id = NULL");
  EXPECT_THAT(run(of_rebuild()).reason.value_or(""), HasSubstr("another log"));
  auto other = of_rebuild();
  other.partitions = 16;
  EXPECT_THAT(run(other).reason.value_or(""), HasSubstr("partitions"));
  other = of_rebuild();
  other.schema = postgres::testing::unique_schema();
  EXPECT_THAT(run(other).reason.value_or(""), HasSubstr("parley migrate"));
}

TEST_F(RebuildTest, TheIndexThatOnlyTheBuildBeforeUsedDoesNotHoldItUpAndIsGoneAfterIt) {
  Running projector(options());
  talk(50);
  ASSERT_TRUE(projected());
  query("CREATE INDEX messages_by_words ON messages USING gin (to_tsvector('pg_catalog.russian', text))");
  const auto certificate = run(of_rebuild());
  EXPECT_EQ(certificate.outcome, Outcome::switched) << told(certificate);
  EXPECT_EQ(
      number("SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() AND indexname = 'messages_by_words'"),
      0);
  EXPECT_EQ(number("SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() AND indexname = "
                   "'messages_by_spoken_words'"),
            1);
}

TEST_F(RebuildTest, WhatNoMigrationMadeIsNotThrownAwayWithTheOldTables) {
  Running projector(options());
  talk(50);
  ASSERT_TRUE(projected());
  query("CREATE INDEX by_hand ON messages (created_at)");
  const auto refused = run(of_rebuild());
  EXPECT_EQ(refused.outcome, Outcome::failed);
  EXPECT_THAT(refused.reason.value_or(""), HasSubstr("by_hand"));
  query("DROP INDEX by_hand");
  // What stands elsewhere and reads these tables goes on reading the old ones: they stay.
  const std::string elsewhere = postgres::testing::unique_schema();
  query("CREATE SCHEMA " + elsewhere);
  schemas_.insert(schemas_.begin(), elsewhere);
  query("CREATE VIEW " + elsewhere + ".report AS SELECT count(*) AS n FROM messages");
  const auto certificate = run(of_rebuild());
  EXPECT_EQ(certificate.outcome, Outcome::switched) << told(certificate);
  ASSERT_THAT(others(), SizeIs(1));
  EXPECT_THAT(certificate.notes, Contains(HasSubstr(others().front())));
  EXPECT_GT(number("SELECT n FROM " + elsewhere + ".report"), 0);
  query("DROP VIEW " + elsewhere + ".report");
  EXPECT_EQ(run(of_rebuild()).outcome, Outcome::switched);
  EXPECT_THAT(others(), IsEmpty());
}

// Reads of one request: begun before the switch they hold it up, begun during it they wait and see it whole.
TEST_F(RebuildTest, ReadsOfOneRequestStayInOneGeneration) {
  Running projector(options());
  talk(200);
  ASSERT_TRUE(projected());
  auto reader = pool_->lease(kDeadline);
  auto earlier = projections::snapshot(*reader);
  ASSERT_TRUE(earlier);
  ASSERT_TRUE(earlier->query("SELECT count(*) FROM dialogs"));
  const auto read = [&](postgres::Reader& with) {
    std::int64_t generation = 0;
    (*with.query("SELECT tableoid::bigint FROM messages LIMIT 1"))[0].into(generation);
    return generation;
  };
  const auto old = number("SELECT 'messages'::regclass::oid::bigint");
  std::future<std::pair<std::int64_t, std::int64_t>> during;
  int tries = 0;
  auto options = of_rebuild();
  options.switch_pause = 10ms;
  options.before = [&](std::string_view step) {
    if (step == "switching" && ++tries == 2) {
      EXPECT_EQ(read(*earlier), old) << "it has held up the first try";
      earlier = std::unexpected(postgres::Error{});
      reader = std::unexpected(postgres::Error{});
    }
    if (step != "commit") return;
    during = std::async(std::launch::async, [&] {
      auto lease = pool_->lease(kDeadline);
      auto later = projections::snapshot(*lease);
      std::int64_t events = 0;
      (*later->query("SELECT count(*) FROM event_index"))[0].into(events);
      return std::pair(read(*later), events);
    });
    ASSERT_TRUE(waits("LOCK TABLE"));
  };
  const auto certificate = run(options);
  ASSERT_EQ(certificate.outcome, Outcome::switched) << told(certificate);
  EXPECT_EQ(tries, 2);
  const auto [generation, events] = during.get();
  EXPECT_EQ(generation, number("SELECT 'messages'::regclass::oid::bigint"));
  EXPECT_EQ(events, written_);
}

TEST_F(RebuildTest, WorkOnAnIndexIsWaitedForWithoutHoldingAnybody) {
  Running projector(options());
  talk(50);
  ASSERT_TRUE(projected());
  auto worker = pool_->lease(kDeadline);
  auto work = worker->transaction();
  ASSERT_TRUE(work && work->query("LOCK TABLE messages IN SHARE UPDATE EXCLUSIVE MODE"));
  std::string tried;
  auto options = of_rebuild();
  options.vacuum_wait_max = 100ms;
  options.switch_pause = 10ms;
  options.progress = [&](const Progress& progress) {
    if (!progress.step.starts_with("switching is tried again")) return;
    tried = progress.step;
    work = std::unexpected(postgres::Error{});
  };
  const auto certificate = run(options);
  EXPECT_EQ(certificate.outcome, Outcome::switched) << told(certificate);
  EXPECT_THAT(tried, HasSubstr("vacuum"));
}

// The second try and the note of who is in the way are all that somebody who reads for long gets.
TEST_F(RebuildTest, AReadThatDoesNotEndIsNamedAndTheSwitchGivesUpWithoutHoldingAnybody) {
  Running projector(options());
  talk(50);
  ASSERT_TRUE(projected());
  auto reader = pool_->lease(kDeadline);
  auto endless = reader->snapshot();
  ASSERT_TRUE(endless && endless->query("SELECT count(*) FROM dialogs"));
  auto options = of_rebuild();
  options.switch_pause = 10ms;
  options.switch_tries = 3;
  options.before = [&](std::string_view step) {
    if (step != "switching") return;
    ASSERT_TRUE(endless->query("SELECT 1"));  // the server ends a transaction that says nothing for long
  };
  const auto certificate = run(options);
  EXPECT_EQ(certificate.outcome, Outcome::failed);
  EXPECT_THAT(certificate.reason.value_or(""), HasSubstr("reads do not end: parley"));
  EXPECT_THAT(others(), IsEmpty());
  talk(50);
  EXPECT_TRUE(projected());
}

// So does a statement that was planned before the switch: it locks the old tables, one after the other, before it finds
// the new ones.
TEST_F(RebuildTest, WhoeverStillHoldsOneOfTheOldTablesAndWantsAnotherDoesNotKeepThem) {
  Running projector(options());
  talk(50);
  ASSERT_TRUE(projected());
  auto reader = pool_->lease(kDeadline);
  std::future<void> late;
  auto options = of_rebuild();
  options.before = [&](std::string_view step) {
    if (step != "dropping") return;
    const std::string old = others().front();
    auto read = reader->transaction();
    ASSERT_TRUE(read && read->query("LOCK TABLE " + old + ".messages IN ACCESS SHARE MODE"));
    late = std::async(std::launch::async, [this, old, read = std::move(*read)]() mutable {
      EXPECT_TRUE(waits("DROP TABLE"));
      static_cast<void>(read.query("LOCK TABLE " + old + ".accounts IN ACCESS SHARE MODE"));
    });
  };
  const auto certificate = run(options);
  if (late.valid()) late.get();
  EXPECT_EQ(certificate.outcome, Outcome::switched) << told(certificate);
  EXPECT_THAT(certificate.notes, IsEmpty());
  EXPECT_THAT(others(), IsEmpty());
}

TEST_F(RebuildTest, ListenersAreToldToReadTheCheckpointsWhenItSwitches) {
  Running projector(options());
  talk(100);
  ASSERT_TRUE(projected());
  std::atomic<int> told_to_read = 0, others_told = 0;
  postgres::Listener listener(
      {.session = session(schema_), .channel = projections::checkpoint_channel(schema_)},
      {.on_listening = [] {},
       .on_notification = [&](std::string_view payload) { (payload.empty() ? told_to_read : others_told)++; }});
  ASSERT_TRUE(eventually([&] { return listener.listening(); }));
  const auto certificate = run(of_rebuild());
  EXPECT_EQ(certificate.outcome, Outcome::switched) << told(certificate);
  EXPECT_TRUE(eventually([&] { return told_to_read == 1; }));
  EXPECT_EQ(others_told, 0) << "what is folded before the switch is nobody's news";
}

}  // namespace
}  // namespace parley::rebuild
