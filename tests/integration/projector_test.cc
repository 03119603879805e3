// workers/projector on a real broker and a real PostgreSQL: each event counts once, whatever is killed, paused or cut
// off.
#include <gmock/gmock.h>

#include "platform/metrics/metrics.h"
#include "platform/postgres/listener.h"
#include "projections/queries.h"
#include "tests/integration/postgres_server.h"
#include "tests/integration/projector_fixture.h"
#include "tests/integration/tcp_gate.h"

namespace parley::projector {
namespace {

using namespace testing;
using ::testing::HasSubstr;

TEST_F(ProjectorTest, EveryEventIsInTheTablesAndTheCheckpointsAreAnnounced) {
  std::mutex mutex;
  std::map<std::int32_t, std::int64_t> announced;
  std::atomic<bool> other = false;
  postgres::Listener of_other_schema(
      {.session = session(schema_), .channel = projections::checkpoint_channel(schema_ + "_too")},
      {.on_listening = [] {}, .on_notification = [&](std::string_view) { other = true; }});
  postgres::Listener listener({.session = session(schema_), .channel = projections::checkpoint_channel(schema_)},
                              {.on_listening = [] {},
                               .on_notification =
                                   [&](std::string_view payload) {
                                     const std::lock_guard lock(mutex);
                                     const auto positions = projections::parse_announcement(payload);
                                     for (const auto& [partition, next] : *positions)
                                       announced[partition] = std::max(announced[partition], next);
                                   }});
  ASSERT_TRUE(eventually([&] { return listener.listening(); }));
  Running projector(options());
  talk(300);
  ASSERT_TRUE(projected());
  expect_each_event_once();
  EXPECT_TRUE(eventually([&] { return projector.verdict().readiness == Readiness::ready; }, kDeadline));
  auto lease = pool_->lease(kDeadline);
  const auto rows = projections::checkpoints(*lease);
  ASSERT_EQ(rows->size(), static_cast<std::size_t>(kPartitions));
  for (const auto& row : *rows) {
    EXPECT_GT(row.next, 0);
    EXPECT_EQ(row.last_position, row.next - 1);
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return announced[row.partition] == row.next;
    }));
  }
  EXPECT_FALSE(other);
}

TEST_F(ProjectorTest, AStartGoesOnWhereTheLastOneEnded) {
  {
    Running projector(options());
    talk(100);
    ASSERT_TRUE(projected());
  }
  talk(100);
  Running projector(options());
  ASSERT_TRUE(projected());
  talk(50);
  ASSERT_TRUE(projected());
  expect_each_event_once();
}

TEST_F(ProjectorTest, EachEventCountsOnceThroughKillsAtAnyMoment) {
  Process one(process("a"));
  Process two(process("b"));
  for (int round = 0; round < 12; ++round) {
    talk(400);
    // Somewhere in the middle of it: the count decides the moment, the seed decides the count.
    ASSERT_TRUE(projected(written_ - std::uniform_int_distribution(0, 390)(random_)));
    Process& victim = random_() % 2 == 0 ? one : two;
    victim.kill();
    victim.start();
  }
  ASSERT_TRUE(projected());
  expect_each_event_once();
}

TEST_F(ProjectorTest, AProjectorPausedPastARebalanceWritesNothingTwice) {
  Process one(process("a"));
  talk(200);
  ASSERT_TRUE(projected());
  for (int round = 0; round < 2; ++round) {
    talk(2'000);
    one.signal(SIGSTOP);  // in the middle of them, whatever it was doing
    Process two(process("b"));
    ASSERT_TRUE(projected());  // the session of the first ends, the second gets its partitions
    talk(300);
    one.signal(SIGCONT);
    talk(300);
    ASSERT_TRUE(projected());
  }
  talk(100);
  ASSERT_TRUE(projected());
  expect_each_event_once();
}

int port_of(postgres::Pool& pool) {
  auto lease = pool.lease(kDeadline);
  std::int64_t port = 0;
  (*lease->query("SELECT current_setting('port')::bigint"))[0].into(port);
  return static_cast<int>(port);
}

// Two groups: neither ever hears of the other, as a process that was replaced and does not know it yet. Every batch of
// one is in the other's way.
TEST_F(ProjectorTest, OfTwoThatBothThinkTheyOwnEverythingEachBatchIsWrittenByOne) {
  Options other = options();
  other.group += ".other";
  Running one(options());
  Running two(other);
  talk(1'500);
  ASSERT_TRUE(projected());
  EXPECT_FALSE(one.over() && two.over());
  one.stop();
  two.stop();
  EXPECT_THAT(metrics::text(), ::testing::Not(HasSubstr("parley_projector_checkpoint_misses_total 0\n")));
  expect_each_event_once();
}

/// More than one transaction holds, of every partition, and read by the time that the first one is written.
constexpr int kMuch = 1'200;
constexpr std::size_t kBatch = 200;

TEST_F(ProjectorTest, WhatIsMoreThanOneTransactionHoldsIsWrittenByTwoConnections) {
  talk(kMuch);
  auto lease = pool_->lease(kDeadline);
  auto holding = lease->transaction();
  ASSERT_TRUE(holding && holding->query("LOCK TABLE event_index IN SHARE MODE"));
  Options catching_up = options();
  catching_up.instance = schema_;
  catching_up.batch_events_max = kBatch;
  Running projector(catching_up);
  const std::string mine = "FROM pg_stat_activity WHERE application_name = 'parley projector " + schema_ + "'";
  ASSERT_TRUE(
      eventually([&] { return number("SELECT count(*) " + mine + " AND wait_event_type = 'Lock'") > 0; }, kDeadline));
  holding = std::unexpected(postgres::Error{});
  ASSERT_TRUE(projected());
  EXPECT_EQ(number("SELECT count(*) " + mine), 2);
  expect_each_event_once();
}

TEST_F(ProjectorTest, OfWhatIsWrittenAtTheSameTimeOneTransactionWaitsAlone) {
  {
    Running projector(options());
    talk(50);
    ASSERT_TRUE(projected());
  }
  talk(kMuch);
  auto lease = pool_->lease(kDeadline);
  auto holding = lease->transaction();
  ASSERT_TRUE(holding && holding->query("SELECT FROM dialogs WHERE id = 1 FOR UPDATE"));
  Options catching_up = options();
  catching_up.batch_events_max = kBatch;
  catching_up.statement_timeout = 500ms;
  catching_up.retry_max = 100ms;
  Running projector(catching_up);
  const auto of_others = [&] { return number("SELECT count(*) FROM event_index WHERE stream_id % 4 <> 1"); };
  const auto before = of_others();
  ASSERT_TRUE(eventually([&] { return of_others() > before && projector.verdict().readiness == Readiness::not_ready; },
                         kDeadline));
  EXPECT_EQ(number("SELECT count(*) FROM dialogs d JOIN event_index e ON e.stream_id = d.id AND e.version > d.version"),
            0);
  holding = std::unexpected(postgres::Error{});
  ASSERT_TRUE(projected());
  expect_each_event_once();
}

TEST_F(ProjectorTest, WithPostgreSQLAwayItIsNotReadyKeepsItsPlaceAndCatchesUp) {
  parley::testing::TcpGate gate(postgres_, port_of(*pool_));
  Options through = options();
  through.postgres += " host=127.0.0.1 port=" + std::to_string(gate.port());
  through.retry_max = 200ms;
  Running projector(through);
  talk(100);
  ASSERT_TRUE(projected());
  for (int round = 0; round < 3; ++round) {
    gate.shut();
    talk(100);
    EXPECT_TRUE(eventually([&] { return projector.verdict().readiness == Readiness::not_ready; }, kDeadline));
    EXPECT_THAT(projector.verdict().reasons, ::testing::Contains(HasSubstr("PostgreSQL")));
    talk(100);
    gate.open();
    ASSERT_TRUE(projected());
    EXPECT_TRUE(eventually([&] { return projector.verdict().readiness == Readiness::ready; }, kDeadline));
  }
  EXPECT_FALSE(projector.over());
  projector.stop();
  expect_each_event_once();
}

// Whoever runs and does not advance must not look well.
TEST_F(ProjectorTest, HeldUpInsideATransactionItIsNotReadyWithinTenSeconds) {
  Running projector(options());
  talk(50);
  ASSERT_TRUE(projected());
  ASSERT_TRUE(eventually([&] { return projector.verdict().readiness == Readiness::ready; }, kDeadline));
  {
    auto lease = pool_->lease(kDeadline);
    auto holder = lease->transaction();
    ASSERT_TRUE(holder->query("LOCK TABLE dialogs IN ACCESS EXCLUSIVE MODE"));
    talk(50);
    const auto held = std::chrono::steady_clock::now();
    // The server ends a transaction that says nothing for a while: this one keeps saying something.
    ASSERT_TRUE(eventually(
        [&] { return holder->query("SELECT 1") && projector.verdict().readiness == Readiness::not_ready; }, kDeadline));
    EXPECT_LT(std::chrono::steady_clock::now() - held, 10s);
    EXPECT_FALSE(projector.verdict().reasons.empty());
  }
  ASSERT_TRUE(projected());
  EXPECT_TRUE(eventually([&] { return projector.verdict().readiness == Readiness::ready; }, kDeadline));
  projector.stop();
  expect_each_event_once();
}

TEST_F(ProjectorTest, WithNothingToWriteItSeesWithinTenSecondsThatPostgreSQLIsAway) {
  parley::testing::TcpGate gate(postgres_, port_of(*pool_));
  Options through = options();
  through.postgres += " host=127.0.0.1 port=" + std::to_string(gate.port());
  Running projector(through);
  talk(10);
  ASSERT_TRUE(projected());
  ASSERT_TRUE(eventually([&] { return projector.verdict().readiness == Readiness::ready; }, kDeadline));
  gate.shut();
  ASSERT_TRUE(eventually([&] { return projector.verdict().readiness == Readiness::not_ready; }, 10s));
  EXPECT_THAT(projector.verdict().reasons, ::testing::Contains(HasSubstr("PostgreSQL")));
  gate.open();
  EXPECT_TRUE(eventually([&] { return projector.verdict().readiness == Readiness::ready; }, kDeadline));
}

TEST_F(ProjectorTest, ACommitThatNobodyAnsweredIsLookedUpAndNotRepeated) {
  parley::testing::TcpGate gate(postgres_, port_of(*pool_));
  Options through = options();
  through.postgres += " host=127.0.0.1 sslmode=disable port=" + std::to_string(gate.port());
  through.retry_max = 100ms;
  Running projector(through);
  talk(10);
  ASSERT_TRUE(projected());
  for (int cut = 1; cut <= 5; ++cut) {
    gate.cut_after("COMMIT");
    talk(20);
    ASSERT_TRUE(eventually([&] { return gate.cuts() >= cut; }, kDeadline));
    ASSERT_TRUE(projected());
  }
  EXPECT_FALSE(projector.over());
  projector.stop();
  expect_each_event_once();
}

// A crash of PostgreSQL takes back what was committed with synchronous_commit = off: after it the tables stand where
// they stood before.
TEST_F(ProjectorTest, PostgreSQLMayCrashAndStopAndEverythingIsThereAfterwards) {
  if (parley::testing::PostgresServer::programs().empty())
    GTEST_SKIP() << "there are no programs of a PostgreSQL server here";
  parley::testing::PostgresServer server;
  const std::string shared = std::exchange(postgres_, server.connection());
  pool_.emplace(postgres::PoolOptions{.session = session(schema_), .connections_max = 2});
  ASSERT_TRUE(postgres::migrate(session(schema_), projections::migrations()));
  Options own = options();
  own.retry_max = 200ms;
  Running projector(own);
  int lost = 0;
  for (int round = 0; round < 6; ++round) {
    talk(300);
    ASSERT_TRUE(projected());
    if (round % 3 == 2) {
      server.stop();
    } else {
      server.crash();
    }
    talk(100);
    server.start();
    pool_.emplace(postgres::PoolOptions{.session = session(schema_), .connections_max = 2});
    if (number("SELECT count(*) FROM event_index") < written_ - 100) ++lost;
    ASSERT_TRUE(projected());
  }
  EXPECT_GT(lost, 0) << "no crash lost anything: this test shows nothing";
  EXPECT_FALSE(projector.over());
  projector.stop();
  expect_each_event_once();
  postgres_ = shared;
  pool_.emplace(postgres::PoolOptions{.session = session(schemas_.front()), .connections_max = 2});
  schemas_.resize(1);  // those of the other server are gone with it
}

// The same seen from closer: the tables are put back to an earlier moment while the projector runs.
TEST_F(ProjectorTest, WhatPostgreSQLLostIsReadAgainFromTheLog) {
  Running projector(options());
  talk(200);
  ASSERT_TRUE(projected());
  const std::vector<std::string> tables{"accounts", "assistants", "dialogs", "messages", "event_index", "checkpoints"};
  for (const auto& table : tables) query("CREATE TABLE old_" + table + " AS SELECT * FROM " + table);
  talk(200);
  ASSERT_TRUE(projected());
  {
    auto lease = pool_->lease(kDeadline);
    auto back = lease->transaction();
    for (const auto& table : tables) {
      ASSERT_TRUE(back->query("DELETE FROM " + table));
      ASSERT_TRUE(back->query("INSERT INTO " + table + " SELECT * FROM old_" + table));
    }
    ASSERT_TRUE(back->commit());
  }
  talk(200);
  ASSERT_TRUE(projected());
  EXPECT_FALSE(projector.over());
  expect_each_event_once();
}

TEST_F(ProjectorTest, AnEventOfAnUnknownTypeIsPassed) {
  Running projector(options());
  ASSERT_TRUE(producer_->begin());
  put(log_.event({Kind::dialog, 5}, parley::testing::opened({1}, {1})), 1);
  put(log_.unknown("dialog/5", "parley.dialog.sung.v9"), 1);
  put(log_.unknown("seal/1", "parley.seal.v1"), 1);
  put(log_.event({Kind::dialog, 5}, parley::testing::message(9, "и дальше")), 1);
  commit();
  ASSERT_TRUE(projected());
  EXPECT_EQ(number("SELECT version FROM dialogs WHERE id = 5"), 3);
  expect_each_event_once();
}

TEST_F(ProjectorTest, AnotherLogIsNotProjectedOnTopOfThisOne) {
  {
    Running projector(options());
    talk(100);
    ASSERT_TRUE(projected());
  }
  query("UPDATE checkpoints SET last_event_id = 'another' WHERE partition = 1");
  EXPECT_THAT(Running(options()).failure(), HasSubstr("another log"));
  query("UPDATE checkpoints SET topic_id = 'another'");
  EXPECT_THAT(Running(options()).failure(), HasSubstr("another log"));
  query(
      "UPDATE checkpoints SET topic_id = NULL, last_event_id = NULL, last_position = NULL, next = 1000000 WHERE "
      "partition = 1");
  query("UPDATE checkpoints SET topic_id = NULL");
  EXPECT_THAT(Running(options()).failure(), HasSubstr("another log"));
}

TEST_F(ProjectorTest, AnotherPartitionCountOrSchemaStopsItAtOnce) {
  Options other = options();
  other.partitions = 16;
  EXPECT_THAT(Running(other).failure(), HasSubstr("partitions"));
  other = options();
  other.schema = postgres::testing::unique_schema();
  EXPECT_THAT(Running(other).failure(), HasSubstr("parley migrate"));
}

}  // namespace
}  // namespace parley::projector
