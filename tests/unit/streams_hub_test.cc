// The hub with its threads: who gets a stream, what it delivers while the read model is there, away, or behind, and
// what it costs.
#include "api/streams/hub.h"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <random>
#include <stdexcept>
#include <thread>

#include "schemas/contexts/dialogs.h"
#include "schemas/events.h"
#include "tests/unit/metrics_sample.h"
#include "tests/unit/streams_client.h"

namespace parley::api {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::read_frames;
using testing::ReceivedFrame;
using ::testing::StartsWith;
using testing::Wire;
using testing::WireSink;

constexpr auto kPatience = 10s;
constexpr int kPartitions = 4;
constexpr AccountId kOwner{7};
constexpr AssistantId kAssistant{3};
constexpr DialogId kDialog{1024};  // of partition 0
constexpr Stream stream_of(DialogId dialog) { return {Kind::dialog, dialog.value}; }
constexpr Timestamp kTime{std::chrono::milliseconds{1'763'720'220'123}};

template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

std::string text_of(std::int64_t sequence) { return "message " + std::to_string(sequence); }
std::string json_of(DialogId dialog, const dialogs::MessageCreated& created, Timestamp time) {
  return "{\"dialog\":" + std::to_string(dialog.value) + ",\"text\":\"" + created.text.text + "\",\"at\":\"" +
         schema::format_time(time) + "\"}";
}
dialogs::MessageCreated message(std::int64_t sequence) {
  return {
      .message = {sequence * 1024}, .sender = dialogs::Sender::user, .text = {text_of(sequence)}, .operator_name = {}};
}
EventRecord record_of(DialogId dialog, std::int64_t sequence, const dialogs::Event& event) {
  return {.stream = stream_of(dialog), .sequence = sequence, .at = kTime, .event = Event(event)};
}
/// As json_of() has them; each rendering is counted.
EventViews message_views(std::atomic<int>* count = nullptr) {
  EventViews views;
  views.view<dialogs::MessageCreated>([count](const auto& created, const EventRecord& record, Viewer) {
    if (count != nullptr) ++*count;
    return json_of(DialogId{record.stream.id}, created, record.at);
  });
  return views;
}
ReceivedFrame shown(std::int64_t sequence) { return {sequence, json_of(kDialog, message(sequence), kTime)}; }
ReceivedFrame hidden(std::int64_t sequence) { return {sequence, std::nullopt}; }

/// The read model, as far as the test has projected the log into it.
class FakeHistory final : public HistorySource {
 public:
  std::expected<History, HistoryUnavailable> read(const HistoryRequest& request) override {
    std::unique_lock lock(mutex_);
    ++reads_;
    types_.assign(request.types.begin(), request.types.end());
    most_at_once_ = std::max(most_at_once_, ++at_once_);
    changed_.wait_for(lock, kPatience, [this] { return !held_; });
    --at_once_;
    if (down_) return std::unexpected(HistoryUnavailable{"down"});
    History history{.checkpoint = checkpoints_[request.partition]};
    const auto found = versions_.find(request.stream.id);
    const bool is_theirs = std::visit(
        overloaded{[](const Owner& o) { return o.account == kOwner; },
                   [](const Visitor& v) { return v.assistant == kAssistant; }, [](const auto&) { return false; }},
        request.viewer);
    history.is_visible = found != versions_.end() && is_theirs;
    if (!history.is_visible) return history;
    history.version = found->second;
    for (std::int64_t sequence = 2; sequence <= found->second; ++sequence) {
      if (sequence <= request.after) continue;
      if (std::ssize(history.events) == request.limit) {
        history.has_more = true;
        break;
      }
      const auto other = records_.find({request.stream.id, sequence});
      history.events.push_back(other != records_.end()
                                   ? other->second
                                   : record_of(DialogId{request.stream.id}, sequence, message(sequence)));
    }
    return history;
  }
  std::expected<FeedHistory, HistoryUnavailable> read(const FeedHistoryRequest& request) override {
    const std::lock_guard lock(mutex_);
    ++reads_;
    if (down_) return std::unexpected(HistoryUnavailable{"down"});
    const auto checkpoint = checkpoints_[request.partition];
    FeedHistory history{.events = {},
                        .read_to = std::max(request.from, std::min(checkpoint, request.from + request.span_max)),
                        .checkpoint = checkpoint};
    if (request.owner != kOwner) return history;
    for (const auto& [place, event] : events_) {
      if (place.first != request.partition || place.second < request.from || place.second >= history.read_to) continue;
      if (std::ssize(history.events) == request.limit) {
        history.read_to = history.events.back().offset + 1;
        break;
      }
      history.events.push_back(event);
    }
    history.has_gap = has_gap_;
    return history;
  }
  std::int64_t checkpoint(int partition) const override {
    const std::lock_guard lock(mutex_);
    const auto found = checkpoints_.find(partition);
    return found == checkpoints_.end() ? 0 : found->second;
  }
  bool known() const override { return true; }
  bool connected() const override {
    const std::lock_guard lock(mutex_);
    return !known_to_be_down_;
  }

  void project(DialogId dialog, std::int64_t version, std::int64_t checkpoint, int partition = 0) {
    const std::lock_guard lock(mutex_);
    versions_[dialog.value] = version;
    checkpoints_[partition] = checkpoint;
  }
  /// An event of a stream is another one than a message.
  void record(const Stream& stream, std::int64_t sequence, const dialogs::Event& event) {
    const std::lock_guard lock(mutex_);
    records_[{stream.id, sequence}] = record_of(DialogId{stream.id}, sequence, event);
  }
  /// What was asked for last.
  std::vector<std::string> types() const {
    const std::lock_guard lock(mutex_);
    return types_;
  }
  /// An event of the owner stands in the index, seen as soon as the checkpoint is above it.
  void index(int partition, std::int64_t offset, DialogId dialog, std::int64_t sequence, const dialogs::Event& event) {
    const std::lock_guard lock(mutex_);
    events_[{partition, offset}] = {.offset = offset, .record = record_of(dialog, sequence, event)};
  }
  void move(int partition, std::int64_t checkpoint) {
    const std::lock_guard lock(mutex_);
    checkpoints_[partition] = checkpoint;
  }
  void have_gap() {
    const std::lock_guard lock(mutex_);
    has_gap_ = true;
  }
  void go_down(bool is_known = false) {
    const std::lock_guard lock(mutex_);
    down_ = true;
    known_to_be_down_ = is_known;
  }
  void come_back() {
    const std::lock_guard lock(mutex_);
    down_ = known_to_be_down_ = false;
  }
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  int reads() const {
    const std::lock_guard lock(mutex_);
    return reads_;
  }
  int most_at_once() const {
    const std::lock_guard lock(mutex_);
    return most_at_once_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, std::int64_t> versions_;
  std::map<int, std::int64_t> checkpoints_;
  std::map<std::pair<int, std::int64_t>, FeedHistory::Event> events_;     // by partition and offset
  std::map<std::pair<std::int64_t, std::int64_t>, EventRecord> records_;  // by stream and sequence
  std::vector<std::string> types_;
  bool has_gap_ = false;
  bool down_ = false;
  bool known_to_be_down_ = false;
  bool held_ = false;
  int reads_ = 0;
  int at_once_ = 0;
  int most_at_once_ = 0;
};

/// A client; what it was answered can be looked at from the test's thread.
struct Client {
  explicit Client(bool takes_all = true) : wire(std::make_shared<Wire>(takes_all)) {}

  std::vector<ReceivedFrame> frames() const { return read_frames(wire->taken()).first; }
  /// Events alone: what has an id.
  std::vector<ReceivedFrame> events() const {
    auto all = frames();
    std::erase_if(all, [](const ReceivedFrame& frame) { return !frame.id; });
    return all;
  }
  bool got(const std::vector<ReceivedFrame>& expected) const {
    return eventually([&] { return events() == expected; });
  }
  int count(std::string_view data) const {
    return static_cast<int>(
        std::ranges::count_if(frames(), [&](const auto& frame) { return frame.data && frame.data->contains(data); }));
  }
  bool is_open() const { return started && !wire->is_closed(); }

  std::shared_ptr<Wire> wire;
  std::atomic<bool> started = false;
  std::atomic<bool> session_is_over = false;
  std::function<void()> on_close;

  void refuse(const Code& code) {
    const std::lock_guard lock(mutex_);
    refusal_ = code;
  }
  /// Nothing: it has not been refused yet.
  std::optional<Code> refusal() const {
    const std::lock_guard lock(mutex_);
    return refusal_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Code> refusal_;
};
using ClientPtr = std::shared_ptr<Client>;

class FakeClient final : public PendingClient {
 public:
  explicit FakeClient(ClientPtr client) : client_(std::move(client)) {}
  std::unique_ptr<Sink> start(std::function<void()> on_close) override {
    client_->on_close = std::move(on_close);
    client_->started = true;
    return std::make_unique<WireSink>(client_->wire);
  }
  void refuse(const Error& error) override { client_->refuse(error.code); }
  std::string error_json(const Error& error) override {
    return "{\"error\":{\"code\":\"" + std::string(error.code.name()) + "\"}}";
  }
  std::optional<Error> over() const override {
    return client_->session_is_over ? std::optional(Error{kNotAuthenticated, {}}) : std::nullopt;
  }

 private:
  const ClientPtr client_;
};

class StreamHub : public ::testing::Test {
 protected:
  StreamHub() {
    options_.partitions = kPartitions;
    options_.history.retry_min = 5ms;
    options_.history.retry_max = 20ms;
    options_.decide_within = 50ms;
    options_.pace_min = 1ms;
    options_.pace_max = 5ms;
  }
  ~StreamHub() override {
    history_.hold(false);
    hub_.reset();
  }

  Hub& hub() {
    if (!hub_) {
      hub_ = std::make_unique<Hub>(options_, history_, timers_);
      for (int p = 0; p < kPartitions; ++p) hub_->start_at(p, start_);
    }
    return *hub_;
  }
  /// The log goes on, and the hub reads it. Offsets are 10 times the sequence.
  void append(std::int64_t sequence, DialogId dialog = kDialog) {
    const Event event =
        sequence == 1
            ? Event(dialogs::Event(dialogs::Opened{.assistant = kAssistant, .owner = kOwner, .first_name = {}}))
            : Event(dialogs::Event(message(sequence)));
    const auto encoded = schema::encode_event(event);
    append_raw(sequence, encoded.type, encoded.json, dialog);
  }
  void append_raw(std::int64_t sequence, std::string_view type, std::string_view value, DialogId dialog = kDialog) {
    hub().append(0, sequence * 10,
                 {.type = type, .stream = stream_of(dialog), .sequence = sequence, .at = kTime, .value = value});
  }
  void append_to(std::int64_t last, std::int64_t first = 1) {
    for (auto sequence = first; sequence <= last; ++sequence) append(sequence);
  }
  /// The projector has the dialog up to a version, and PostgreSQL says so.
  void project(std::int64_t version) {
    history_.project(kDialog, version, version * 10 + 1);
    hub().read_model_advanced();
  }
  void confirm(std::int64_t end = 0) {
    for (int p = 0; p < kPartitions; ++p) hub().confirm(p, Hub::Clock::now(), end);
  }
  /// The hub has only what comes after `version`; before it is history.
  void start_after(std::int64_t version) {
    start_ = version * 10 + 1;
    history_.project(kDialog, version, start_);
    hub().read_model_advanced();
  }
  ClientPtr open(std::optional<std::int64_t> last_id, const Principal& viewer = Owner{kOwner},
                 DialogId dialog = kDialog, bool takes_all = true) {
    auto client = std::make_shared<Client>(takes_all);
    hub().open(std::make_unique<FakeClient>(client), stream_of(dialog), viewer, *views_, last_id);
    return client;
  }
  static bool was_refused(const ClientPtr& client, const Code& code) {
    return eventually([&] { return client->refusal() == code; }) && !client->started;
  }

  Hub::Options options_;
  FakeHistory history_;
  http::Timers timers_;
  std::int64_t start_ = 0;
  std::atomic<int> rendered_ = 0;
  const EventViews messages_ = message_views(&rendered_);
  const EventViews* views_ = &messages_;  // what clients that are opened from here on are shown
  std::unique_ptr<Hub> hub_;
};

// What is delivered.

TEST_F(StreamHub, GivesEverythingFromItsWindowAndGoesOnLiveWithoutAskingPostgresql) {
  append_to(2);
  const auto client = open(0);
  append(3);
  ASSERT_TRUE(client->got({hidden(1), shown(2), shown(3)}));
  ASSERT_TRUE(client->frames().front().data);
  EXPECT_THAT(*client->frames().front().data, StartsWith(R"({"type":"connection.established","client_id":")"));
  EXPECT_EQ(history_.reads(), 0);
}

TEST_F(StreamHub, BuildsAFrameOnceForAllStreams) {
  append(1);
  std::vector<ClientPtr> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(open(1));
  append(2);
  for (const auto& client : clients) {
    ASSERT_TRUE(client->got({shown(2)}));
    EXPECT_EQ(client->wire->written().back().get(), clients.front()->wire->written().back().get());
  }
  EXPECT_EQ(rendered_, 1);
}

TEST_F(StreamHub, HistoryAndLiveEventsAreTheSameBytes) {
  append_to(4);
  const auto live = open(1);
  ASSERT_TRUE(live->got({shown(2), shown(3), shown(4)}));
  const auto bytes = live->wire->taken();

  hub_.reset();
  start_after(4);
  const auto late = open(1);
  ASSERT_TRUE(late->got({shown(2), shown(3), shown(4)}));
  EXPECT_EQ(late->wire->taken().substr(late->wire->taken().find("\n\n")), bytes.substr(bytes.find("\n\n")));
}

TEST_F(StreamHub, WhatMayNotBeSeenMovesTheIdOn) {
  append(1);
  const auto client = open(0);
  append_raw(2, "parley.dialog.of_the_future.v9", "{}");
  append_raw(3, "parley.dialog.message_created.v1", "not json");
  append(4);
  ASSERT_TRUE(client->got({hidden(1), hidden(2), hidden(3), shown(4)}));
  EXPECT_THAT(client->wire->taken(), HasSubstr("\n\nid: 1\n\nid: 2\n\nid: 3\n\nid: 4\ndata: "));
}

// A surface that shows another event needs one function: live, out of the window and out of history.
TEST_F(StreamHub, EachSurfaceShowsWhatItHasAViewOfAsEachViewerMaySeeIt) {
  EventViews other;
  other.view<dialogs::Archived>(
      [](const dialogs::Archived&, const EventRecord& record, Viewer viewer) -> EventViews::Shown {
        if (viewer == Viewer::visitor) return std::nullopt;
        return R"({"archived":)" + std::to_string(record.stream.id) + "}";
      });
  const ReceivedFrame archived{3, R"({"archived":1024})"};
  const auto follow = [&](const EventViews& views, const Principal& viewer) {
    views_ = &views;
    return open(1, viewer);
  };
  append_to(2);
  const auto live = follow(other, Owner{kOwner});
  const auto visitor = follow(other, Visitor{kAssistant});
  const auto of_messages = follow(messages_, Owner{kOwner});
  const auto event = schema::encode_event(Event(dialogs::Event(dialogs::Archived{})));
  append_raw(3, event.type, event.json);
  EXPECT_TRUE(live->got({hidden(2), archived}));
  EXPECT_TRUE(visitor->got({hidden(2), hidden(3)}));
  EXPECT_TRUE(of_messages->got({shown(2), hidden(3)}));
  EXPECT_TRUE(follow(other, Owner{kOwner})->got({hidden(2), archived})) << "out of the window";

  hub_.reset();
  start_after(3);
  history_.record(stream_of(kDialog), 3, dialogs::Archived{});
  EXPECT_TRUE(follow(other, Owner{kOwner})->got({hidden(2), archived})) << "out of history";
  EXPECT_TRUE(follow(other, Visitor{kAssistant})->got({hidden(2), hidden(3)}));
  EXPECT_TRUE(follow(messages_, Owner{kOwner})->got({shown(2), hidden(3)}));
  EXPECT_THAT(history_.types(), ::testing::Contains("parley.dialog.message_created.v1"));
  EXPECT_THAT(other.types(), ::testing::Contains("parley.dialog.archived.v1"));
  hub_.reset();  // before the views
}

// A page of history that shows this viewer nothing brings the stream on all the same.
TEST_F(StreamHub, AHistoryOfWhatTheViewerMayNotSeeMovesTheIdOn) {
  start_after(100);
  EventViews nothing;
  nothing.view<dialogs::MessageCreated>([](const auto&, const auto&, Viewer) { return std::nullopt; });
  views_ = &nothing;
  const auto client = open(1);
  std::vector<ReceivedFrame> expected;
  for (std::int64_t sequence = 2; sequence <= 100; ++sequence) expected.push_back(hidden(sequence));
  EXPECT_TRUE(client->got(expected));
  hub_.reset();  // before the views
}

TEST_F(StreamHub, WithoutAnIdItBeginsNowAndSaysWhereThatIs) {
  append_to(3);
  const auto client = open(std::nullopt);
  append(4);
  EXPECT_TRUE(client->got({hidden(3), shown(4)})) << "cut off before the first event, the client resumes from 3";
}

TEST_F(StreamHub, WithoutAnIdADialogThatOnlyPostgresqlKnowsBeginsNow) {
  start_after(5);
  const auto client = open(std::nullopt);
  ASSERT_TRUE(client->got({hidden(5)}));
  append(6);
  EXPECT_TRUE(client->got({hidden(5), shown(6)}));
}

TEST_F(StreamHub, WithoutAnIdNothingSinceNowIsPassedOverBecausePostgresqlWasFaster) {
  start_after(5);
  hub();
  history_.project(kDialog, 6, 61);  // the hub has not read 6 yet
  const auto client = open(std::nullopt);
  ASSERT_TRUE(eventually([&] { return client->started.load(); }));
  append(6);
  EXPECT_TRUE(client->got({shown(6)}));
}

TEST_F(StreamHub, AMessageThatCannotBeShownMovesTheIdOn) {
  EventViews failing;
  failing.view<dialogs::MessageCreated>(
      [](const auto&, const auto&, Viewer) -> EventViews::Shown { throw std::runtime_error("x"); });
  views_ = &failing;
  append_to(2);
  EXPECT_TRUE(open(0)->got({hidden(1), hidden(2)}));
  hub_.reset();  // before the views
}

TEST_F(StreamHub, ReadsALongHistoryInPiecesAndGoesOnLive) {
  start_after(1'000);
  options_.stream.events_max = 64;
  const auto client = open(0);
  append(1'001);
  std::vector<ReceivedFrame> expected{hidden(1)};
  for (std::int64_t sequence = 2; sequence <= 1'001; ++sequence) expected.push_back(shown(sequence));
  EXPECT_TRUE(client->got(expected));
  EXPECT_GT(history_.reads(), 3);
}

TEST_F(StreamHub, WhatWasReadForOneIsKnownForTheNext) {
  start_after(9);
  const auto first = open(4);
  ASSERT_TRUE(eventually([&] { return first->events().size() == 5; }));
  const int reads = history_.reads();
  const auto second = open(9);
  append(10);
  ASSERT_TRUE(second->got({shown(10)}));
  EXPECT_EQ(history_.reads(), reads) << "whoever has the last event needs no query";
}

// Who gets a stream.

TEST_F(StreamHub, RefusesADialogOfAnotherAtOnceWhenTheHubKnows) {
  append(1);
  EXPECT_TRUE(was_refused(open(0, Owner{AccountId{8}}), dialogs::kDialogNotFound));
  EXPECT_TRUE(was_refused(open(0, Visitor{AssistantId{8}}), dialogs::kDialogNotFound));
  EXPECT_TRUE(was_refused(open(0, Anonymous{}), dialogs::kDialogNotFound));
  EXPECT_EQ(history_.reads(), 0);
  EXPECT_EQ(hub().streams(), 0U);
  EXPECT_TRUE(open(0, Visitor{kAssistant})->got({hidden(1)}));
  EXPECT_EQ(hub().find(stream_of(kDialog)), (StreamFacts{.owner = kOwner, .assistant = kAssistant}));
  EXPECT_EQ(hub().find(stream_of(DialogId{99})), std::nullopt);
}

TEST_F(StreamHub, RefusesADialogThatIsNowhereOnceTheHubHasEverythingOfThatTime) {
  options_.decide_within = kPatience;
  history_.project(DialogId{1}, 1, 1'000);
  hub().read_model_advanced();
  const auto client = open(0);
  ASSERT_TRUE(eventually([&] { return hub().wants_confirmation(); }));
  EXPECT_EQ(client->refusal(), std::nullopt);
  EXPECT_FALSE(client->started);
  confirm();
  EXPECT_TRUE(was_refused(client, dialogs::kDialogNotFound));
  EXPECT_FALSE(hub().wants_confirmation());
}

TEST_F(StreamHub, ADialogThatHasJustBeenOpenedIsFoundAsSoonAsTheHubHasIt) {
  options_.decide_within = kPatience;
  const auto client = open(0);
  ASSERT_TRUE(eventually([&] { return hub().wants_confirmation(); }));
  append(1);
  confirm();
  EXPECT_TRUE(client->got({hidden(1)}));
}

TEST_F(StreamHub, RefusesADialogOfAnotherThatOnlyPostgresqlKnows) {
  start_after(3);
  const auto client = open(0, Owner{AccountId{8}});
  confirm();
  ASSERT_TRUE(eventually([&] {
    confirm();
    return client->refusal() == dialogs::kDialogNotFound;
  }));
  EXPECT_FALSE(client->started);
}

TEST_F(StreamHub, RefusesMoreStreamsThanItsLimitAndTakesNewOnesWhenSomeHaveGone) {
  options_.streams_max = 2;
  append(1);
  const auto first = open(0);
  const auto second = open(0);
  EXPECT_TRUE(was_refused(open(0), kOverloaded));
  first->on_close();
  EXPECT_EQ(hub().streams(), 1U);
  EXPECT_TRUE(open(0)->got({hidden(1)}));
}

TEST_F(StreamHub, StreamsAreCountedByWhoLooksAndByWhatTheyWereSent) {
  const auto owners = [] { return metrics::sample(R"(parley_streams{viewer="owner"})"); };
  const auto visitors = [] { return metrics::sample(R"(parley_streams{viewer="visitor"})"); };
  append_to(2);  // there are metrics from here on
  const double owners_before = owners(), visitors_before = visitors(),
               bytes = metrics::sample("parley_stream_bytes_total");
  const auto first = open(0);
  const auto second = open(0);
  const auto guest = open(0, Visitor{kAssistant});
  for (const auto& each : {first, second, guest}) ASSERT_TRUE(each->got({hidden(1), shown(2)}));
  EXPECT_EQ(owners(), owners_before + 2);
  EXPECT_EQ(visitors(), visitors_before + 1);
  second->on_close();
  guest->on_close();
  EXPECT_EQ(owners(), owners_before + 1);
  EXPECT_EQ(visitors(), visitors_before);
  EXPECT_TRUE(was_refused(open(0, Owner{AccountId{8}}), dialogs::kDialogNotFound));
  EXPECT_EQ(owners(), owners_before + 1) << "one that was refused is none";
  const auto written = [](const ClientPtr& client) { return static_cast<double>(client->wire->taken().size()); };
  EXPECT_EQ(metrics::sample("parley_stream_bytes_total"), bytes + written(first) + written(second) + written(guest));
}
TEST_F(StreamHub, EndsAStreamWhoseSessionIsOverAndNoOther) {
  append_to(2);
  const auto client = open(0), other = open(0);
  ASSERT_TRUE(client->got({hidden(1), shown(2)}));
  client->session_is_over = true;
  ASSERT_TRUE(eventually([&] { return client->wire->is_closed(); }));
  EXPECT_EQ(client->count("NOT_AUTHENTICATED"), 1);
  append(3);
  EXPECT_TRUE(other->got({hidden(1), shown(2), shown(3)}));
  EXPECT_EQ(client->events().size(), 2u);
  EXPECT_EQ(hub().streams(), 1u);
}
TEST_F(StreamHub, RefusesWhoseSessionEndsBeforeTheStreamBegins) {
  history_.hold(true);
  options_.decide_within = 10s;
  const auto client = std::make_shared<Client>();
  client->session_is_over = true;
  hub().open(std::make_unique<FakeClient>(client), stream_of(kDialog), Owner{kOwner}, *views_, 0);
  EXPECT_TRUE(was_refused(client, kNotAuthenticated));
}

TEST_F(StreamHub, AnImpossibleIdIsNoDialog) {
  for (const std::int64_t id : {std::int64_t{0}, std::int64_t{-5}, kIdMax + 1}) {
    EXPECT_TRUE(was_refused(open(0, Owner{kOwner}, DialogId{id}), dialogs::kDialogNotFound)) << id;
    EXPECT_EQ(hub().find(stream_of(DialogId{id})), std::nullopt);
  }
}

// While PostgreSQL is away.

TEST_F(StreamHub, WhilePostgresqlIsAwayAnIdWithinTheHubIsServed) {
  append_to(4);
  history_.go_down();
  const auto client = open(2);
  append(5);
  EXPECT_TRUE(client->got({shown(3), shown(4), shown(5)}));
  EXPECT_EQ(client->count("stream.delayed"), 0);
}

TEST_F(StreamHub, WhilePostgresqlIsAwayNothingNewerIsDeliveredThanWhatIsMissing) {
  options_.ping_interval = 20ms;
  start_after(5);
  history_.go_down();
  const auto client = open(2);
  ASSERT_TRUE(eventually([&] { return client->count("stream.delayed") == 1; }));
  append_to(7, 6);
  ASSERT_TRUE(eventually([&] { return client->count("__ping__") >= 3; })) << "it stays open";
  EXPECT_EQ(client->events().size(), 0U);
  EXPECT_EQ(client->count("stream.delayed"), 1);
  history_.come_back();
  EXPECT_TRUE(client->got({shown(3), shown(4), shown(5), shown(6), shown(7)}));
}

TEST_F(StreamHub, WhilePostgresqlIsAwayAKnownDialogGoesOnFromNow) {
  append_to(2);
  history_.go_down(true);
  const auto client = open(std::nullopt);
  append(3);
  EXPECT_TRUE(client->got({hidden(2), shown(3)}));
}

TEST_F(StreamHub, AViewerWhomNobodyCanJudgeWaitsAndIsTurnedAwayInTheStream) {
  start_after(5);
  history_.go_down(true);
  const auto stranger = open(0, Owner{AccountId{8}});
  const auto owner = open(4);
  ASSERT_TRUE(
      eventually([&] { return stranger->count("stream.delayed") == 1 && owner->count("stream.delayed") == 1; }));
  append(6);
  EXPECT_EQ(stranger->events().size(), 0U);
  history_.come_back();
  EXPECT_TRUE(owner->got({shown(5), shown(6)}));
  ASSERT_TRUE(eventually([&] {
    confirm();
    return !stranger->is_open();
  }));
  EXPECT_EQ(stranger->events().size(), 0U);
  EXPECT_EQ(*stranger->frames().back().data, R"({"type":"error","error":{"code":"DIALOG_NOT_FOUND"}})");
}

TEST_F(StreamHub, OfAnUnjudgedStreamFromNowNothingIsLost) {
  start_after(5);
  history_.go_down(true);
  const auto client = open(std::nullopt);
  append_to(7, 6);
  history_.come_back();
  EXPECT_TRUE(client->got({shown(6), shown(7)}));
}

TEST_F(StreamHub, AClientIsNotLeftWithoutAnAnswerWhileItsTurnIsFarAway) {
  start_after(5);
  history_.hold(true);
  const auto client = open(3);
  ASSERT_TRUE(eventually([&] { return client->count("stream.delayed") == 1; }));
  history_.hold(false);
  EXPECT_TRUE(client->got({shown(4), shown(5)}));
}

TEST_F(StreamHub, AStreamSaysThatItWaitsBeforeAReadThatHangsIsGivenUp) {
  options_.window.tail_events_max = 1;
  append_to(5);
  project(5);
  history_.hold(true);
  const auto client = open(1);
  ASSERT_TRUE(eventually([&] { return client->count("stream.delayed") == 1; }));
  append(6);
  EXPECT_EQ(client->events().size(), 0U);
  history_.hold(false);
  EXPECT_TRUE(client->got({shown(2), shown(3), shown(4), shown(5), shown(6)}));
}

// While the projector is behind.

TEST_F(StreamHub, WhatTheHubHadToForgetIsWaitedFor) {
  options_.window.events_max = 3;
  append_to(2);
  project(2);
  append_to(9, 3);  // 3 to 6 are in neither
  ASSERT_GT(hub().floor(0), 21);
  const auto client = open(1);
  ASSERT_TRUE(client->got({shown(2)}));
  ASSERT_TRUE(eventually([&] { return client->count("stream.delayed") == 1; }));
  append(10);
  project(4);
  EXPECT_EQ(client->events().back(), shown(2)) << "nothing newer";
  project(8);
  EXPECT_TRUE(client->got({shown(2), shown(3), shown(4), shown(5), shown(6), shown(7), shown(8), shown(9), shown(10)}));
}

// Another log.

TEST_F(StreamHub, AnIdThatTheLogHasNotReachedIsResetOnceThatIsCertain) {
  append_to(3);
  const auto client = open(50);
  append(4);
  ASSERT_TRUE(eventually([&] { return hub().wants_confirmation(); }));
  EXPECT_EQ(client->events().size(), 0U);
  confirm();
  ASSERT_TRUE(eventually([&] { return client->events().size() == 1; }));
  EXPECT_EQ(client->events()[0].id, 4);
  EXPECT_THAT(*client->events()[0].data, StartsWith(R"({"type":"stream.reset","dialog_id":1024,"last_event_id":4,)"));
  append(5);
  ASSERT_TRUE(eventually([&] { return client->events().size() == 2; }));
  EXPECT_EQ(client->events()[1], shown(5));
}

TEST_F(StreamHub, AnIdThatAnotherProcessDeliveredFirstIsNotReset) {
  append_to(3);
  const auto client = open(4);
  append_to(5, 4);
  confirm();
  EXPECT_TRUE(client->got({shown(5)}));
  EXPECT_EQ(client->count("stream.reset"), 0);
}

TEST_F(StreamHub, AnIdBeyondAQuietDialogThatOnlyPostgresqlKnowsIsReset) {
  start_after(5);
  const auto client = open(9);
  ASSERT_TRUE(eventually([&] {
    confirm();
    return client->count("stream.reset") == 1;
  }));
  EXPECT_EQ(client->events().back().id, 5);
}

// What it costs.

TEST_F(StreamHub, ASlowReaderCostsABoundedQueueAndMissesNothing) {
  options_.stream.pace_bytes = 1'000;
  append(1);
  const auto slow = open(1, Owner{kOwner}, kDialog, false);
  const auto quick = open(1);
  std::vector<ReceivedFrame> expected;
  for (std::int64_t sequence = 2; sequence <= 300; ++sequence) {
    append(sequence);
    expected.push_back(shown(sequence));
  }
  EXPECT_TRUE(quick->got(expected)) << "the others are not held up";
  EXPECT_LT(slow->wire->queued_bytes(), 1'300U);
  EXPECT_TRUE(eventually([&] {
    slow->wire->take(500);
    return slow->events() == expected;
  }));
  EXPECT_LT(slow->wire->most_queued(), 1'300U);
}

TEST_F(StreamHub, ASlowReaderThatFallsOutOfTheWindowGoesOnFromHistory) {
  options_.stream.pace_bytes = 500;
  options_.window.tail_events_max = 2;
  append(1);
  const auto slow = open(1, Owner{kOwner}, kDialog, false);
  std::vector<ReceivedFrame> expected;
  for (std::int64_t sequence = 2; sequence <= 200; ++sequence) {
    append(sequence);
    project(sequence);
    expected.push_back(shown(sequence));
  }
  EXPECT_LE(hub().retained().events, 3U);
  EXPECT_TRUE(eventually([&] {
    slow->wire->take(500);
    return slow->events() == expected;
  }));
}

TEST_F(StreamHub, AStormOfReconnectsAsksPostgresqlTwiceAtATime) {
  start_after(5);
  std::vector<ClientPtr> clients;
  for (int i = 0; i < 1'000; ++i) clients.push_back(open(3));
  for (const auto& client : clients) ASSERT_TRUE(client->got({shown(4), shown(5)}));
  EXPECT_LE(history_.most_at_once(), 2);
}

TEST_F(StreamHub, AnOutageIsProbedByOneReadAtATimeHoweverManyWait) {
  options_.history.retry_min = 50ms;
  options_.history.retry_max = 50ms;
  start_after(5);
  history_.go_down();
  const auto began = std::chrono::steady_clock::now();
  std::vector<ClientPtr> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(open(3));
  for (const auto& client : clients) ASSERT_TRUE(eventually([&] { return client->count("stream.delayed") == 1; }));
  ASSERT_TRUE(eventually([&] { return history_.reads() >= 5; }));
  const auto periods = (std::chrono::steady_clock::now() - began) / 50ms;
  EXPECT_LE(history_.reads(), periods + 3);
  history_.come_back();
  for (const auto& client : clients) EXPECT_TRUE(client->got({shown(4), shown(5)}));
}

// Beginning and end.

TEST_F(StreamHub, PingsAfterSilence) {
  options_.ping_interval = 20ms;
  append(1);
  const auto client = open(0);
  EXPECT_TRUE(eventually([&] { return client->count("__ping__") >= 2; }));
  EXPECT_THAT(client->wire->taken(), HasSubstr("data: __ping__\n\n"));
}

TEST_F(StreamHub, EndsTheStreamsOfAViewerWhoIsNotLetInAnyMoreAndNoOthers) {
  append(1);
  const auto visitor = open(0, Visitor{kAssistant}), owner = open(0);
  ASSERT_TRUE(visitor->got({hidden(1)}));
  hub().end_those_of(Visitor{AssistantId{8}}, kNotAuthenticated);
  EXPECT_TRUE(visitor->is_open());
  hub().end_those_of(Visitor{kAssistant}, kNotAuthenticated);
  EXPECT_FALSE(visitor->is_open());
  EXPECT_THAT(*visitor->frames().back().data, HasSubstr(R"({"type":"error","error":)"));
  EXPECT_EQ(hub().streams(), 1U);
  append(2);
  EXPECT_TRUE(owner->got({hidden(1), shown(2)}));
  EXPECT_EQ(visitor->events().size(), 1U);
}

TEST_F(StreamHub, ClosesAllStreamsAndTakesNoNewOnes) {
  append(1);
  const auto open_one = open(0);
  start_ = 0;
  history_.hold(true);
  options_.decide_within = kPatience;
  const auto undecided = open(0, Owner{kOwner}, DialogId{5 * 1024});
  hub().close_all();
  EXPECT_FALSE(open_one->is_open());
  EXPECT_EQ(hub().streams(), 0U);
  EXPECT_TRUE(was_refused(open(0), kUnavailable));
  EXPECT_TRUE(undecided->refusal() == kUnavailable || undecided->started);
}

TEST_F(StreamHub, StreamsThatComeAndGoWhileTheLogGoesOnLeaveNothingBehind) {
  append(1);
  std::atomic<bool> is_over = false;
  std::thread log([&] {
    for (std::int64_t sequence = 2; sequence <= 5'000; ++sequence) append(sequence);
    is_over = true;
  });
  std::vector<std::thread> visitors;
  for (int t = 0; t < 3; ++t) {
    visitors.emplace_back([&] {
      while (!is_over) {
        const auto client = open(0);
        static_cast<void>(eventually([&] { return !client->events().empty(); }));
        client->wire->close();
        client->on_close();
      }
    });
  }
  log.join();
  for (auto& visitor : visitors) visitor.join();
  EXPECT_EQ(hub().streams(), 0U);
  const auto last = open(4'999);
  EXPECT_TRUE(last->got({shown(5'000)}));
}

// Feeds.

/// Frames as a feed's client gets them: (id, data).
struct FeedFrame {
  std::string id;
  std::string data;
};
std::vector<FeedFrame> feed_frames(const ClientPtr& client) {
  std::vector<FeedFrame> frames;
  const auto text = client->wire->taken();
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find("\n\n", at);
    if (end == std::string::npos) break;
    FeedFrame frame;
    for (auto line = at; line < end;) {
      const auto stop = std::min(text.find('\n', line), end);
      const auto one = text.substr(line, stop - line);
      if (one.starts_with("id: ")) frame.id = one.substr(4);
      if (one.starts_with("data: ")) frame.data = one.substr(6);
      line = stop + 1;
    }
    frames.push_back(std::move(frame));
    at = end + 2;
  }
  return frames;
}

class FeedHub : public StreamHub {
 protected:
  FeedHub() {
    feed_views_ = message_views();
    const auto show = [](const auto& event, const EventRecord& record, Viewer viewer) -> EventViews::Shown {
      if (viewer != Viewer::feed) return std::nullopt;
      return changed_json(DialogId{record.stream.id}, event);
    };
    feed_views_.view<dialogs::Opened>(show).view<dialogs::Archived>(show).view<dialogs::Unarchived>(show);
    feed_views_.typing([](const schema::Typing& typing, Viewer viewer) -> EventViews::Shown {
      if (viewer == Viewer::visitor && typing.sender == dialogs::Sender::user) return std::nullopt;
      return R"({"typing":1})";
    });
    views_ = &feed_views_;
    options_.owner_of = [](AssistantId assistant) {
      return assistant == kAssistant ? std::optional(kOwner) : std::nullopt;
    };
  }

  ~FeedHub() override { hub_.reset(); }

  static std::string changed_json(DialogId dialog, const dialogs::Event& event) {
    return "{\"dialog\":" + std::to_string(dialog.value) + ",\"kind\":" + std::to_string(event.index()) + "}";
  }
  static DialogId dialog_in(int partition, int number = 1) {
    return {number * kSlots + partition * kSlots / kPartitions};
  }
  /// Something happens in the log of a partition, and the hub reads it; as JSON.
  std::string happens(int partition, std::int64_t offset, DialogId dialog, std::int64_t sequence,
                      const dialogs::Event& event, const std::string& actor = "visitor/3", bool is_indexed = true) {
    const auto encoded = schema::encode_event(Event(event));
    if (is_indexed) history_.index(partition, offset, dialog, sequence, event);
    hub().append(partition, offset,
                 {.type = encoded.type,
                  .stream = stream_of(dialog),
                  .sequence = sequence,
                  .at = kTime,
                  .value = encoded.json,
                  .actor = actor});
    const auto* created = std::get_if<dialogs::MessageCreated>(&event);
    return created != nullptr ? json_of(dialog, *created, kTime) : changed_json(dialog, event);
  }
  ClientPtr follow(const std::string& from = {}, AccountId owner = kOwner, bool takes_all = true) {
    auto client = std::make_shared<Client>(takes_all);
    hub().open_feed(std::make_unique<FakeClient>(client), owner, *views_, "log",
                    from.empty() ? std::nullopt : read_log_token(from));
    return client;
  }
  /// What was shown, without notes and pings.
  static std::vector<std::string> shown_to(const ClientPtr& client) {
    std::vector<std::string> shown;
    for (const auto& frame : feed_frames(client)) {
      if (frame.data.starts_with("{\"dialog\"")) shown.push_back(frame.data);
    }
    return shown;
  }
  static std::string last_id(const ClientPtr& client) {
    std::string id;
    for (const auto& frame : feed_frames(client)) id = frame.id.empty() ? id : frame.id;
    return id;
  }
  static bool shows(const ClientPtr& client, const std::vector<std::string>& expected) {
    return eventually([&] { return shown_to(client) == expected; });
  }

  EventViews feed_views_;
};

const dialogs::Event kOpening = dialogs::Opened{.assistant = kAssistant, .owner = kOwner, .first_name = {}};
const dialogs::Event kOthersOpening = dialogs::Opened{.assistant = {4}, .owner = {8}, .first_name = {}};

TEST_F(FeedHub, ShowsEverythingOfAnOwnerInAllPartitionsAndNothingOfOthers) {
  const auto client = follow();
  const auto others = follow({}, AccountId{8});
  std::vector<std::string> expected;
  for (int p = 0; p < kPartitions; ++p) {
    expected.push_back(happens(p, 10, dialog_in(p), 1, kOpening));
    happens(p, 11, dialog_in(p, 2), 1, kOthersOpening, "visitor/4");
    expected.push_back(happens(p, 12, dialog_in(p), 2, message(2), "operator/9/7"));
    happens(p, 13, dialog_in(p, 2), 2, message(2), "account/8");
    expected.push_back(happens(p, 14, dialog_in(p), 3, dialogs::Archived{}, "account/7"));
  }
  EXPECT_EQ(shown_to(client), expected);
  EXPECT_EQ(shown_to(others).size(), 2U * kPartitions);
  EXPECT_EQ(history_.reads(), 0);
  EXPECT_THAT(feed_frames(client).front().data, StartsWith(R"({"type":"connection.established")"));
  EXPECT_FALSE(feed_frames(client)[1].id.empty())
      << "a client that is cut off before the first event resumes from here";
}

TEST_F(FeedHub, KnowsWhoseADialogIsByWhoSpeaks) {
  const auto client = follow();
  const auto first = happens(0, 10, dialog_in(0), 7, message(7), "visitor/3");
  const auto second = happens(1, 10, dialog_in(1), 9, message(9), "account/7");
  EXPECT_EQ(shown_to(client), (std::vector{first, second}));
  EXPECT_EQ(history_.reads(), 0);
}

TEST_F(FeedHub, GoesOnRightAfterTheFrameWhoseIdItIsGiven) {
  const auto client = follow();
  std::vector<std::string> all;
  for (int i = 0; i < 8; ++i)
    all.push_back(happens(i % kPartitions, 10 + i, dialog_in(i % kPartitions), 1 + i / kPartitions,
                          i < kPartitions ? kOpening : message(2)));
  const auto frames = feed_frames(client);
  for (std::size_t i = 0; i < 8; ++i) {
    const auto again = follow(frames[2 + i].id);
    // In the order of each dialog, that is here: of each partition.
    auto expected = std::vector(all.begin() + static_cast<std::ptrdiff_t>(i) + 1, all.end());
    std::ranges::stable_sort(expected, {}, [](const std::string& json) { return json.substr(0, json.find(',')); });
    EXPECT_EQ(shown_to(again), expected) << i;
  }
}

TEST_F(FeedHub, WhatTheWindowHasForgottenComesOutOfTheReadModel) {
  const auto client = follow();
  const auto id = last_id(client);
  std::vector<std::string> all;
  for (int i = 0; i < 300; ++i)
    all.push_back(happens(0, 10 + i, dialog_in(0), 1 + i, i == 0 ? kOpening : message(1 + i)));
  hub_.reset();
  for (int p = 0; p < kPartitions; ++p) history_.move(p, p == 0 ? 310 : 0);
  start_ = 310;
  options_.feed.span_max = 37;
  options_.feed.events_max = 10;
  const auto again = follow(id);
  EXPECT_TRUE(shows(again, all));
  all.push_back(happens(0, 310, dialog_in(0), 301, dialogs::Archived{}));
  EXPECT_TRUE(shows(again, all));
  EXPECT_EQ(again->count("stream.reset"), 0);
}

TEST_F(FeedHub, WithoutTheReadModelItGoesOnLiveAndWaitsForNothingButWhatIsMissing) {
  start_ = 100;
  hub();
  history_.index(0, 50, dialog_in(0), 5, message(5));
  history_.go_down();
  const auto resumed = follow(write_log_token("log", std::vector<std::int64_t>{50, 100, 100, 100}));
  const auto elsewhere = happens(1, 100, dialog_in(1), 3, message(3));
  happens(0, 100, dialog_in(0), 6, message(6));
  EXPECT_TRUE(shows(resumed, {elsewhere})) << "what comes in the other partition waits for what is missing before it";
  ASSERT_TRUE(eventually([&] { return resumed->count("stream.delayed") == 1; }));
  history_.move(0, 100);
  history_.come_back();
  hub().read_model_advanced();
  EXPECT_TRUE(
      shows(resumed, {elsewhere, json_of(dialog_in(0), message(5), kTime), json_of(dialog_in(0), message(6), kTime)}));
}

TEST_F(FeedHub, AnEventOfADialogThatNobodyKnowsWaitsForTheReadModel) {
  const auto client = follow();
  const auto of_unknown = happens(0, 10, dialog_in(0), 5, message(5), "administrator");
  const auto after = happens(0, 11, dialog_in(0, 2), 1, kOpening);
  const auto elsewhere = happens(1, 10, dialog_in(1), 1, kOpening);
  EXPECT_TRUE(shows(client, {elsewhere}));
  history_.move(0, 11);
  hub().read_model_advanced();
  EXPECT_TRUE(shows(client, {elsewhere, of_unknown, after}));
}

TEST_F(FeedHub, ReadsTheReadModelAgainWhenItHasComeOn) {
  start_ = 100;
  hub();
  history_.index(0, 50, dialog_in(0), 5, message(5));
  history_.move(0, 40);
  const auto resumed = follow(write_log_token("log", std::vector<std::int64_t>{30, 100, 100, 100}));
  ASSERT_TRUE(eventually([&] { return resumed->count("stream.delayed") == 1; }));
  history_.move(0, 100);
  hub().read_model_advanced();
  EXPECT_TRUE(shows(resumed, {json_of(dialog_in(0), message(5), kTime)}));
}

TEST_F(FeedHub, SaysWhenItCannotGoOnWhereItIsAskedTo) {
  start_ = 1'000'000;
  options_.feed.behind_max = 1'000;
  hub();
  const auto client = follow(write_log_token("another", std::vector<std::int64_t>(kPartitions, 1'000'000)));
  const auto too_old = follow(write_log_token("log", std::vector<std::int64_t>(kPartitions, 999'700)));
  const auto in_time = follow(write_log_token("log", std::vector<std::int64_t>(kPartitions, 999'800)));
  for (const auto& one : {client, too_old}) {
    ASSERT_EQ(one->count("stream.reset"), 1);
    EXPECT_EQ(read_log_token(last_id(one))->numbers, std::vector<std::int64_t>(kPartitions, 1'000'000));
  }
  EXPECT_EQ(in_time->count("stream.reset"), 0);
  const auto next = happens(2, 1'000'000, dialog_in(2), 1, kOpening);
  EXPECT_TRUE(shows(client, {next}));
}

TEST_F(FeedHub, APositionThatTheLogHasNotReachedIsResetOnceThatIsCertain) {
  start_ = 100;
  hub();
  const auto client = follow(write_log_token("log", std::vector<std::int64_t>{100, 500, 100, 600}));
  ASSERT_TRUE(hub().wants_confirmation());
  EXPECT_EQ(client->count("stream.reset"), 0);
  // What comes before the log's end is known must not be lost: the client reads anew what there is only when it is told
  // to.
  const auto elsewhere = happens(0, 100, dialog_in(0), 1, kOpening),
             meanwhile = happens(1, 100, dialog_in(1), 1, kOpening);
  EXPECT_TRUE(shows(client, {elsewhere}));
  confirm(101);
  EXPECT_TRUE(shows(client, {elsewhere, meanwhile}));
  EXPECT_EQ(client->count("stream.reset"), 1) << "once, however many partitions end earlier";
  EXPECT_FALSE(hub().wants_confirmation());
  const auto later = happens(3, 100, dialog_in(3), 1, kOpening);
  EXPECT_TRUE(shows(client, {elsewhere, meanwhile, later}));
  EXPECT_EQ(read_log_token(last_id(client))->numbers, (std::vector<std::int64_t>{101, 101, 100, 101}));
  EXPECT_EQ(client->count("stream.reset"), 1);
}

TEST_F(FeedHub, APositionThatAnotherProcessReachedFirstIsNotReset) {
  start_ = 100;
  hub();
  const auto client = follow(write_log_token("log", std::vector<std::int64_t>{100, 102, 100, 100}));
  happens(1, 100, dialog_in(1), 1, kOpening);
  happens(1, 101, dialog_in(1), 2, message(2));
  const auto next = happens(1, 102, dialog_in(1), 3, message(3));
  confirm(103);
  EXPECT_TRUE(shows(client, {next}));
  // The log goes further than its last event of a dialog: another process may have stood there from its start on.
  const auto quiet = follow(write_log_token("log", std::vector<std::int64_t>{100, 103, 150, 100}));
  confirm(150);
  EXPECT_FALSE(hub().wants_confirmation());
  const auto last = happens(2, 150, dialog_in(2), 1, kOpening);
  EXPECT_TRUE(shows(quiet, {last}));
  for (const auto& one : {client, quiet}) EXPECT_EQ(one->count("stream.reset"), 0);
}

TEST_F(FeedHub, AClientWhosePositionCannotBeJudgedIsToldThatItWaits) {
  start_ = 100;
  hub();
  const auto client = follow(write_log_token("log", std::vector<std::int64_t>{100, 500, 100, 100}));
  EXPECT_TRUE(eventually([&] { return client->count("stream.delayed") == 1; }));
  client->wire->close();
  client->on_close();
  EXPECT_FALSE(hub().wants_confirmation());
}

TEST_F(FeedHub, SaysWhenSomethingOfTheOwnerCannotBeShown) {
  start_ = 100;
  hub();
  history_.have_gap();
  history_.index(0, 50, dialog_in(0), 5, message(5));
  for (int p = 0; p < kPartitions; ++p) history_.move(p, 100);
  const auto resumed = follow(write_log_token("log", std::vector<std::int64_t>{30, 100, 100, 100}));
  EXPECT_TRUE(shows(resumed, {json_of(dialog_in(0), message(5), kTime)}));
  EXPECT_EQ(resumed->count("stream.reset"), 1);
}

TEST_F(FeedHub, ASlowReaderCostsNoMemoryAndMissesNothing) {
  options_.feed.pace_bytes = 500;
  const auto slow = follow({}, kOwner, false);
  std::vector<std::string> all;
  for (int i = 0; i < 200; ++i)
    all.push_back(happens(i % 2, 10 + i, dialog_in(i % 2), 1 + i / 2, i < 2 ? kOpening : message(1 + i / 2)));
  EXPECT_LT(slow->wire->most_queued(), 1'000U);
  ASSERT_TRUE(eventually([&] {
    slow->wire->take(100);
    return shown_to(slow).size() == all.size();
  }));
  auto seen = shown_to(slow);
  std::ranges::sort(seen);
  std::ranges::sort(all);
  EXPECT_EQ(seen, all);
}

TEST_F(FeedHub, PingsCarryWhereTheClientStands) {
  options_.ping_interval = 30ms;
  const auto client = follow();
  for (int i = 0; i < 5; ++i)
    happens(0, 10 + i, dialog_in(0, 2), 1 + i, i == 0 ? kOthersOpening : message(1 + i), "visitor/4");
  EXPECT_TRUE(eventually([&] {
    const auto last = feed_frames(client).back();
    return last.data == "__ping__" && read_log_token(last.id)->numbers[0] == 15;
  }));
  EXPECT_TRUE(shown_to(client).empty());
}

TEST_F(FeedHub, WhoIsTypingIsPassedOnWithoutAnId) {
  const auto mine = follow(), others = follow({}, AccountId{8});
  happens(0, 10, dialog_in(0), 1, kOpening);
  const auto visitor = open(0, Visitor{kAssistant}, dialog_in(0)), owner = open(0, Owner{kOwner}, dialog_in(0));
  ASSERT_TRUE(visitor->got({hidden(1)}) && owner->got({hidden(1)}));
  hub().pass_on({dialog_in(0), kOwner, dialogs::Sender::user, {}, kTime});
  EXPECT_EQ(mine->count("typing"), 1);
  EXPECT_EQ(owner->count("typing"), 1);
  EXPECT_EQ(visitor->count("typing"), 0);
  hub().pass_on({dialog_in(0), kOwner, dialogs::Sender::operator_, {}, kTime});
  EXPECT_EQ(visitor->count("typing"), 1);
  EXPECT_EQ(mine->count("typing"), 2);
  EXPECT_EQ(feed_frames(mine).back().id, "");
  EXPECT_EQ(others->count("typing"), 0);
}

// Every event of the owner once and in the order of its dialog, whatever is cut, restarted, late or slow. A seed
// reproduces a run.
TEST_F(FeedHub, ShowsEachEventOnceAndInOrderOverCutsAndRestarts) {
  options_.feed = {.pace_bytes = 400, .span_max = 13, .events_max = 3};
  options_.window = {.events_max = 20, .tail_events_max = 5};
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    history_.come_back();
    struct Logged {
      std::int64_t offset, sequence;
      DialogId dialog;
      dialogs::Event event;
      bool is_mine;
    };
    std::vector<std::vector<Logged>> log(kPartitions);
    std::vector<std::int64_t> projected(kPartitions), offsets(kPartitions), read(kPartitions);
    std::map<std::int64_t, std::int64_t> versions;
    std::map<std::int64_t, std::vector<std::int64_t>> expected, seen;  // by dialog: sequences, told by their texts
    const int base = static_cast<int>(seed) * 1'000'000;               // offsets of one seed are no other's
    for (auto& offset : offsets) offset = base;
    projected = read = offsets;
    hub_.reset();
    start_ = base;
    for (int p = 0; p < kPartitions; ++p) history_.move(p, base);
    auto client = follow();
    std::size_t taken = 0;
    std::string id = last_id(client);
    const auto look = [&] {
      const auto frames = feed_frames(client);
      for (; taken < frames.size(); ++taken) {
        if (!frames[taken].id.empty()) id = frames[taken].id;
        ASSERT_FALSE(frames[taken].data.contains("stream.reset"));
        const auto& data = frames[taken].data;
        if (!data.starts_with("{\"dialog\"")) continue;
        const auto dialog = std::stoll(data.substr(10));
        const auto text = data.find("message ");
        seen[dialog].push_back(text == std::string::npos ? 1 : std::stoll(data.substr(text + 8)));
      }
    };
    const auto read_log = [&](int p) {
      for (auto& e : log[static_cast<std::size_t>(p)]) {
        if (e.offset < read[static_cast<std::size_t>(p)]) continue;
        const auto encoded = schema::encode_event(Event(e.event));
        hub().append(p, e.offset,
                     {.type = encoded.type,
                      .stream = stream_of(e.dialog),
                      .sequence = e.sequence,
                      .at = kTime,
                      .value = encoded.json,
                      .actor = chance(90) ? (e.is_mine ? "account/7" : "account/8") : ""});
        read[static_cast<std::size_t>(p)] = e.offset + 1;
        if (chance(40)) return;
      }
      hub().confirm(p, Hub::Clock::now(), offsets[static_cast<std::size_t>(p)]);
    };
    const auto project = [&](int p) {
      auto& next = projected[static_cast<std::size_t>(p)];
      next = std::min(next + static_cast<std::int64_t>(random() % 12), offsets[static_cast<std::size_t>(p)]);
      history_.move(p, next);
      hub().read_model_advanced();
    };
    const auto come_back = [&] {
      client->wire->take(random() % 200);
      look();
      client->wire->close();
      client->on_close();
      client = follow(id, kOwner, chance(50));
      taken = 0;
    };
    for (int step = 0; step < 1'500; ++step) {
      const int p = static_cast<int>(random() % kPartitions);
      const auto at = static_cast<std::size_t>(p);
      switch (random() % 10) {
        case 0:
        case 1:
        case 2: {
          const bool is_mine = chance(60);
          const auto dialog = dialog_in(p, (is_mine ? 1 : 4) + static_cast<int>(random() % 3));
          const auto sequence = ++versions[dialog.value];
          const dialogs::Event event =
              sequence == 1 ? (is_mine ? kOpening : kOthersOpening) : dialogs::Event(message(sequence));
          offsets[at] += 1 + static_cast<std::int64_t>(random() % 3);
          log[at].push_back({offsets[at] - 1, sequence, dialog, event, is_mine});
          if (is_mine) {
            history_.index(p, offsets[at] - 1, dialog, sequence, event);
            expected[dialog.value].push_back(sequence);
          }
          break;
        }
        case 3:
        case 4:
        case 5:
          read_log(p);
          break;
        case 6:
          project(p);
          break;
        case 7:
          client->wire->take(random() % 400);
          break;
        case 8:
          if (chance(30)) come_back();
          break;
        default:
          if (chance(5)) {
            client->wire->take(random() % 200);
            look();
            hub_.reset();
            hub_ = std::make_unique<Hub>(options_, history_, timers_);
            for (int q = 0; q < kPartitions; ++q) {
              hub_->start_at(q, projected[static_cast<std::size_t>(q)]);
              read[static_cast<std::size_t>(q)] = projected[static_cast<std::size_t>(q)];
            }
            hub_->read_model_advanced();
            client = follow(id);
            taken = 0;
          }
      }
      look();
    }
    const auto settled = eventually([&] {
      for (int p = 0; p < kPartitions; ++p) {
        const auto at = static_cast<std::size_t>(p);
        do read_log(p);
        while (read[at] < offsets[at]);
        hub().confirm(p, Hub::Clock::now(), offsets[at]);
        projected[at] = offsets[at];
        history_.move(p, projected[at]);
      }
      hub().read_model_advanced();
      client->wire->take(10'000);
      look();
      return seen == expected;
    });
    ASSERT_TRUE(settled) << "seed " << seed << ", seen: " << ::testing::PrintToString(seen)
                         << ", expected: " << ::testing::PrintToString(expected);
  }
}

TEST(StreamHistoryReader, KeepsNoPlaceForThoseWhoCameAndWentDuringAnOutage) {
  struct Asking final : HistoryReader::StreamWaiter {
    std::optional<HistoryRequest> request() override {
      return HistoryRequest{.stream = stream_of(kDialog), .viewer = Owner{kOwner}, .limit = 1};
    }
    void loaded(History) override {}
    void delayed() override { ++delays; }
    std::atomic<int> delays = 0;
  };
  FakeHistory history;
  history.go_down();
  HistoryReader reader(history, {.threads = 1, .retry_min = 1h, .retry_max = 1h});
  const auto stays = std::make_shared<Asking>();
  EXPECT_TRUE(reader.enqueue(stays));
  ASSERT_TRUE(eventually([&] { return stays->delays == 1; }));
  for (int i = 0; i < 20'000; ++i) EXPECT_FALSE(reader.enqueue(std::make_shared<Asking>()));
  EXPECT_LT(reader.waiting(), 2'000U);
}

}  // namespace
}  // namespace parley::api
