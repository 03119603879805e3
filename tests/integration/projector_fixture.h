#pragma once
// What tests of workers/projector share: projectors on threads and as processes, a log that they write themselves, and
// what the tables then hold.
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <random>

#include "platform/kafka/transactional_producer.h"
#include "platform/postgres/migrator.h"
#include "projections/engine/checkpoints.h"
#include "projections/schema.h"
#include "tests/integration/event_log.h"
#include "tests/integration/kafka_fixture.h"
#include "tests/integration/postgres_fixture.h"
#include "workers/projector/projector.h"

namespace parley::projector::testing {

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

  postgres::SessionOptions session(const std::string& schema) const {
    return {.connection = postgres_, .schema = schema};
  }
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
    return {PROJECTOR_PROCESS,     config_.brokers, topic_,    std::to_string(kPartitions),
            topic_ + ".processes", instance,        postgres_, schema_};
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

  /// Messages in some dialogs, new dialogs among them, in transactions of a few: control records lie between the
  /// events.
  void talk(int events) {
    while (events > 0) {
      ASSERT_TRUE(producer_->begin());
      for (int batch = std::uniform_int_distribution(1, 20)(random_); batch > 0 && events > 0; --batch, --events) {
        const bool fresh = dialogs_ == 0 || random_() % 10 == 0;
        const Stream stream{Kind::dialog, fresh ? ++dialogs_ : static_cast<std::int64_t>(random_() % dialogs_) + 1};
        put(log_.event(stream, fresh ? parley::testing::opened({1}, {1})
                                     : parley::testing::message(written_ + 1, "текст " + std::to_string(written_))),
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
    ASSERT_TRUE(producer_->produce(
        {.topic = topic_, .partition = partition, .key = key, .value = event.value, .headers = views, .time = {}}));
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
      query("SELECT count(*), coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') FROM \"" + schema +
            "\"." + table + " t")[0]
          .into(count, md5);
      all += std::string(table) + " " + std::to_string(count) + " " + md5 + "\n";
    }
    return all;
  }
  /// What the log gives when nothing disturbs its projection.
  std::string refold() {
    const std::string fresh = new_schema();
    Running projector(options(fresh));
    EXPECT_TRUE(eventually([&] { return number("SELECT count(*) FROM \"" + fresh + "\".event_index") >= written_; },
                           kDeadline));
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

}  // namespace parley::projector::testing
