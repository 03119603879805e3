// Event streams over a real log and real sockets; and their history out of a real PostgreSQL.
#include "api/streams/streams.h"

#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "api/http/server.h"
#include "api/progress/progress.h"
#include "api/streams/postgres_history.h"
#include "platform/kafka/transactional_producer.h"
#include "platform/postgres/migrator.h"
#include "projections/engine/batch.h"
#include "projections/engine/checkpoints.h"
#include "projections/engine/parking.h"
#include "projections/schema.h"
#include "tests/integration/event_log.h"
#include "tests/integration/kafka_fixture.h"
#include "tests/integration/postgres_fixture.h"
#include "tests/unit/http_client.h"
#include "tests/unit/streams_client.h"

namespace parley::api {
namespace {

using namespace std::chrono_literals;
using kafka::testing::eventually;
using parley::testing::EventLog;
using parley::testing::message;
using parley::testing::opened;
using ::testing::HasSubstr;
using testing::read_frames;
using testing::ReceivedFrame;

constexpr int kPartitions = 4;
constexpr AccountId kOwner{1024}, kStranger{2048};
constexpr AssistantId kAssistant{1025};
constexpr DialogId kDialog{1024 + 300};  // of partition 1

/// What a projector would have in PostgreSQL, moved on by the test.
class LogHistory final : public HistorySource {
 public:
  std::expected<History, HistoryUnavailable> read(const HistoryRequest& request) override {
    const std::lock_guard lock(mutex_);
    if (down_) return std::unexpected(HistoryUnavailable{"down"});
    History history{.checkpoint = next_};
    const auto* owner = std::get_if<Owner>(&request.viewer);
    history.is_visible = version_ > 0 && request.dialog == kDialog && owner != nullptr && owner->account == kOwner;
    if (!history.is_visible) return history;
    history.version = version_;
    for (const auto& m : messages_) {
      if (m.version <= request.after || m.version > version_) continue;
      if (std::ssize(history.messages) == request.limit) {
        history.has_more = true;
        break;
      }
      history.messages.push_back(m);
    }
    return history;
  }
  std::expected<FeedHistory, HistoryUnavailable> read(const FeedHistoryRequest&) override {
    return std::unexpected(HistoryUnavailable{"no feeds"});
  }
  std::int64_t checkpoint(int partition) const override {
    const std::lock_guard lock(mutex_);
    return partition == 1 ? next_ : 0;
  }
  bool known() const override { return true; }
  bool connected() const override { return true; }

  void written(History::Message m) {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(m));
  }
  void project(std::int64_t version, std::int64_t next) {
    const std::lock_guard lock(mutex_);
    version_ = version;
    next_ = next;
  }
  void set_down(bool down) {
    const std::lock_guard lock(mutex_);
    down_ = down;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<History::Message> messages_;
  std::int64_t version_ = 0;
  std::int64_t next_ = 0;
  bool down_ = false;
};

class StreamsOnKafka : public kafka::testing::KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped()) return;
    prefix_ = kafka::testing::unique_name("test");
    auto producer = kafka::TransactionalProducer::open(config_, {prefix_ + ".writer", 10s});
    ASSERT_TRUE(producer) << producer.error().text;
    ASSERT_TRUE(producer->init(20s));
    producer_.emplace(std::move(*producer));
  }
  void TearDown() override {
    if (server_) server_->stop();
    streams_.reset();
    KafkaTest::TearDown();
  }

  void create_topic() {
    ASSERT_TRUE(admin_->create_topic({topic_name(), kPartitions, 1, {}}));
    topics_.push_back(topic_name());
  }
  std::string topic_name() const { return prefix_ + ".events"; }

  void start_streams(http::Timeouts timeouts = {}) {
    auto history = std::make_unique<LogHistory>();
    history_ = history.get();
    streams_ = std::make_unique<Streams>(
        Streams::Options{.kafka = config_, .topic_prefix = prefix_, .partitions = kPartitions},
        [](DialogId, const dialogs::MessageCreated& created, Timestamp time) {
          return "{\"text\":\"" + created.text.text + "\",\"at\":\"" + schema::format_time(time) + "\"}";
        },
        std::move(history), timers_);
    http::Routes routes;
    routes.add("GET", "/dialogs/{id}/events", [this](const http::Request& request, http::Responder responder) {
      const auto number = [](std::string_view text) { return std::stoll(std::string(text)); };
      const auto last_id = request.headers.get("Last-Event-ID");
      streams_->open(StreamRequest{
          .responder = std::move(responder),
          .dialog = {number(*request.path.find("id"))},
          .viewer = Owner{{number(request.headers.get("X-Account"))}},
          .last_id = last_id.empty() ? std::nullopt : std::optional<std::int64_t>(number(last_id)),
          .extra = {},
          .error = [](const Error& error) {
            return http::Response::json(error.code == Code::dialog_not_found ? 404 : 503, R"({"error":{"code":"E"}})");
          }});
    });
    server_ = std::make_unique<http::Server>(
        http::ServerOptions{.io_threads = 2, .timeouts = timeouts}, std::move(routes),
        http::Hooks{.error = [](const http::KernelError& e) { return http::Response{.status = e.refusal.status}; },
                    .answered = {},
                    .failed = {}});
    server_->start();
  }
  bool is_ready() const { return streams_->verdict().readiness == health::Readiness::ready; }

  /// One transaction of one event.
  void write(const Event& event, bool commits = true) {
    const auto written = log_.event({Kind::dialog, kDialog.value}, event);
    const auto fields = schema::to_headers(written.envelope);
    std::vector<kafka::Header> headers;
    for (const auto& [name, value] : fields) headers.push_back({name, value});
    ASSERT_TRUE(producer_->begin());
    const auto number = producer_->produce({topic_name(), 1, written.envelope.subject, written.value, headers, {}});
    ASSERT_TRUE(number);
    ASSERT_TRUE(producer_->flush(10s));
    if (!commits) {
      ASSERT_TRUE(producer_->abort(10s));
      return;
    }
    const auto offset = producer_->offset_of(*number);
    ASSERT_TRUE(producer_->commit(10s));
    offsets_.push_back(offset);
    const auto& of_dialog = event.get<dialogs::Event>();
    if (const auto* created = std::get_if<dialogs::MessageCreated>(&of_dialog)) {
      history_->written({.version = written.envelope.sequence, .at = written.envelope.time, .created = *created});
    }
  }
  void project(std::size_t version) {
    history_->project(static_cast<std::int64_t>(version), version == 0 ? 0 : offsets_.at(version - 1) + 1);
    streams_->read_model_advanced();
  }

  std::unique_ptr<http::test::Client> connect(std::optional<std::int64_t> last_id, AccountId account = kOwner,
                                              DialogId dialog = kDialog) {
    auto client = std::make_unique<http::test::Client>(server_->port());
    std::string lines = "X-Account: " + std::to_string(account.value) + "\r\n";
    if (last_id) lines += "Last-Event-ID: " + std::to_string(*last_id) + "\r\n";
    client->get("/dialogs/" + std::to_string(dialog.value) + "/events", lines);
    return client;
  }

  http::Timers timers_;
  std::string prefix_;
  std::optional<kafka::TransactionalProducer> producer_;
  EventLog log_;
  std::vector<std::int64_t> offsets_;  // of the dialog's events, by version - 1
  LogHistory* history_ = nullptr;
  std::unique_ptr<Streams> streams_;
  std::unique_ptr<http::Server> server_;
};

/// The text of a chunked answer without its chunks.
std::string dechunked(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto line = text.find("\r\n");
    if (line == std::string_view::npos) break;
    const auto size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
    if (text.size() < line + 2 + size) break;
    plain += text.substr(line + 2, size);
    text.remove_prefix(std::min(text.size(), line + 2 + size + 2));
  }
  return plain;
}
std::vector<std::int64_t> ids(const std::vector<ReceivedFrame>& frames) {
  std::vector<std::int64_t> found;
  for (const auto& frame : frames) {
    if (frame.id) found.push_back(*frame.id);
  }
  return found;
}

TEST_F(StreamsOnKafka, IsReadyWhenItHasReadWhatStoodInTheLog) {
  start_streams();
  ASSERT_TRUE(eventually(
      [&] { return !streams_->verdict().reasons.empty() && streams_->verdict().reasons[0].contains("no topic"); }));
  EXPECT_EQ(streams_->verdict().readiness, health::Readiness::not_ready);
  create_topic();
  EXPECT_TRUE(eventually([&] { return is_ready(); }));
}

TEST_F(StreamsOnKafka, DeliversWhatWasCommittedAndNothingElse) {
  create_topic();
  start_streams();
  write(opened(kAssistant, kOwner));
  write(message(1024, "one"));
  ASSERT_TRUE(eventually([&] { return is_ready() && streams_->find_dialog(kDialog); }));
  auto client = connect(0);
  ASSERT_TRUE(client->read_to("\"one\""));
  EventLog before = log_;
  write(message(2048, "aborted"), false);
  log_ = before;
  write(message(2048, "two"));
  ASSERT_TRUE(client->read_to("\"two\""));
  const auto text = client->take_unread();
  EXPECT_THAT(text, HasSubstr("Content-Type: text/event-stream"));
  EXPECT_FALSE(text.contains("aborted"));
  const auto [frames, read] = read_frames(dechunked(std::string_view(text).substr(text.find("\r\n\r\n") + 4)));
  EXPECT_EQ(ids(frames), (std::vector<std::int64_t>{1, 2, 3}));
}

TEST_F(StreamsOnKafka, AnswersPlainlyWhenThereIsNothingToStream) {
  create_topic();
  start_streams();
  write(opened(kAssistant, kOwner));
  ASSERT_TRUE(eventually([&] { return is_ready() && streams_->find_dialog(kDialog); }));
  EXPECT_EQ(connect(0, kStranger)->read().value().status, 404) << "another's, as the hub knows";
  EXPECT_EQ(connect(0, kOwner, DialogId{kDialog.value + 1024})->read().value().status, 404)
      << "nowhere, once the log's end is known";
  streams_->close_all();
  EXPECT_EQ(connect(0)->read().value().status, 503);
}

TEST_F(StreamsOnKafka, AClientThatIsCutAgainAndAgainReceivesTheLog) {
  constexpr std::size_t kEvents = 400;
  create_topic();
  start_streams();
  write(opened(kAssistant, kOwner));
  ASSERT_TRUE(eventually([&] { return is_ready() && streams_->find_dialog(kDialog); }));

  std::thread log([&] {
    std::mt19937 random(1);
    std::size_t projected = 0;
    for (std::size_t version = 2; version <= kEvents; ++version) {
      write(message(static_cast<std::int64_t>(version) * 1024, "m" + std::to_string(version)));
      if (random() % 4 == 0) project(projected = std::min(offsets_.size(), projected + random() % 20));
      if (random() % 40 == 0) history_->set_down(random() % 2 == 0);
    }
    history_->set_down(false);
    project(kEvents);
  });

  std::mt19937 random(2);
  std::vector<ReceivedFrame> received;
  std::int64_t last_id = 0;
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (last_id < static_cast<std::int64_t>(kEvents) && std::chrono::steady_clock::now() < deadline) {
    auto client = connect(last_id);
    std::string text;
    // One frame more than there is: to be cut in the middle of what follows.
    client->read_to("id: " + std::to_string(std::min<std::int64_t>(
                                 kEvents, last_id + 1 + static_cast<std::int64_t>(random() % 30))));
    text = client->take_unread();
    client->abort();
    const auto head = text.find("\r\n\r\n");
    if (head == std::string::npos) continue;
    for (auto& frame : read_frames(dechunked(std::string_view(text).substr(head + 4))).first) {
      if (!frame.id) continue;
      last_id = *frame.id;
      received.push_back(std::move(frame));
    }
  }
  log.join();
  ASSERT_EQ(received.size(), kEvents);
  for (std::size_t i = 0; i < kEvents; ++i) {
    EXPECT_EQ(received[i].id, static_cast<std::int64_t>(i) + 1);
    if (i > 0) {
      EXPECT_THAT(received[i].data.value_or(""), HasSubstr("\"m" + std::to_string(i + 1) + "\""));
    }
  }
}

TEST_F(StreamsOnKafka, AClientThatDoesNotReadIsCutAndTheOthersNoticeNothing) {
  constexpr int kEvents = 800;
  create_topic();
  start_streams({.write = 500ms});
  write(opened(kAssistant, kOwner));
  ASSERT_TRUE(eventually([&] { return is_ready() && streams_->find_dialog(kDialog); }));
  http::test::Client stalled(server_->port(), 4'096);
  stalled.get("/dialogs/" + std::to_string(kDialog.value) + "/events", "X-Account: 1024\r\nLast-Event-ID: 0\r\n");
  auto other = connect(0);
  ASSERT_TRUE(other->read_to("id: 1\n"));
  ASSERT_TRUE(eventually([&] { return server_->counters().streams == 2; }));
  std::thread reader([&] { EXPECT_TRUE(other->read_to("id: " + std::to_string(kEvents) + "\n")); });
  for (int version = 2; version <= kEvents; ++version)
    write(message(version * 1024, std::string(9'000, 'x') + std::to_string(version)));
  reader.join();
  EXPECT_TRUE(eventually([&] { return server_->counters().streams == 1; }));
  other->close();
  EXPECT_TRUE(eventually([&] { return server_->counters().streams == 0; }));
}

class StreamHistoryInPostgres : public postgres::testing::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    const auto migrated = postgres::migrate(session(), projections::migrations());
    ASSERT_TRUE(migrated) << migrated.error().detail;
    pool_.emplace(postgres::PoolOptions{.session = session(), .connections_max = 2});
    progress_.emplace(Progress::Options{.session = session(), .partitions = kPartitions}, *pool_);
    history_.emplace(*pool_, *progress_);
  }
  void TearDown() override {
    history_.reset();
    progress_.reset();
    pool_.reset();
    PostgresTest::TearDown();
  }

  /// As the projector: rows and checkpoint in one transaction.
  void project(const std::vector<Event>& events) {
    projections::Batch batch;
    const auto before = offset_;
    for (const auto& event : events) {
      const auto written = log_.event({Kind::dialog, kDialog.value}, event);
      ASSERT_TRUE(batch.add(written.envelope, written.value, 1, offset_++));
    }
    auto lease = pool_->lease(5s);
    ASSERT_TRUE(lease);
    const std::vector<std::int32_t> partitions{0, 1, 2, 3};
    ASSERT_TRUE(projections::start_checkpoints(*lease, partitions, "topic"));
    auto transaction = lease->transaction();
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(batch.write(*transaction));
    const std::vector<projections::Advance> advances{{.from = before, .to = {.partition = 1, .next = offset_}}};
    const auto advanced = projections::advance(*transaction, advances);
    ASSERT_TRUE(advanced && *advanced == 1);
    ASSERT_TRUE(projections::announce(*transaction, advances));
    ASSERT_TRUE(transaction->commit());
  }
  History read(const Principal& viewer, std::int64_t after, int limit = 100) {
    auto found = history_->read({.dialog = kDialog, .viewer = viewer, .after = after, .partition = 1, .limit = limit});
    EXPECT_TRUE(found) << found.error().text;
    return found.value_or(History{});
  }

  EventLog log_;
  std::int64_t offset_ = 0;
  std::optional<postgres::Pool> pool_;
  std::optional<Progress> progress_;
  std::optional<PostgresHistory> history_;
};

TEST_F(StreamHistoryInPostgres, IsWhatWasProjectedWithItsCheckpoint) {
  const auto m2 = dialogs::MessageCreated{
      .message = {2048}, .sender = dialogs::Sender::user, .text = {"Здравствуйте\r\n"}, .operator_name = {}};
  const auto m3 = dialogs::MessageCreated{.message = {3072},
                                          .sender = dialogs::Sender::operator_,
                                          .text = {"Добрый день"},
                                          .operator_name = Personal{"Ольга"}};
  project({opened(kAssistant, kOwner), Event(dialogs::Event(m2)), Event(dialogs::Event(m3))});

  for (const Principal& viewer : {Principal{Owner{kOwner}}, Principal{Visitor{kAssistant}}}) {
    const auto all = read(viewer, 0);
    EXPECT_TRUE(all.is_visible);
    EXPECT_EQ(all.version, 3);
    EXPECT_EQ(all.checkpoint, 3);
    ASSERT_EQ(all.messages.size(), 2U);
    EXPECT_EQ(all.messages[0].created, m2);
    EXPECT_EQ(all.messages[1].created, m3);
    EXPECT_EQ(all.messages[1].version, 3);
  }
  EXPECT_TRUE(read(Owner{kOwner}, 0, 1).has_more);
  EXPECT_EQ(read(Owner{kOwner}, 2).messages.size(), 1U);
  const auto from_now = read(Owner{kOwner}, std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(from_now.is_visible);
  EXPECT_TRUE(from_now.messages.empty());
  EXPECT_TRUE(eventually([&] { return history_->checkpoint(1) == 3 && history_->known() && history_->connected(); }));
}

TEST_F(StreamHistoryInPostgres, IsNothingForOthersAsOfACheckpoint) {
  project({opened(kAssistant, kOwner)});
  for (const Principal& viewer :
       {Principal{Owner{kStranger}}, Principal{Visitor{AssistantId{9}}}, Principal{Anonymous{}}}) {
    const auto nothing = read(viewer, 0);
    EXPECT_FALSE(nothing.is_visible);
    EXPECT_EQ(nothing.checkpoint, 1);
  }
}

// What the hub has let go and the read model has not applied would be missing for good: history says where it ends.
TEST_F(StreamHistoryInPostgres, OfAParkedDialogReachesToWhereItStopped) {
  project({opened(kAssistant, kOwner)});
  const auto park = [&](std::int64_t position) {
    auto lease = pool_->lease(5s);
    auto transaction = lease->transaction();
    const projections::Parking parking{.stream = to_string(Stream{Kind::dialog, kDialog.value}),
                                       .partition = 1,
                                       .reason = "why",
                                       .events = {{position, 2, "id"}}};
    ASSERT_TRUE(projections::park(*transaction, {&parking, 1}));
    ASSERT_TRUE(transaction->query("UPDATE checkpoints SET next = 9 WHERE partition = 1"));
    ASSERT_TRUE(transaction->commit());
  };
  park(4);
  const auto parked = read(Owner{kOwner}, 0);
  EXPECT_TRUE(parked.is_visible);
  EXPECT_EQ(parked.version, 1);
  EXPECT_EQ(parked.checkpoint, 9);
  EXPECT_EQ(parked.reflected(), 4);
  EXPECT_EQ(read(Owner{kStranger}, 0).reflected(), 9);
  {
    auto lease = pool_->lease(5s);
    ASSERT_TRUE(lease->query("DELETE FROM dialogs"));
  }
  const auto unopened = read(Owner{kOwner}, 0);
  EXPECT_FALSE(unopened.is_visible);
  EXPECT_EQ(unopened.reflected(), 4);
}

TEST_F(StreamHistoryInPostgres, SaysWhenItCannotBeRead) {
  auto elsewhere = session();
  elsewhere.connection = "host=127.0.0.1 port=1 dbname=none connect_timeout=1";
  postgres::Pool pool({.session = elsewhere, .connections_max = 1});
  PostgresHistory history(pool, *progress_);
  EXPECT_FALSE(history.read({.dialog = kDialog, .viewer = Owner{kOwner}, .after = 0, .partition = 1, .limit = 1}));
}

}  // namespace
}  // namespace parley::api
