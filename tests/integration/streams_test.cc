// Event streams over a real log and real sockets; and their history out of a real log and its index in PostgreSQL.
#include "api/streams/streams.h"

#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "api/http/server.h"
#include "api/progress/progress.h"
#include "api/streams/event_tail.h"
#include "api/streams/log_history.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/transactional_producer.h"
#include "platform/postgres/migrator.h"
#include "projections/engine/batch.h"
#include "projections/engine/checkpoints.h"
#include "projections/engine/parking.h"
#include "projections/schema.h"
#include "schemas/contexts/dialogs.h"
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
constexpr Stream kStream{Kind::dialog, kDialog.value};

/// Messages, as JSON of their text and time.
const EventViews& views() {
  static const EventViews views = [] {
    EventViews made;
    made.view<dialogs::MessageCreated>([](const auto& created, const EventRecord& record, Viewer) {
      return "{\"text\":\"" + created.text.text + "\",\"at\":\"" + schema::format_time(record.at) + "\"}";
    });
    return made;
  }();
  return views;
}

/// What a projector would have in PostgreSQL, moved on by the test.
class ProjectedHistory final : public HistorySource {
 public:
  std::expected<History, HistoryUnavailable> read(const HistoryRequest& request) override {
    const std::lock_guard lock(mutex_);
    if (down_) return std::unexpected(HistoryUnavailable{"down"});
    History history{.checkpoint = next_};
    const auto* owner = std::get_if<Owner>(&request.viewer);
    history.is_visible = version_ > 0 && request.stream == kStream && owner != nullptr && owner->account == kOwner;
    if (!history.is_visible) return history;
    history.version = version_;
    for (const auto& m : messages_) {
      if (m.sequence <= request.after || m.sequence > version_) continue;
      if (std::ssize(history.events) == request.limit) {
        history.has_more = true;
        break;
      }
      history.events.push_back(m);
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

  void written(EventRecord m) {
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
  std::vector<EventRecord> messages_;
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
    auto history = std::make_unique<ProjectedHistory>();
    history_ = history.get();
    streams_ = std::make_unique<Streams>(
        Streams::Options{.kafka = config_, .topic_prefix = prefix_, .partitions = kPartitions}, std::move(history),
        timers_);
    http::Routes routes;
    routes.add("GET", "/dialogs/{id}/events", [this](const http::Request& request, http::Responder responder) {
      const auto number = [](std::string_view text) { return std::stoll(std::string(text)); };
      const auto last_id = request.headers.get("Last-Event-ID");
      streams_->open(
          StreamRequest{.responder = std::move(responder),
                        .stream = {Kind::dialog, number(*request.path.find("id"))},
                        .views = views(),
                        .viewer = Owner{{number(request.headers.get("X-Account"))}},
                        .last_id = last_id.empty() ? std::nullopt : std::optional<std::int64_t>(number(last_id)),
                        .extra = {},
                        .error = [](const Error& error) {
                          return http::Response::json(error.code == dialogs::kDialogNotFound ? 404 : 503,
                                                      R"({"error":{"code":"E"}})");
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
    if (std::holds_alternative<dialogs::MessageCreated>(of_dialog)) {
      history_->written(
          {.stream = kStream, .sequence = written.envelope.sequence, .at = written.envelope.time, .event = event});
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
  ProjectedHistory* history_ = nullptr;
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
  ASSERT_TRUE(eventually([&] { return is_ready() && streams_->find(kStream); }));
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
  ASSERT_TRUE(eventually([&] { return is_ready() && streams_->find(kStream); }));
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
  ASSERT_TRUE(eventually([&] { return is_ready() && streams_->find(kStream); }));

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
  ASSERT_TRUE(eventually([&] { return is_ready() && streams_->find(kStream); }));
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

class StreamHistoryOnLog : public kafka::testing::KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped()) return;
    const char* postgres = std::getenv("PARLEY_TEST_POSTGRES");
    if (postgres == nullptr) GTEST_SKIP() << "PARLEY_TEST_POSTGRES is not set";
    session_ = {
        .connection = postgres, .application_name = "parley test", .schema = postgres::testing::unique_schema()};
    const auto migrated = postgres::migrate(session_, projections::migrations());
    ASSERT_TRUE(migrated) << migrated.error().detail;
    pool_.emplace(postgres::PoolOptions{.session = session_, .connections_max = 2});
    progress_.emplace(Progress::Options{.session = session_, .partitions = kPartitions}, *pool_);
    topic_ = topic(kPartitions);
    auto producer = kafka::Producer::open(config_, {});
    ASSERT_TRUE(producer);
    producer_.emplace(std::move(*producer));
    history_.emplace(*pool_, *progress_, LogReader::Options{.kafka = config_, .topic = topic_});
  }
  void TearDown() override {
    history_.reset();
    progress_.reset();
    if (pool_) {
      auto lease = pool_->lease(5s);
      EXPECT_TRUE(lease && lease->query("DROP SCHEMA \"" + session_.schema + "\" CASCADE"));
    }
    pool_.reset();
    KafkaTest::TearDown();
  }

  struct Logged {
    parley::testing::Written event;
    std::int64_t offset = -1;
  };
  /// As a decider, but for transactions: offsets count events.
  std::vector<Logged> write(const std::vector<Event>& events, DialogId dialog = kDialog) {
    std::vector<Logged> logged(events.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      logged[i].event = log_.event({Kind::dialog, dialog.value}, events[i]);
      const auto fields = schema::to_headers(logged[i].event.envelope);
      std::vector<kafka::Header> headers;
      for (const auto& [name, value] : fields) headers.push_back({name, value});
      EXPECT_TRUE(producer_->produce(
          {.topic = topic_,
           .partition = 1,
           .key = logged[i].event.envelope.subject,
           .value = logged[i].event.value,
           .headers = headers,
           .time = std::nullopt},
          [&to = logged[i].offset](kafka::Result<std::int64_t> offset) { to = offset.value_or(-1); }));
    }
    EXPECT_TRUE(producer_->flush(kafka::testing::kTestDeadline));
    return logged;
  }
  /// As the projector: rows and checkpoint in one transaction.
  void project(const std::vector<Logged>& events) {
    projections::Batch batch;
    const auto before = projected_;
    for (const auto& one : events) {
      ASSERT_EQ(one.offset, projected_++);
      ASSERT_TRUE(batch.add(one.event.envelope, one.event.value, 1, one.offset));
    }
    auto lease = pool_->lease(5s);
    ASSERT_TRUE(lease);
    const std::vector<std::int32_t> partitions{0, 1, 2, 3};
    ASSERT_TRUE(projections::start_checkpoints(*lease, partitions, "topic"));
    auto transaction = lease->transaction();
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(batch.write(*transaction));
    const std::vector<projections::Advance> advances{{.from = before, .to = {.partition = 1, .next = projected_}}};
    const auto advanced = projections::advance(*transaction, advances);
    ASSERT_TRUE(advanced && *advanced == 1);
    ASSERT_TRUE(projections::announce(*transaction, advances));
    ASSERT_TRUE(transaction->commit());
  }
  void happens(const std::vector<Event>& events, DialogId dialog = kDialog) { project(write(events, dialog)); }
  History read(const Principal& viewer, std::int64_t after, int limit = 100) {
    auto found = history_->read({.stream = kStream,
                                 .viewer = viewer,
                                 .after = after,
                                 .partition = 1,
                                 .limit = limit,
                                 .types = views().types()});
    EXPECT_TRUE(found) << found.error().text;
    return found.value_or(History{});
  }
  FeedHistory read_feed(std::int64_t from, int limit = 100) {
    auto found = history_->read(FeedHistoryRequest{
        .owner = kOwner, .partition = 1, .from = from, .span_max = 1'000, .limit = limit, .types = views().types()});
    EXPECT_TRUE(found) << found.error().text;
    return found.value_or(FeedHistory{});
  }

  postgres::SessionOptions session_;
  std::string topic_;
  std::optional<kafka::Producer> producer_;
  EventLog log_;
  std::int64_t projected_ = 0;
  std::optional<postgres::Pool> pool_;
  std::optional<Progress> progress_;
  std::optional<LogHistory> history_;
};

const dialogs::MessageCreated kSecond{
    .message = {2048}, .sender = dialogs::Sender::user, .text = {"Здравствуйте\r\n"}, .operator_name = {}};
const dialogs::MessageCreated kThird{.message = {3072},
                                     .sender = dialogs::Sender::operator_,
                                     .text = {"Добрый день"},
                                     .operator_name = Personal{"Ольга"}};

TEST_F(StreamHistoryOnLog, IsWhatTheLogHoldsAsFarAsItIsProjected) {
  happens({opened(kAssistant, kOwner), Event(dialogs::Event(kSecond)), Event(dialogs::Event(kThird))});
  write({Event(dialogs::Event(dialogs::MessageCreated(kThird)))});

  for (const Principal& viewer : {Principal{Owner{kOwner}}, Principal{Visitor{kAssistant}}}) {
    const auto all = read(viewer, 0);
    EXPECT_TRUE(all.is_visible);
    EXPECT_EQ(all.version, 3);
    EXPECT_EQ(all.checkpoint, 3);
    ASSERT_EQ(all.events.size(), 2U) << "of the types that are asked for";
    EXPECT_EQ(all.events[0].event, Event(dialogs::Event(kSecond)));
    EXPECT_EQ(all.events[1].event, Event(dialogs::Event(kThird)));
    EXPECT_EQ(all.events[1].sequence, 3);
    EXPECT_EQ(all.events[1].stream, kStream);
    EXPECT_FALSE(all.has_more);
  }
  EXPECT_TRUE(read(Owner{kOwner}, 0, 1).has_more);
  EXPECT_EQ(read(Owner{kOwner}, 2).events.size(), 1U);
  const auto from_now = read(Owner{kOwner}, std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(from_now.is_visible);
  EXPECT_TRUE(from_now.events.empty());
  EXPECT_TRUE(eventually([&] { return history_->checkpoint(1) == 3 && history_->known() && history_->connected(); }));
}

TEST_F(StreamHistoryOnLog, OfAnOwnerIsWhatHappenedInItsStreamsInTheOrderOfTheLog) {
  constexpr DialogId kSecondDialog{2048 + 300}, kOthers{4096 + 300};
  happens({opened(kAssistant, kOwner), Event(dialogs::Event(kSecond))});
  happens({opened(AssistantId{7}, kStranger), Event(dialogs::Event(kThird))}, kOthers);
  happens({opened(kAssistant, kOwner), Event(dialogs::Event(kThird))}, kSecondDialog);
  const auto all = read_feed(0);
  ASSERT_EQ(all.events.size(), 2U);
  EXPECT_EQ(all.events[0].offset, 1);
  EXPECT_EQ(all.events[0].record.stream, kStream);
  EXPECT_EQ(all.events[1].offset, 5);
  EXPECT_EQ(all.events[1].record.stream, (Stream{Kind::dialog, kSecondDialog.value}));
  EXPECT_EQ(all.events[1].record.event, Event(dialogs::Event(kThird)));
  EXPECT_EQ(all.read_to, 6);
  const auto page = read_feed(0, 1);
  EXPECT_EQ(page.events.size(), 1U);
  EXPECT_EQ(page.read_to, 2);
}

TEST_F(StreamHistoryOnLog, ALongAnswerEndsBeforeItHasMoreBytesThanOneMayHold) {
  constexpr int kMessages = 11;  // of nearly a megabyte each
  std::vector<Event> events{opened(kAssistant, kOwner)};
  for (int i = 0; i < kMessages; ++i) events.push_back(message(1024 * (i + 1), std::string(900'000, 'x')));
  happens(events);
  const auto first = read(Owner{kOwner}, 0);
  EXPECT_EQ(first.events.size(), 9U);
  EXPECT_TRUE(first.has_more);
  const auto rest = read(Owner{kOwner}, first.events.back().sequence);
  EXPECT_EQ(rest.events.size(), kMessages - 9U);
  EXPECT_FALSE(rest.has_more);
  const auto of_owner = read_feed(0);
  EXPECT_EQ(of_owner.events.size(), 9U);
  EXPECT_EQ(of_owner.read_to, of_owner.events.back().offset + 1);
}

TEST_F(StreamHistoryOnLog, IsNothingForOthersAsOfACheckpoint) {
  happens({opened(kAssistant, kOwner)});
  for (const Principal& viewer :
       {Principal{Owner{kStranger}}, Principal{Visitor{AssistantId{9}}}, Principal{Anonymous{}}}) {
    const auto nothing = read(viewer, 0);
    EXPECT_FALSE(nothing.is_visible);
    EXPECT_EQ(nothing.checkpoint, 1);
  }
}

// What the hub has let go and the read model has not applied would be missing for good: history says where it ends.
TEST_F(StreamHistoryOnLog, OfAParkedDialogReachesToWhereItStopped) {
  happens({opened(kAssistant, kOwner)});
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

TEST_F(StreamHistoryOnLog, SaysWhenItCannotBeRead) {
  happens({opened(kAssistant, kOwner), Event(dialogs::Event(kSecond))});
  const HistoryRequest request{
      .stream = kStream, .viewer = Owner{kOwner}, .after = 0, .partition = 1, .limit = 1, .types = views().types()};
  auto elsewhere = session_;
  elsewhere.connection = "host=127.0.0.1 port=1 dbname=none connect_timeout=1";
  postgres::Pool pool({.session = elsewhere, .connections_max = 1});
  LogHistory without_postgres(pool, *progress_, LogReader::Options{.kafka = config_, .topic = topic_});
  EXPECT_FALSE(without_postgres.read(request));

  LogHistory without_kafka(*pool_, *progress_,
                           LogReader::Options{.kafka = {.brokers = "127.0.0.1:1"}, .topic = topic_, .patience = 300ms});
  const auto unavailable = without_kafka.read(request);
  ASSERT_FALSE(unavailable);
  EXPECT_THAT(unavailable.error().text, HasSubstr("Kafka"));
  auto from_now = request;
  from_now.after = 2;
  EXPECT_TRUE(without_kafka.read(from_now)) << "who may see the stream is asked of PostgreSQL alone";
}

class TestClient final : public PendingClient {
 public:
  explicit TestClient(std::shared_ptr<testing::Wire> wire) : wire_(std::move(wire)) {}
  std::unique_ptr<Sink> start(std::function<void()>) override { return std::make_unique<testing::WireSink>(wire_); }
  void refuse(const Error&) override { ADD_FAILURE() << "refused"; }
  std::string error_json(const Error&) override { return "{}"; }

 private:
  const std::shared_ptr<testing::Wire> wire_;
};

// A surface registers one function for another event; that is all for a stream, a feed, and the history of both.
TEST_F(StreamHistoryOnLog, AViewOfAnotherEventIsShownLiveAndFromHistory) {
  EventViews surface = views();
  surface.view<dialogs::Archived>([](const dialogs::Archived&, const EventRecord& record, Viewer viewer) {
    return R"({"archived":)" + std::to_string(record.stream.id) +
           (viewer == Viewer::feed ? R"(,"on":"feed"})" : R"(,"on":"stream"})");
  });
  const auto archived = Event(dialogs::Event(dialogs::Archived{}));
  happens({opened(kAssistant, kOwner), Event(dialogs::Event(kThird)), archived});
  ASSERT_TRUE(eventually([&] { return history_->checkpoint(1) == 3; }));

  http::Timers timers;
  Hub hub({.partitions = kPartitions}, *history_, timers);
  // From the checkpoint on: what is older is history's.
  EventTail tail({.kafka = config_, .topic = topic_, .partitions = kPartitions, .tail_at_start = 0}, hub, *history_);
  ASSERT_TRUE(eventually([&] { return tail.verdict().readiness == health::Readiness::ready; }));
  const auto stream = std::make_shared<testing::Wire>(), feed = std::make_shared<testing::Wire>();
  hub.open(std::make_unique<TestClient>(stream), kStream, Owner{kOwner}, surface, 0);
  hub.open_feed(std::make_unique<TestClient>(feed), kOwner, surface, "log",
                LogToken{.log = "log", .numbers = std::vector<std::int64_t>(kPartitions)});
  const auto shown = [&](const auto& wire, const std::string& what) {
    int count = 0;
    const auto text = wire->taken();
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
    return count;
  };
  const auto times = [&](int count) {
    return eventually([&] {
      return shown(stream, R"({"archived":1324,"on":"stream"})") == count &&
             shown(feed, R"({"archived":1324,"on":"feed"})") == count;
    });
  };
  EXPECT_TRUE(times(1)) << "from history: " << stream->taken() << feed->taken();
  write({archived});
  EXPECT_TRUE(times(2)) << "live: " << stream->taken() << feed->taken();
  EXPECT_EQ(shown(stream, "Добрый день"), 1);
  EXPECT_EQ(shown(feed, "Добрый день"), 1);
  EXPECT_EQ(ids(read_frames(stream->taken()).first), (std::vector<std::int64_t>{1, 2, 3, 4}));
}

// After a restart many clients come back at once with ids of a moment ago.
TEST_F(StreamHistoryOnLog, WhatARestartHasCutOffIsFoundInTheHubWithoutReadingTheLogForEach) {
  happens({opened(kAssistant, kOwner), Event(dialogs::Event(kSecond)), Event(dialogs::Event(kThird))});
  ASSERT_TRUE(eventually([&] { return history_->checkpoint(1) == 3; }));
  LogHistory without_kafka(*pool_, *progress_,
                           LogReader::Options{.kafka = {.brokers = "127.0.0.1:1"}, .topic = topic_, .patience = 300ms});
  http::Timers timers;
  Hub hub({.partitions = kPartitions}, without_kafka, timers);
  EventTail tail({.kafka = config_, .topic = topic_, .partitions = kPartitions, .tail_at_start = 2}, hub,
                 without_kafka);  // its opening, which says whose it is, is not in the hub
  ASSERT_TRUE(eventually([&] { return tail.verdict().readiness == health::Readiness::ready; }));
  const auto stream = std::make_shared<testing::Wire>();
  hub.open(std::make_unique<TestClient>(stream), kStream, Visitor{kAssistant}, views(), 1);
  EXPECT_TRUE(eventually([&] { return ids(read_frames(stream->taken()).first) == std::vector<std::int64_t>{2, 3}; }))
      << stream->taken();
  EXPECT_FALSE(stream->taken().contains("stream.delayed"));
}

}  // namespace
}  // namespace parley::api
