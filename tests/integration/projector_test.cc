// workers/projector on a real broker and a real PostgreSQL: each event counts once, whatever is killed, paused or cut off.
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <random>

#include "platform/kafka/transactional_producer.h"
#include "platform/metrics/metrics.h"
#include "platform/postgres/listener.h"
#include "platform/postgres/migrator.h"
#include "projections/checkpoints.h"
#include "projections/queries.h"
#include "projections/schema.h"
#include "tests/integration/event_log.h"
#include "tests/integration/kafka_fixture.h"
#include "tests/integration/postgres_fixture.h"
#include "tests/integration/postgres_server.h"
#include "tests/integration/tcp_gate.h"
#include "workers/projector/projector.h"

namespace parley::projector {
namespace {

using namespace std::chrono_literals;
using health::Readiness;
using kafka::testing::eventually;
using ::testing::HasSubstr;

constexpr int kPartitions = 4;
constexpr auto kDeadline = 40s;

/// A projector on a thread of this process.
class Running {
 public:
  explicit Running(Options options)
      : projector_(std::move(options)), thread_([this](const std::stop_token& stop) {
          ended_ = projector_.run(stop);
          over_ = true;
        }) {}
  health::Verdict verdict() const { return projector_.verdict(); }
  bool over() const { return over_; }
  /// Why it ended by itself.
  std::string failure() {
    EXPECT_TRUE(eventually([&] { return over(); }, kDeadline));
    thread_.join();
    return ended_ ? "" : ended_.error();
  }
  void stop() { thread_ = {}; }

 private:
  Projector projector_;
  std::expected<void, std::string> ended_;
  std::atomic<bool> over_{false};
  std::jthread thread_;
};

/// A projector as a process.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) : arguments_(std::move(arguments)) { start(); }
  ~Process() { kill(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void start() {
    std::vector<char*> argv;
    for (auto& a : arguments_) argv.push_back(a.data());
    argv.push_back(nullptr);
    ASSERT_EQ(::posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ), 0);
  }
  void signal(int number) const { ::kill(pid_, number); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

 private:
  std::vector<std::string> arguments_;
  pid_t pid_ = 0;
};

class ProjectorTest : public kafka::testing::KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped()) return;
    const char* postgres = std::getenv("PARLEY_TEST_POSTGRES");
    if (postgres == nullptr) GTEST_SKIP() << "PARLEY_TEST_POSTGRES is not set";
    postgres_ = postgres;
    topic_ = topic(kPartitions);
    schema_ = new_schema();
    auto producer = kafka::TransactionalProducer::open(config_, {.transactional_id = topic_});
    ASSERT_TRUE(producer);
    producer_.emplace(std::move(*producer));
    ASSERT_TRUE(producer_->init(30s));
    pool_.emplace(postgres::PoolOptions{.session = session(schema_), .connections_max = 3});
  }
  void TearDown() override {
    producer_.reset();
    for (const auto& schema : schemas_) query("DROP SCHEMA \"" + schema + "\" CASCADE");
    pool_.reset();
    KafkaTest::TearDown();
  }

  postgres::SessionOptions session(const std::string& schema) const { return {.connection = postgres_, .schema = schema}; }
  std::string new_schema() {
    std::string schema = postgres::testing::unique_schema();
    const auto migrated = postgres::migrate(session(schema), projections::migrations());
    EXPECT_TRUE(migrated) << migrated.error().detail;
    schemas_.push_back(schema);
    return schema;
  }
  Options options(const std::string& schema) const {
    return {.kafka = config_,
            .events_topic = topic_,
            .partitions = kPartitions,
            .group = topic_ + "." + schema,
            .instance = "projector-1",
            .postgres = postgres_,
            .schema = schema,
            .batch_events_max = 50};
  }
  Options options() const { return options(schema_); }
  std::vector<std::string> process(const std::string& instance) const {
    return {PROJECTOR_PROCESS, config_.brokers, topic_, std::to_string(kPartitions), topic_ + ".processes", instance, postgres_, schema_};
  }

  postgres::Rows query(const std::string& statement) {
    auto lease = pool_->lease(kDeadline);
    EXPECT_TRUE(lease) << lease.error().detail;
    auto rows = lease->query(statement);
    EXPECT_TRUE(rows) << rows.error().detail << " in " << statement;
    return std::move(*rows);
  }
  std::int64_t number(const std::string& statement) {
    std::int64_t n = 0;
    query(statement)[0].into(n);
    return n;
  }

  /// Messages in some dialogs, new dialogs among them, in transactions of a few: control records lie between the events.
  void talk(int events) {
    while (events > 0) {
      ASSERT_TRUE(producer_->begin());
      for (int batch = std::uniform_int_distribution(1, 20)(random_); batch > 0 && events > 0; --batch, --events) {
        const bool fresh = dialogs_ == 0 || random_() % 10 == 0;
        const Stream stream{Kind::dialog, fresh ? ++dialogs_ : static_cast<std::int64_t>(random_() % dialogs_) + 1};
        put(log_.event(stream,
                       fresh ? parley::testing::opened({1}, {1}) : parley::testing::message(written_ + 1, "текст " + std::to_string(written_))),
            partition_of(stream));
      }
      commit();
    }
  }
  /// In the transaction that is open.
  void commit() { ASSERT_TRUE(producer_->flush(10s) && producer_->commit(10s)); }
  void put(const parley::testing::Written& event, std::int32_t partition) {
    const auto headers = schema::to_headers(event.envelope);
    std::vector<kafka::Header> views;
    for (const auto& [name, value] : headers) views.push_back({name, value});
    const std::string key = event.envelope.subject;
    ASSERT_TRUE(producer_->produce({.topic = topic_, .partition = partition, .key = key, .value = event.value, .headers = views, .time = {}}));
    ++written_;
  }
  void append(const Stream& stream, const Event& event) {
    ASSERT_TRUE(producer_->begin());
    put(log_.event(stream, event), partition_of(stream));
    commit();
  }
  static std::int32_t partition_of(const Stream& stream) { return static_cast<std::int32_t>(stream.id % kPartitions); }

  bool projected(std::int64_t count) {
    return eventually([&] { return number("SELECT count(*) FROM event_index") >= count; }, kDeadline);
  }
  bool projected() { return projected(written_); }
  /// Every table's contents in one text, without the times of writing.
  std::string digest(const std::string& schema) {
    std::string all;
    for (const char* table : {"accounts", "assistants", "dialogs", "messages", "event_index"}) {
      std::int64_t count = 0;
      std::string md5;
      query("SELECT count(*), coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') FROM \"" + schema + "\"." + table + " t")[0].into(count,
                                                                                                                                                md5);
      all += std::string(table) + " " + std::to_string(count) + " " + md5 + "\n";
    }
    return all;
  }
  /// What the log gives when nothing disturbs its projection.
  std::string refold() {
    const std::string fresh = new_schema();
    Running projector(options(fresh));
    EXPECT_TRUE(eventually([&] { return number("SELECT count(*) FROM \"" + fresh + "\".event_index") >= written_; }, kDeadline));
    projector.stop();
    return digest(fresh);
  }
  void expect_each_event_once() {
    EXPECT_EQ(number("SELECT count(*) FROM event_index"), written_);
    EXPECT_EQ(digest(schema_), refold());
  }

  std::string postgres_, topic_, schema_;
  std::vector<std::string> schemas_;
  std::optional<kafka::TransactionalProducer> producer_;
  std::optional<postgres::Pool> pool_;
  parley::testing::EventLog log_;
  std::int64_t written_ = 0;
  std::int64_t dialogs_ = 0;
  std::mt19937 random_{20261121};
};

TEST_F(ProjectorTest, EveryEventIsInTheTablesAndTheCheckpointsAreAnnounced) {
  std::mutex mutex;
  std::map<std::int32_t, std::int64_t> announced;
  std::atomic<bool> other = false;
  postgres::Listener of_other_schema({.session = session(schema_), .channel = projections::checkpoint_channel(schema_ + "_too")},
                                     {.on_listening = [] {}, .on_notification = [&](std::string_view) { other = true; }});
  postgres::Listener listener({.session = session(schema_), .channel = projections::checkpoint_channel(schema_)},
                              {.on_listening = [] {},
                               .on_notification =
                                   [&](std::string_view payload) {
                                     const std::lock_guard lock(mutex);
                                     const auto positions = projections::parse_announcement(payload);
                                     for (const auto& [partition, next] : *positions) announced[partition] = std::max(announced[partition], next);
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

// Two groups: neither ever hears of the other, as a process that was replaced and does not know it yet. Every batch of one is in the other's way.
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

// A crash of PostgreSQL takes back what was committed with synchronous_commit = off: after it the tables stand where they stood before.
TEST_F(ProjectorTest, PostgreSQLMayCrashAndStopAndEverythingIsThereAfterwards) {
  if (parley::testing::PostgresServer::programs().empty()) GTEST_SKIP() << "there are no programs of a PostgreSQL server here";
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

TEST_F(ProjectorTest, AnEventThatCannotBeAppliedStopsItAndNothingPassesIt) {
  append({Kind::dialog, 4}, parley::testing::opened({1}, {1}));
  Running first(options());
  ASSERT_TRUE(projected());
  auto broken = log_.event({Kind::dialog, 4}, parley::testing::message(9, "тайна"));
  broken.value = "{\"text\":\"тайна\"";
  ASSERT_TRUE(producer_->begin());
  put(broken, 0);
  commit();
  append({Kind::dialog, 8}, parley::testing::opened({1}, {1}));
  const std::string why = first.failure();
  EXPECT_THAT(why, HasSubstr(broken.envelope.id));
  EXPECT_THAT(why, ::testing::Not(HasSubstr("тайна")));
  Running second(options());
  EXPECT_THAT(second.failure(), HasSubstr(broken.envelope.id));
  EXPECT_EQ(number("SELECT count(*) FROM event_index"), 1);
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
  query("UPDATE checkpoints SET topic_id = NULL, last_event_id = NULL, last_position = NULL, next = 1000000 WHERE partition = 1");
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
