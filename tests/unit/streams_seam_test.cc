// The promise of a stream (every event that the viewer may see, in order, once) at every interleaving of the log, the
// hub, the projector, reads of history, cuts and restarts. A seed reproduces a run.
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

#include "api/streams/frames.h"
#include "api/streams/stream_subscription.h"
#include "domain/dialogs/dialogs.h"
#include "schemas/contexts/dialogs.h"
#include "tests/unit/streams_client.h"

namespace parley::api {
namespace {

using testing::read_frames;
using testing::ReceivedFrame;
using testing::Wire;
using testing::WireSink;
using Need = StreamSubscription::Need;

constexpr Stream kWatched{Kind::dialog, 1024};
constexpr AccountId kOwner{7};
constexpr AssistantId kAssistant{3};

struct LogEvent {
  std::int64_t offset;
  Stream stream;
  std::int64_t sequence;
  bool is_message;
};

std::string json_of(std::int64_t sequence) {
  return "{\"n\":" + std::to_string(sequence) + ",\"text\":\"" + std::string(sequence % 40, 'x') + "\"}";
}

/// Messages are shown, what else happens to a dialog is not.
const EventViews& views() {
  static const EventViews views = [] {
    EventViews made;
    made.view<dialogs::MessageCreated>(
        [](const dialogs::MessageCreated&, const EventRecord& record, Viewer) { return json_of(record.sequence); });
    return made;
  }();
  return views;
}
Event event_of(const LogEvent& event) {
  if (event.sequence == 1)
    return dialogs::Event(dialogs::Opened{.assistant = kAssistant, .owner = kOwner, .first_name = {}});
  if (!event.is_message) return dialogs::Event(dialogs::Archived{});
  return dialogs::Event(
      dialogs::MessageCreated{.message = {1}, .sender = dialogs::Sender::user, .text = {}, .operator_name = {}});
}
EventRecord record_of(const LogEvent& event) {
  return {.stream = event.stream, .sequence = event.sequence, .at = {}, .event = event_of(event)};
}

/// One client of one dialog, and everything around it. Every step is one thing that happens somewhere.
class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    stream_limits_ = {
        .pace_bytes = pick({50, 200, 10'000}), .write_bytes = pick({1, 64, 1'000}), .events_min = 1, .events_max = 4};
    window_limits_ = {.events_max = pick({2, 5, 12, 1'000}),
                      .tail_events_max = pick({1, 4, 1'000}),
                      .streams_max = pick({1, 2, 100})};
    is_visitor_ = chance(30);
    has_crashes_ = chance(40);
    happens();
    happens();
    while (version_of(kWatched) == 0) happens();
    if (chance(70)) last_id_ = 0;
    start_process();
    connect();
  }

  void step() {
    now_ += std::chrono::milliseconds(1);
    switch (random_() % 16) {
      case 0:
      case 1:
      case 2:
        return happens();
      case 3:
      case 4:
      case 5:
        return hub_reads();
      case 6:
      case 7:
        return project();
      case 8:
        return announce();
      case 9:
      case 10:
        return history_step();
      case 11:
      case 12:
        return take(random_() % 120);
      case 13:
        confirm();
        return advance();
      case 14:
        if (chance(20)) return cut();
        if (chance(10) && has_crashes_) return lose_projection();
        if (chance(10)) return restart();
        return advance();
      default:
        if (chance(10)) stream_->ask_again();
        return advance();
    }
  }

  /// Everything comes to rest.
  void settle() {
    while (hub_next_ < log_.size()) hub_reads();
    pg_next_ = log_.size();
    announce();
    confirm();
    for (int i = 0; i < 2'000; ++i) {
      now_ += std::chrono::milliseconds(1);
      confirm();
      take(1'000);
      if (need_ == Need::history) history_step();
      advance();
    }
  }

  void check_complete() {
    ASSERT_EQ(need_, Need::nothing);
    ASSERT_EQ(has_id_ ? expected_ : version_at_connect_ + 1, version_of(kWatched) + 1)
        << "something was never delivered";
  }
  bool has_seen(Need need) const { return needs_seen_.contains(need); }
  int messages_received() const { return messages_received_; }

 private:
  std::size_t pick(std::initializer_list<std::size_t> choices) {
    return *(choices.begin() + random_() % choices.size());
  }
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  std::int64_t version_of(const Stream& stream) const {
    std::int64_t version = 0;
    for (const auto& event : log_) version = event.stream == stream ? event.sequence : version;
    return version;
  }
  std::int64_t offset_at(std::size_t index) const { return index < log_.size() ? log_[index].offset : end_; }
  /// A checkpoint may stand anywhere between the last event that is reflected and the next one.
  std::int64_t checkpoint_at(std::size_t index) const { return index == 0 ? 0 : log_[index - 1].offset + 1; }

  void happens() {
    const Stream stream{Kind::dialog, kWatched.id * static_cast<std::int64_t>(chance(60) ? 1 : 2 + random_() % 3)};
    const auto sequence = version_of(stream) + 1;
    log_.push_back({.offset = end_, .stream = stream, .sequence = sequence, .is_message = sequence > 1 && !chance(20)});
    end_ += 1 + static_cast<std::int64_t>(random_() % 3);  // markers of transactions take offsets too
  }

  void start_process() {
    window_ = std::make_unique<Window>(window_limits_);
    // At the checkpoint, or, when PostgreSQL was away, anywhere else.
    hub_next_ = chance(70) ? std::min(pg_next_, log_.size()) : random_() % (log_.size() + 1);
    window_->start_at(checkpoint_at(hub_next_));
    confirmed_at_ = {};
    if (chance(50)) announce();
  }
  void restart() {
    disconnect();
    start_process();
    connect();
  }

  void hub_reads() {
    if (hub_next_ >= log_.size()) return;
    const auto& event = log_[hub_next_++];
    ASSERT_TRUE(window_->append(event.offset, record_of(event), 1));
    if (event.stream != kWatched) return;
    stream_->appended(event.sequence);
    advance();
  }
  void project() { pg_next_ = std::min(log_.size(), pg_next_ + random_() % 4); }
  void lose_projection() { pg_next_ -= std::min<std::size_t>(pg_next_, random_() % 4); }
  void announce() {
    window_->move_checkpoint(checkpoint_at(pg_next_));
    if (stream_) advance();
  }
  void confirm() {
    if (hub_next_ == log_.size()) confirmed_at_ = now_;
  }

  void history_step() {
    if (pending_) {
      const Answer answer = *std::exchange(pending_, std::nullopt);
      if (chance(20)) return stream_->delay({});  // it was not answered after all
      if (answer.is_visible) {
        stream_->grant();
        start_stream();
        stream_->loaded(answer.chapter, *window_);
      } else {
        stream_->absent(answer.chapter.reflected, answer.chapter.checkpoint);
      }
      return advance();
    }
    if (need_ == Need::history) pending_ = read();
  }
  struct Answer {
    bool is_visible = false;
    Chapter chapter;
  };
  Answer read() const {
    Answer answer;
    answer.chapter.after = stream_->after(*window_);
    answer.chapter.reflected = answer.chapter.checkpoint = checkpoint_at(pg_next_);
    for (std::size_t i = 0; i < pg_next_; ++i) {
      const auto& event = log_[i];
      if (event.stream != kWatched) continue;
      answer.is_visible = true;
      answer.chapter.version = event.sequence;
      if (!event.is_message || event.sequence <= answer.chapter.after) continue;
      if (answer.chapter.events.size() == static_cast<std::size_t>(stream_->limit())) {
        answer.chapter.has_more = true;
      } else {
        answer.chapter.events.push_back({event.sequence, frames::of_stream(record_of(event), views(), Viewer::owner)});
      }
    }
    return answer;
  }

  void connect() {
    wire_ = std::make_shared<Wire>(false);
    parsed_ = 0;
    pending_.reset();
    const Principal viewer = is_visitor_ ? Principal(Visitor{kAssistant}) : Principal(Owner{kOwner});
    stream_ = std::make_unique<StreamSubscription>(kWatched, viewer, views(), last_id_, now_, stream_limits_);
    has_id_ = last_id_.has_value();
    if (has_id_) expected_ = *last_id_ + 1;
    stream_->begin(*window_);
    version_at_connect_ = version_of(kWatched);
    advance();
    if (chance(30)) start_stream();  // it has waited for too long
  }
  void start_stream() {
    if (!stream_->has_started())
      stream_->start(std::make_unique<WireSink>(wire_), frames::data("{\"type\":\"connection.established\"}"));
  }
  void disconnect() {
    receive();
    wire_->close();
    stream_.reset();
  }
  void cut() {
    disconnect();
    connect();
  }
  void take(std::size_t bytes) {
    wire_->take(bytes);
    receive();
    advance();
  }

  void advance() {
    need_ = stream_->advance(*window_, confirmed_at_, {});
    if (stream_->may_see() && !stream_->has_started()) {
      start_stream();
      need_ = stream_->advance(*window_, confirmed_at_, {});
    }
    needs_seen_.insert(need_);
    ASSERT_NE(need_, Need::refusal);
    ASSERT_NE(need_, Need::end);
    ASSERT_LE(wire_->most_queued(), stream_limits_.pace_bytes + stream_limits_.write_bytes + 400);
    if (need_ == Need::checkpoint) stream_->delay({});
  }

  /// What the client gets is held against the log.
  void receive() {
    const auto text = wire_->taken();
    const auto [frames, read] = read_frames(std::string_view(text).substr(parsed_));
    parsed_ += read;
    for (const auto& frame : frames) {
      if (!frame.id) continue;
      if (!has_id_) {  // since now
        has_id_ = true;
        if (!frame.data && *frame.id <= version_at_connect_) {  // where now is
          expected_ = *frame.id + 1;
          last_id_ = frame.id;
          continue;
        }
        expected_ = std::min(*frame.id, version_at_connect_ + 1);  // perhaps a little from before now, but nothing less
      }
      ASSERT_GE(*frame.id, expected_) << "delivered twice or out of order";
      for (auto skipped = expected_; skipped < *frame.id; ++skipped)
        ASSERT_FALSE(is_message(skipped)) << "message " << skipped << " was skipped";
      ASSERT_EQ(frame.data.has_value(), is_message(*frame.id)) << *frame.id;
      if (frame.data) {
        ASSERT_EQ(*frame.data, json_of(*frame.id));
        ++messages_received_;
      }
      expected_ = *frame.id + 1;
      last_id_ = frame.id;
    }
  }
  bool is_message(std::int64_t sequence) const {
    for (const auto& event : log_) {
      if (event.stream == kWatched && event.sequence == sequence) return event.is_message;
    }
    ADD_FAILURE() << "no such event: " << sequence;
    return false;
  }

  std::mt19937 random_;
  StreamSubscription::Limits stream_limits_;
  Window::Limits window_limits_;
  bool is_visitor_ = false;
  bool has_crashes_ = false;

  std::vector<LogEvent> log_;
  std::int64_t end_ = 0;
  std::size_t pg_next_ = 0;   // into log_: what PostgreSQL reflects
  std::size_t hub_next_ = 0;  // into log_: what the hub has read
  std::unique_ptr<Window> window_;
  StreamSubscription::Clock::time_point now_{std::chrono::hours(1)};
  StreamSubscription::Clock::time_point confirmed_at_{};

  std::shared_ptr<Wire> wire_;
  std::unique_ptr<StreamSubscription> stream_;
  Need need_ = Need::nothing;
  std::optional<Answer> pending_;

  std::optional<std::int64_t> last_id_;
  bool has_id_ = false;
  std::int64_t expected_ = 0;
  std::int64_t version_at_connect_ = 0;
  std::size_t parsed_ = 0;
  int messages_received_ = 0;
  std::set<Need> needs_seen_;
};

TEST(StreamSeam, ReceivedEqualsLogAtEveryInterleaving) {
  const char* const only = std::getenv("PARLEY_TEST_SEED");
  const unsigned first = only != nullptr ? static_cast<unsigned>(std::atoi(only)) : 1;
  const unsigned last = only != nullptr ? first : 4'000;
  std::set<Need> needs;
  int messages = 0;
  for (unsigned seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("PARLEY_TEST_SEED=" + std::to_string(seed));
    World world(seed);
    for (int i = 0; i < 250 && !HasFatalFailure(); ++i) world.step();
    if (!HasFatalFailure()) world.settle();
    if (!HasFatalFailure()) world.check_complete();
    if (HasFatalFailure()) return;
    messages += world.messages_received();
    for (const auto need : {Need::history, Need::checkpoint, Need::confirmation, Need::socket}) {
      if (world.has_seen(need)) needs.insert(need);
    }
  }
  if (only == nullptr) {
    EXPECT_EQ(needs, (std::set{Need::history, Need::checkpoint, Need::confirmation, Need::socket}))
        << "the runs do not meet every situation";
    EXPECT_GT(messages, 50'000);
  }
}

}  // namespace
}  // namespace parley::api
