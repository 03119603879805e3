#include "api/streams/hub.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "api/http/message.h"
#include "api/streams/frames.h"
#include "domain/model.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "schemas/events.h"

namespace parley::api {
namespace {

constexpr std::chrono::milliseconds kSweepMin{5};
constexpr std::chrono::milliseconds kSweepMax{1'000};

Timestamp now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

metrics::Gauge streams_of(const char* viewer) {
  return metrics::gauge("parley_streams", "Open streams, and those being opened, by who looks", {{"viewer", viewer}});
}

struct Metrics {
  metrics::Gauge of_owners = streams_of("owner");
  metrics::Gauge of_visitors = streams_of("visitor");
  metrics::Gauge retained_events =
      metrics::gauge("parley_stream_hub_retained_events", "Events that the hub holds for streams");
  metrics::Gauge retained_bytes =
      metrics::gauge("parley_stream_hub_retained_bytes", "Bytes that the hub holds for streams");
  metrics::Gauge waiting = metrics::gauge("parley_stream_history_waiting", "Streams that wait for a read of history");
  metrics::Counter delivered =
      metrics::counter("parley_stream_events_total", "Events written to streams, hidden ones too");
  metrics::Counter bytes = metrics::counter("parley_stream_bytes_total", "Bytes written to streams, pings too");
  metrics::Counter delays =
      metrics::counter("parley_stream_delays_total", "Streams that were told to wait for the read model");
  metrics::Counter resets = metrics::counter(
      "parley_stream_resets_total", "Streams whose last id was of another log, or one that the log has not reached");
  metrics::Counter slow =
      metrics::counter("parley_stream_slow_readers_cut_total", "Streams that ended while the client did not read");
  metrics::Counter gaps =
      metrics::counter("parley_stream_hub_gaps_total", "Events that did not follow their dialog's last one");
  metrics::Counter unreadable =
      metrics::counter("parley_stream_hub_unreadable_total", "Messages of the log that could not be shown");
  metrics::Histogram delivery =
      metrics::histogram("parley_stream_delivery_seconds", "From an event's time to the streams of its dialog");

  metrics::Gauge& streams(const Principal& viewer) {
    return std::holds_alternative<Visitor>(viewer) ? of_visitors : of_owners;
  }
  void add(const DialogStream::Counts& counts) {
    delivered.add(static_cast<double>(counts.events));
    bytes.add(static_cast<double>(counts.bytes));
    delays.add(static_cast<double>(counts.delays));
    resets.add(static_cast<double>(counts.resets));
  }
  void add(const Feed::Counts& counts) {
    delivered.add(static_cast<double>(counts.events));
    resets.add(static_cast<double>(counts.resets));
  }
};

}  // namespace

struct Hub::Impl : std::enable_shared_from_this<Hub::Impl> {
  using Need = DialogStream::Need;
  struct Lane;

  /// A stream with what is under way for it; everything under the lane's mutex.
  struct Subscriber final : HistoryReader::DialogWaiter, std::enable_shared_from_this<Subscriber> {
    Subscriber(std::weak_ptr<Impl> of, Lane& in, std::unique_ptr<Opening> with, DialogStream how)
        : hub(std::move(of)), lane(in), opening(std::move(with)), stream(std::move(how)) {}

    std::optional<HistoryRequest> request() override;
    void loaded(History past) override;
    void delayed() override;

    const std::weak_ptr<Impl> hub;
    Lane& lane;  // one of the hub's: only while the hub is locked
    const std::unique_ptr<Opening> opening;
    DialogStream stream;
    Need need = Need::nothing;
    bool is_reading = false;  // in the reader's line, or being read for
    bool is_looking = false;  // a timer of look_later() runs
    bool is_over = false;
    std::int64_t read_after = 0;
    Clock::time_point asked_at{};       // for history, the last time
    std::chrono::milliseconds pace{0};  // the last pause for its socket
  };
  using SubscriberPtr = std::shared_ptr<Subscriber>;

  /// A feed with what is under way for it. It is in every lane; its mutex is taken after a lane's, and no two lanes' at
  /// once.
  struct FeedSubscriber final : HistoryReader::Waiter, std::enable_shared_from_this<FeedSubscriber> {
    FeedSubscriber(std::weak_ptr<Impl> of, std::unique_ptr<Opening> with, AccountId owner, const std::string& log,
                   const Feed::Ends& ends, const Feed::Limits& limits)
        : hub(std::move(of)),
          opening(std::move(with)),
          feed(owner, log, ends, Clock::now(), limits),
          needs(ends.size(), Need::nothing) {}

    std::expected<bool, HistoryUnavailable> turn(HistorySource& source) override;
    void delayed() override { feed.delay(now()); }
    Need need(int partition) const {
      const std::lock_guard lock(mutex);
      return needs[static_cast<std::size_t>(partition)];
    }

    const std::weak_ptr<Impl> hub;
    const std::unique_ptr<Opening> opening;
    Feed feed;
    std::atomic<bool> is_over = false;
    mutable std::mutex mutex;
    std::vector<Need> needs;  // by partition
    bool is_reading = false;  // in the reader's line, or being read for
    bool is_looking = false;
    Clock::time_point asked_at{};
    std::chrono::milliseconds pace{0};
  };
  using FeedSubscriberPtr = std::shared_ptr<FeedSubscriber>;

  /// How many wait for something of a partition.
  struct Awaiting {
    std::size_t checkpoint = 0;
    std::size_t confirmation = 0;
  };

  /// Who wants to know where a partition ends.
  struct EndAsked {
    Clock::time_point since;
    std::function<void(std::int64_t)> tell;
  };

  /// One partition.
  struct Lane {
    Lane(int with_number, const Window::Limits& limits) : number(with_number), window(limits) {}

    std::vector<SubscriberPtr> all() const {
      std::vector<SubscriberPtr> found;
      for (const auto& [dialog, of_dialog] : subscribers) found.insert(found.end(), of_dialog.begin(), of_dialog.end());
      return found;
    }
    std::vector<SubscriberPtr> those_that_need(Need need) const {
      auto found = all();
      std::erase_if(found, [&](const SubscriberPtr& subscriber) { return subscriber->need != need; });
      return found;
    }

    const int number;
    std::mutex mutex;
    Window window;
    Feed::Confirmed confirmed;
    std::unordered_map<std::int64_t, std::vector<SubscriberPtr>> subscribers;  // by dialog
    Awaiting streams_awaiting;                                                 // of them
    std::unordered_map<std::int64_t, std::vector<FeedSubscriberPtr>> feeds;    // by owner
    Awaiting feeds_awaiting;
    std::vector<EndAsked> ends_asked;

    std::vector<FeedSubscriberPtr> all_feeds() const {
      std::vector<FeedSubscriberPtr> found;
      for (const auto& [owner, of_owner] : feeds) found.insert(found.end(), of_owner.begin(), of_owner.end());
      return found;
    }
    std::vector<FeedSubscriberPtr> feeds_that_need(Need need) const {
      auto found = all_feeds();
      std::erase_if(found, [&](const FeedSubscriberPtr& subscriber) { return subscriber->need(number) != need; });
      return found;
    }
  };

  Impl(const Options& with, MessageFormat how, HistorySource& from, http::Timers& by)
      : options(with),
        format(std::move(how)),
        history(from),
        timers(by),
        ends(static_cast<std::size_t>(with.partitions)),
        reader(from, with.history) {
    for (int i = 0; i < options.partitions; ++i) lanes.push_back(std::make_unique<Lane>(i, options.window));
  }

  Lane& lane_of(DialogId dialog) { return lane(partition_of(slot_of(dialog.value), options.partitions)); }
  Lane& lane(int partition) { return *lanes.at(static_cast<std::size_t>(partition)); }
  Frame frame_of(const Record& record, DialogFacts& facts, Frame& feed);
  Frame feed_frame(DialogId dialog, const dialogs::Event& event, Timestamp at);
  std::optional<AccountId> owner_by(std::string_view actor) const;
  std::string message_frame(DialogId dialog, std::int64_t sequence, const dialogs::MessageCreated& created,
                            Timestamp at);
  /// Twice as long as the last one, within bounds.
  std::chrono::milliseconds next_pace(std::chrono::milliseconds last) const {
    return last.count() == 0 ? options.pace_min : std::min(last * 2, options.pace_max);
  }
  void look_later(const FeedSubscriberPtr& subscriber);
  void remove(const FeedSubscriberPtr& subscriber);
  void sweep();
  Retained retained();
  void refresh_gauges();

  // With the lane's mutex held.
  void proceed(const SubscriberPtr& subscriber);
  void set_need(Subscriber& subscriber, Need need);
  void start(const SubscriberPtr& subscriber);
  void ask_history(const SubscriberPtr& subscriber);
  void delay(const SubscriberPtr& subscriber);
  void look_later(const SubscriberPtr& subscriber);
  void refuse(Subscriber& subscriber, const Error& error);
  void remove(const SubscriberPtr& subscriber);
  void tell_feeds(Lane& lane, std::int64_t offset);
  void proceed(const FeedSubscriberPtr& subscriber, Lane& lane);
  void settle(const FeedSubscriberPtr& subscriber, Lane& lane, Need need);
  void leave(const FeedSubscriberPtr& subscriber, Lane& lane);
  void count_need(Awaiting& of, Need was, Need is);
  std::vector<EndAsked> take_ends_asked(Lane& lane, Clock::time_point before);
  void sweep_feeds(Lane& lane, Clock::time_point at);

  const Options options;
  const MessageFormat format;
  HistorySource& history;
  http::Timers& timers;
  Metrics metrics;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::atomic<std::size_t> streams = 0;
  std::atomic<std::size_t> awaiting_confirmation = 0;
  std::atomic<bool> is_closing = false;
  Feed::Ends ends;
  http::Timers::Id sweeper{};
  HistoryReader reader;
};

// What a reader's thread does for a subscriber.

std::optional<HistoryRequest> Hub::Impl::Subscriber::request() {
  const auto alive = hub.lock();
  if (!alive) return std::nullopt;
  const std::lock_guard lock(lane.mutex);
  if (is_over || need != Need::history) {
    is_reading = false;
    return std::nullopt;
  }
  read_after = stream.after();
  return HistoryRequest{.dialog = stream.dialog(),
                        .viewer = stream.viewer(),
                        .after = read_after,
                        .partition = lane.number,
                        .limit = stream.limit()};
}

void Hub::Impl::Subscriber::loaded(History past) {
  const auto alive = hub.lock();
  if (!alive) return;
  Chapter chapter{.after = read_after,
                  .events = {},
                  .has_more = past.has_more,
                  .version = past.version,
                  .reflected = past.reflected(),
                  .checkpoint = past.checkpoint};
  chapter.events.reserve(past.messages.size());
  for (const auto& message : past.messages) {
    chapter.events.push_back(
        {message.version, alive->message_frame(stream.dialog(), message.version, message.created, message.at)});
  }
  const std::lock_guard lock(lane.mutex);
  is_reading = false;
  if (is_over) return;
  if (past.is_visible) {
    stream.grant();
    if (!stream.has_started()) alive->start(shared_from_this());
    stream.loaded(chapter, lane.window);
  } else {
    stream.absent(past.reflected(), past.checkpoint);
  }
  alive->proceed(shared_from_this());
}

void Hub::Impl::Subscriber::delayed() {
  const auto alive = hub.lock();
  if (!alive) return;
  const std::lock_guard lock(lane.mutex);
  if (!is_over && need == Need::history) alive->delay(shared_from_this());
}

std::expected<bool, HistoryUnavailable> Hub::Impl::FeedSubscriber::turn(HistorySource& source) {
  const auto alive = hub.lock();
  if (!alive) return false;
  const auto wanted = [&]() -> std::optional<int> {
    const std::lock_guard lock(mutex);
    const auto first = std::ranges::find(needs, Need::history);
    if (!is_over && first != needs.end()) return static_cast<int>(first - needs.begin());
    is_reading = false;
    return std::nullopt;
  }();
  if (!wanted) return false;
  const auto& limits = alive->options.feed;
  auto past = source.read(FeedHistoryRequest{.owner = feed.owner(),
                                             .partition = *wanted,
                                             .from = feed.position(*wanted),
                                             .span_max = limits.span_max,
                                             .limit = limits.events_max});
  if (!past) return std::unexpected(std::move(past.error()));
  FeedChapter chapter{.events = {}, .read_to = past->read_to, .checkpoint = past->checkpoint, .has_gap = past->has_gap};
  for (const auto& event : past->events) {
    if (auto frame = alive->feed_frame(event.dialog, event.event, event.at))
      chapter.events.push_back({event.offset, std::move(frame)});
  }
  Lane& lane = alive->lane(*wanted);
  const std::lock_guard lane_lock(lane.mutex);
  {
    const std::lock_guard lock(mutex);
    is_reading = false;
  }
  feed.loaded(*wanted, chapter, now());
  alive->proceed(shared_from_this(), lane);
  return true;
}

// How a subscriber gets on.

void Hub::Impl::proceed(const SubscriberPtr& subscriber) {
  if (subscriber->is_over) return;
  DialogStream& stream = subscriber->stream;
  const Lane& lane = subscriber->lane;
  const auto advance = [&] { return stream.advance(subscriber->lane.window, lane.confirmed.at, now()); };
  Need need = advance();
  if (stream.may_see() && !stream.has_started()) {
    start(subscriber);
    need = advance();
  }
  const auto counts = stream.take_counts();
  metrics.add(counts);
  if (counts.events != 0) subscriber->pace = {};  // the client reads

  set_need(*subscriber, need);
  switch (need) {
    case Need::nothing:
    case Need::confirmation:
      return;
    case Need::history:
      return ask_history(subscriber);
    case Need::checkpoint:
      if (stream.has_started()) delay(subscriber);
      return;
    case Need::socket:
      return look_later(subscriber);
    case Need::refusal:
      refuse(*subscriber, {Code::dialog_not_found, {}});
      return remove(subscriber);
    case Need::end:
      return remove(subscriber);
  }
}

void Hub::Impl::set_need(Subscriber& subscriber, Need need) {
  count_need(subscriber.lane.streams_awaiting, subscriber.need, need);
  if (need != Need::socket) subscriber.pace = {};
  subscriber.need = need;
}

void Hub::Impl::start(const SubscriberPtr& subscriber) {
  auto sink = subscriber->opening->start([weak = weak_from_this(), weak_subscriber = std::weak_ptr(subscriber)] {
    const auto hub = weak.lock();
    const auto closed = weak_subscriber.lock();
    if (!hub || !closed) return;
    const std::lock_guard lock(closed->lane.mutex);
    hub->remove(closed);
  });
  subscriber->stream.start(std::move(sink), frames::established(http::new_request_id(), now()));
}

void Hub::Impl::ask_history(const SubscriberPtr& subscriber) {
  if (std::exchange(subscriber->is_reading, true)) return;
  subscriber->asked_at = Clock::now();
  if (!reader.enqueue(subscriber)) delay(subscriber);
}

void Hub::Impl::delay(const SubscriberPtr& subscriber) {
  if (!subscriber->stream.has_started()) start(subscriber);
  subscriber->stream.delay(now());
  metrics.add(subscriber->stream.take_counts());
}

void Hub::Impl::look_later(const SubscriberPtr& subscriber) {
  if (std::exchange(subscriber->is_looking, true)) return;
  subscriber->pace = next_pace(subscriber->pace);
  timers.after(subscriber->pace, [weak = weak_from_this(), weak_subscriber = std::weak_ptr(subscriber)] {
    const auto hub = weak.lock();
    const auto slow = weak_subscriber.lock();
    if (!hub || !slow) return;
    const std::lock_guard lock(slow->lane.mutex);
    slow->is_looking = false;
    if (slow->need == Need::socket) hub->proceed(slow);
  });
}

void Hub::Impl::refuse(Subscriber& subscriber, const Error& error) {
  if (subscriber.stream.has_started()) {
    subscriber.stream.finish(frames::error(subscriber.opening->error_json(error)));
  } else {
    subscriber.opening->refuse(error);
  }
}

void Hub::Impl::remove(const SubscriberPtr& subscriber) {
  if (std::exchange(subscriber->is_over, true)) return;
  if (subscriber->need == Need::socket) metrics.slow.add();
  metrics.add(subscriber->stream.take_counts());
  metrics.streams(subscriber->stream.viewer()).add(-1);
  set_need(*subscriber, Need::end);
  auto& subscribers = subscriber->lane.subscribers;
  const auto of_dialog = subscribers.find(subscriber->stream.dialog().value);
  std::erase(of_dialog->second, subscriber);
  if (of_dialog->second.empty()) subscribers.erase(of_dialog);
  --streams;
}

// How a feed gets on.

/// An event has come into the lane's window.
void Hub::Impl::tell_feeds(Lane& lane, std::int64_t offset) {
  lane.window.visit_from(offset, [&](std::int64_t at, std::optional<AccountId> owner, const Frame& feed) {
    const auto tell = [&](const std::vector<FeedSubscriberPtr>& subscribers) {
      for (const auto& subscriber : subscribers) {
        if (const auto need = subscriber->feed.appended(lane.number, at, owner, feed); need != Need::nothing)
          settle(subscriber, lane, need);
        metrics.add(subscriber->feed.take_counts());
      }
    };
    if (!owner) {
      tell(lane.all_feeds());
    } else if (const auto theirs = lane.feeds.find(owner->value); theirs != lane.feeds.end()) {
      tell(theirs->second);
    }
    return true;
  });
  ends[static_cast<std::size_t>(lane.number)] = offset + 1;
}

void Hub::Impl::proceed(const FeedSubscriberPtr& subscriber, Lane& lane) {
  if (subscriber->is_over) return;
  const auto need = subscriber->feed.catch_up(lane.number, lane.window, lane.confirmed, now());
  metrics.add(subscriber->feed.take_counts());
  settle(subscriber, lane, need);
}

void Hub::Impl::settle(const FeedSubscriberPtr& subscriber, Lane& lane, Need need) {
  bool asks = false, looks = false;
  {
    const std::lock_guard lock(subscriber->mutex);
    auto& was = subscriber->needs[static_cast<std::size_t>(lane.number)];
    count_need(lane.feeds_awaiting, was, need);
    was = need;
    if (need == Need::checkpoint) subscriber->asked_at = Clock::now();
    if (need == Need::nothing) subscriber->pace = {};  // the client reads
    looks = need == Need::socket;
    asks = std::ranges::find(subscriber->needs, Need::history) != subscriber->needs.end() &&
           !std::exchange(subscriber->is_reading, true);
    if (asks) subscriber->asked_at = Clock::now();
  }
  if (looks) look_later(subscriber);
  // A stream that is over leaves when its connection says so.
  const bool takes_long = asks && !reader.enqueue(subscriber);
  if (need == Need::checkpoint || takes_long) {
    subscriber->feed.delay(now());
    metrics.delays.add();
  }
}

/// Of those who asked before that time.
std::vector<Hub::Impl::EndAsked> Hub::Impl::take_ends_asked(Lane& lane, Clock::time_point before) {
  std::vector<EndAsked> taken;
  const auto later =
      std::ranges::partition(lane.ends_asked, [&](const EndAsked& asked) { return asked.since >= before; });
  std::ranges::move(later, std::back_inserter(taken));
  lane.ends_asked.erase(later.begin(), later.end());
  awaiting_confirmation -= taken.size();
  return taken;
}

void Hub::Impl::look_later(const FeedSubscriberPtr& subscriber) {
  std::chrono::milliseconds pace{};
  {
    const std::lock_guard lock(subscriber->mutex);
    if (std::exchange(subscriber->is_looking, true)) return;
    subscriber->pace = next_pace(subscriber->pace);
    pace = subscriber->pace;
  }
  timers.after(pace, [weak = weak_from_this(), weak_subscriber = std::weak_ptr(subscriber)] {
    const auto hub = weak.lock();
    const auto slow = weak_subscriber.lock();
    if (!hub || !slow) return;
    {
      const std::lock_guard lock(slow->mutex);
      slow->is_looking = false;
    }
    for (const auto& lane : hub->lanes) {
      const std::lock_guard lock(lane->mutex);
      if (slow->need(lane->number) == Need::socket) hub->proceed(slow, *lane);
    }
  });
}

/// With the lane's mutex held.
void Hub::Impl::leave(const FeedSubscriberPtr& subscriber, Lane& lane) {
  const auto of_owner = lane.feeds.find(subscriber->feed.owner().value);
  if (of_owner == lane.feeds.end() || std::erase(of_owner->second, subscriber) == 0) return;
  if (of_owner->second.empty()) lane.feeds.erase(of_owner);
  count_need(lane.feeds_awaiting, subscriber->need(lane.number), Need::nothing);
}

void Hub::Impl::count_need(Awaiting& of, Need was, Need is) {
  const auto count = [&](Need need, auto step) {
    if (need == Need::checkpoint) step(of.checkpoint);
    if (need == Need::confirmation) step(of.confirmation), step(awaiting_confirmation);
  };
  count(was, [](auto& n) { --n; });
  count(is, [](auto& n) { ++n; });
}

/// Without any lane's mutex.
void Hub::Impl::remove(const FeedSubscriberPtr& subscriber) {
  if (subscriber->is_over.exchange(true)) return;
  subscriber->feed.finish();  // before it is told of nothing more: an id must not claim that
  for (const auto& lane : lanes) {
    const std::lock_guard lock(lane->mutex);
    leave(subscriber, *lane);
  }
  --streams;
}

void Hub::Impl::sweep_feeds(Lane& lane, Clock::time_point at) {
  if (lane.feeds.empty()) return;
  for (const auto& subscriber : lane.all_feeds()) {
    bool asks_again = false, waits_long = false;
    {
      const std::lock_guard lock(subscriber->mutex);
      const auto need = subscriber->needs[static_cast<std::size_t>(lane.number)];
      asks_again = need == Need::checkpoint && at - subscriber->asked_at >= options.ask_again_every;
      waits_long = (subscriber->is_reading && at - subscriber->asked_at >= options.decide_within) ||
                   (std::ranges::find(subscriber->needs, Need::confirmation) != subscriber->needs.end() &&
                    at - subscriber->feed.opened_at() >= options.decide_within);
    }
    if (lane.number == 0) {  // every feed is in every lane
      subscriber->feed.ping(at, options.ping_interval);
      if (waits_long) subscriber->feed.delay(now());
    }
    if (asks_again) {
      subscriber->feed.ask_again(lane.number);
      proceed(subscriber, lane);
    }
  }
}

Frame Hub::Impl::frame_of(const Record& record, DialogFacts& facts, Frame& feed) {
  const auto decoded = schema::decode_event(record.type, record.value);
  if (!decoded) {
    metrics.unreadable.add();
    log::error("an event of the log cannot be read",
               {{"type", record.type}, {"dialog", record.dialog.value}, {"sequence", record.sequence}});
  } else if (*decoded) {
    if (const auto* event = (*decoded)->get_if<dialogs::Event>()) {
      if (const auto* opened = std::get_if<dialogs::Opened>(event))
        facts = {.owner = opened->owner, .assistant = opened->assistant};
      if (const auto* created = std::get_if<dialogs::MessageCreated>(event)) {
        feed = std::make_shared<const std::string>(message_frame(record.dialog, record.sequence, *created, record.at));
        return feed;
      }
      feed = feed_frame(record.dialog, *event, record.at);
    }
  }
  return std::make_shared<const std::string>(frames::hidden(record.sequence));
}

/// Of history, and of what dialogs' streams do not show. Nothing for what is not shown.
Frame Hub::Impl::feed_frame(DialogId dialog, const dialogs::Event& event, Timestamp at) {
  try {
    const auto* created = std::get_if<dialogs::MessageCreated>(&event);
    auto json = created != nullptr    ? std::optional(format(dialog, *created, at))
                : options.feed_format ? options.feed_format(dialog, event, at)
                                      : std::nullopt;
    return json ? std::make_shared<const std::string>(frames::data(std::move(*json))) : nullptr;
  } catch (const std::exception&) {
    metrics.unreadable.add();
    log::error("an event cannot be shown", {{"dialog", dialog.value}});
    return nullptr;
  }
}

std::optional<AccountId> Hub::Impl::owner_by(std::string_view actor) const {
  const auto principal = parse_principal(actor);
  if (!principal) return std::nullopt;
  const auto* visitor = std::get_if<Visitor>(&*principal);
  return visitor != nullptr && options.owner_of ? options.owner_of(visitor->assistant) : owner_behind(*principal);
}

std::string Hub::Impl::message_frame(DialogId dialog, std::int64_t sequence, const dialogs::MessageCreated& created,
                                     Timestamp at) {
  try {
    return frames::event(sequence, format(dialog, created, at));
  } catch (const std::exception&) {  // one message that cannot be shown must not end the process again and again
    metrics.unreadable.add();
    log::error("a message cannot be shown", {{"dialog", dialog.value}, {"sequence", sequence}});
    return frames::hidden(sequence);
  }
}

void Hub::Impl::sweep() {
  const auto at = Clock::now();
  std::vector<FeedSubscriberPtr> feeds;  // every feed is in every lane
  {
    const std::lock_guard lock(lanes.front()->mutex);
    feeds = lanes.front()->all_feeds();
  }
  for (const auto& subscriber : feeds) {
    const auto over = subscriber->opening->over();
    if (!over) continue;
    subscriber->feed.finish(std::make_shared<const std::string>(frames::error(subscriber->opening->error_json(*over))));
    remove(subscriber);
  }
  for (const auto& lane : lanes) {
    std::vector<EndAsked> given_up;  // what they hold goes without the lane's mutex
    const std::lock_guard lock(lane->mutex);
    given_up = take_ends_asked(*lane, at - kEndWaitMax);
    lane->window.move_checkpoint(history.checkpoint(lane->number));
    sweep_feeds(*lane, at);
    for (const auto& subscriber : lane->all()) {
      DialogStream& stream = subscriber->stream;
      if (const auto over = subscriber->opening->over()) {
        refuse(*subscriber, *over);
        remove(subscriber);
        continue;
      }
      stream.ping(at, options.ping_interval);
      const bool waits_long = subscriber->need == Need::history && at - subscriber->asked_at >= options.decide_within;
      if (waits_long || (!stream.has_started() && at - stream.opened_at() >= options.decide_within)) delay(subscriber);
      if (subscriber->need == Need::checkpoint && at - subscriber->asked_at >= options.ask_again_every) {
        stream.ask_again();
        proceed(subscriber);
      }
    }
  }
}

Hub::Retained Hub::Impl::retained() {
  Retained sum;
  for (const auto& lane : lanes) {
    const std::lock_guard lock(lane->mutex);
    sum.events += lane->window.events();
    sum.bytes += lane->window.bytes();
  }
  return sum;
}

void Hub::Impl::refresh_gauges() {
  const auto [events, bytes] = retained();
  metrics.retained_events.set(static_cast<double>(events));
  metrics.retained_bytes.set(static_cast<double>(bytes));
  metrics.waiting.set(static_cast<double>(reader.waiting()));
}

Hub::Hub(const Options& options, MessageFormat format, HistorySource& history, http::Timers& timers)
    : impl_(std::make_shared<Impl>(options, std::move(format), history, timers)) {
  const auto shortest = std::min(options.ping_interval, options.decide_within);
  impl_->sweeper = timers.every(std::clamp(shortest / 8, kSweepMin, kSweepMax), [weak = std::weak_ptr(impl_)] {
    if (const auto hub = weak.lock()) hub->sweep();
  });
  metrics::on_scrape([weak = std::weak_ptr(impl_)] {
    if (const auto hub = weak.lock()) hub->refresh_gauges();
  });
}

Hub::~Hub() {
  impl_->timers.cancel(impl_->sweeper);
  close_all();
  impl_->reader.stop();
}

void Hub::start_at(int partition, std::int64_t offset) {
  auto& lane = impl_->lane(partition);
  const std::lock_guard lock(lane.mutex);
  lane.window.start_at(offset);
}

void Hub::append(int partition, std::int64_t offset, const Record& record) {
  auto& lane = impl_->lane(partition);
  DialogFacts facts;
  Frame feed;
  auto frame = impl_->frame_of(record, facts, feed);
  const auto owner = impl_->owner_by(record.actor);
  const std::lock_guard lock(lane.mutex);
  if (!lane.window.append(offset, record.dialog, record.sequence, std::move(frame), facts, std::move(feed), owner)) {
    impl_->metrics.gaps.add();
    log::error(
        "an event does not follow its dialog's last one",
        {{"dialog", record.dialog.value}, {"sequence", record.sequence}, {"partition", partition}, {"offset", offset}});
  }
  impl_->tell_feeds(lane, offset);
  const auto found = lane.subscribers.find(record.dialog.value);
  if (found == lane.subscribers.end()) return;
  const auto subscribers = found->second;  // one that has ended leaves the list meanwhile
  for (const auto& subscriber : subscribers) {
    subscriber->stream.appended(record.sequence);
    impl_->proceed(subscriber);
  }
  impl_->metrics.delivery.observe(std::chrono::duration<double>(now() - record.at).count());
}

void Hub::confirm(int partition, Clock::time_point when, std::int64_t end) {
  auto& lane = impl_->lane(partition);
  std::unique_lock lock(lane.mutex);
  if (when >= lane.confirmed.at) lane.confirmed = {when, end};
  const auto asked = impl_->take_ends_asked(lane, when);
  if (lane.feeds_awaiting.confirmation != 0) {
    for (const auto& subscriber : lane.feeds_that_need(DialogStream::Need::confirmation))
      impl_->proceed(subscriber, lane);
  }
  if (lane.streams_awaiting.confirmation != 0) {
    for (const auto& subscriber : lane.those_that_need(DialogStream::Need::confirmation)) impl_->proceed(subscriber);
  }
  lock.unlock();
  for (const auto& one : asked) one.tell(end);
}

bool Hub::wants_confirmation() const { return impl_->awaiting_confirmation != 0; }

void Hub::ask_end(int partition, std::function<void(std::int64_t)> tell) {
  auto& lane = impl_->lane(partition);
  const std::lock_guard lock(lane.mutex);
  lane.ends_asked.push_back({Clock::now(), std::move(tell)});
  ++impl_->awaiting_confirmation;
}

void Hub::read_model_advanced() {
  for (const auto& lane : impl_->lanes) {
    const std::lock_guard lock(lane->mutex);
    lane->window.move_checkpoint(impl_->history.checkpoint(lane->number));
    if (lane->feeds_awaiting.checkpoint != 0) {
      for (const auto& subscriber : lane->feeds_that_need(DialogStream::Need::checkpoint))
        impl_->proceed(subscriber, *lane);
    }
    if (lane->streams_awaiting.checkpoint == 0) continue;
    for (const auto& subscriber : lane->those_that_need(DialogStream::Need::checkpoint)) impl_->proceed(subscriber);
  }
  impl_->reader.retry_now();
}

void Hub::open(std::unique_ptr<Opening> opening, DialogId dialog, const Principal& viewer,
               std::optional<std::int64_t> last_id) {
  const auto refused = [&](Code code) { opening->refuse({code, {}}); };
  if (dialog.value <= 0 || dialog.value > kIdMax) return refused(Code::dialog_not_found);
  if (++impl_->streams > impl_->options.streams_max) {
    --impl_->streams;
    return refused(Code::overloaded);
  }
  auto& lane = impl_->lane_of(dialog);
  const std::lock_guard lock(lane.mutex);
  if (impl_->is_closing) {
    --impl_->streams;
    return refused(Code::unavailable);
  }
  const auto subscriber = std::make_shared<Impl::Subscriber>(
      impl_, lane, std::move(opening), DialogStream(dialog, viewer, last_id, Clock::now(), impl_->options.stream));
  subscriber->stream.begin(lane.window);
  lane.subscribers[dialog.value].push_back(subscriber);
  impl_->metrics.streams(viewer).add(1);
  impl_->proceed(subscriber);
}

void Hub::open_feed(std::unique_ptr<Opening> opening, AccountId owner, const std::string& log,
                    const std::optional<LogToken>& from) {
  const auto refused = [&](Code code) {
    --impl_->streams;
    opening->refuse({code, {}});
  };
  if (++impl_->streams > impl_->options.streams_max) return refused(Code::overloaded);
  if (impl_->is_closing) return refused(Code::unavailable);
  const auto& lanes = impl_->lanes;
  bool goes_on = from && from->log == log && from->numbers.size() == lanes.size();
  if (goes_on) {
    std::int64_t behind = 0;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const std::lock_guard lock(lanes[i]->mutex);
      behind += std::max<std::int64_t>(0, lanes[i]->window.floor() - from->numbers[i]);
    }
    goes_on = behind <= impl_->options.feed.behind_max;
  }
  const bool is_reset = from && !goes_on;
  if (is_reset) impl_->metrics.resets.add();

  const auto subscriber =
      std::make_shared<Impl::FeedSubscriber>(impl_, std::move(opening), owner, log, impl_->ends, impl_->options.feed);
  auto sink = subscriber->opening->start([weak = std::weak_ptr(impl_), weak_subscriber = std::weak_ptr(subscriber)] {
    const auto hub = weak.lock();
    const auto closed = weak_subscriber.lock();
    if (hub && closed) hub->remove(closed);
  });
  subscriber->feed.start(std::move(sink), frames::established(http::new_request_id(), now()));
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const std::lock_guard lock(lanes[i]->mutex);
    const auto end = lanes[i]->window.end();
    subscriber->feed.begin_at(lanes[i]->number, goes_on ? from->numbers[i] : end, end);
  }
  subscriber->feed.announce(is_reset, now());
  for (const auto& lane : lanes) {
    const std::lock_guard lock(lane->mutex);
    lane->feeds[owner.value].push_back(subscriber);
    impl_->proceed(subscriber, *lane);
    // Whoever was closed, or closes all, meanwhile may have looked for it here in vain.
    if (subscriber->is_over) impl_->leave(subscriber, *lane);
  }
  if (impl_->is_closing) impl_->remove(subscriber);
}

void Hub::pass_on(DialogId dialog, AccountId owner, const Frame& frame, bool to_visitors) {
  if (dialog.value <= 0) return;
  auto& lane = impl_->lane_of(dialog);
  const std::lock_guard lock(lane.mutex);
  if (const auto feeds = lane.feeds.find(owner.value); feeds != lane.feeds.end()) {
    for (const auto& subscriber : feeds->second) subscriber->feed.pass_on(frame);
  }
  const auto found = lane.subscribers.find(dialog.value);
  if (found == lane.subscribers.end()) return;
  for (const auto& subscriber : found->second) {
    if (to_visitors || owner_behind(subscriber->stream.viewer())) subscriber->stream.pass_on(frame);
  }
}

std::optional<DialogFacts> Hub::find_dialog(DialogId dialog) const {
  if (dialog.value <= 0) return std::nullopt;
  auto& lane = impl_->lane_of(dialog);
  const std::lock_guard lock(lane.mutex);
  return lane.window.facts(dialog);
}

std::size_t Hub::streams() const { return impl_->streams; }

void Hub::end_those_of(const Principal& viewer, Code refusal) {
  if (impl_->streams == 0) return;
  for (const auto& lane : impl_->lanes) {
    const std::lock_guard lock(lane->mutex);
    for (const auto& subscriber : lane->all()) {
      if (subscriber->stream.viewer() != viewer) continue;
      impl_->refuse(*subscriber, {refusal, {}});
      impl_->remove(subscriber);
    }
  }
}

void Hub::close_all() {
  impl_->is_closing = true;
  for (const auto& lane : impl_->lanes) {
    const std::lock_guard lock(lane->mutex);
    for (const auto& subscriber : lane->all()) {
      if (!subscriber->stream.has_started()) subscriber->opening->refuse({Code::unavailable, {}});
      impl_->remove(subscriber);
    }
  }
  std::vector<Impl::FeedSubscriberPtr> feeds;
  for (const auto& lane : impl_->lanes) {
    const std::lock_guard lock(lane->mutex);
    std::ranges::move(lane->all_feeds(), std::back_inserter(feeds));
  }
  for (const auto& feed : feeds) impl_->remove(feed);
}

Hub::Retained Hub::retained() const { return impl_->retained(); }

std::int64_t Hub::floor(int partition) const {
  auto& lane = impl_->lane(partition);
  const std::lock_guard lock(lane.mutex);
  return lane.window.floor();
}

}  // namespace parley::api
