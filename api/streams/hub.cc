#include "api/streams/hub.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/http/message.h"
#include "api/streams/decode.h"
#include "api/streams/followed.h"
#include "api/streams/frames.h"
#include "api/streams/hub_impl.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"

namespace parley::api {
namespace {

constexpr std::chrono::milliseconds kSweepMin{5};
constexpr std::chrono::milliseconds kSweepMax{1'000};

}  // namespace

std::optional<AccountId> Hub::Impl::owner_by(std::string_view actor) const {
  const auto principal = parse_principal(actor);
  if (!principal) return std::nullopt;
  const auto* visitor = std::get_if<Visitor>(&*principal);
  return visitor != nullptr && options.owner_of ? options.owner_of(visitor->assistant) : owner_behind(*principal);
}

/// Of those who asked before that time.
std::vector<Hub::Impl::EndAsked> Hub::Impl::take_ends_asked(Partition& partition, Clock::time_point before) {
  std::vector<EndAsked> taken;
  const auto later =
      std::ranges::partition(partition.ends_asked, [&](const EndAsked& asked) { return asked.since >= before; });
  std::ranges::move(later, std::back_inserter(taken));
  partition.ends_asked.erase(later.begin(), later.end());
  awaiting_confirmation -= taken.size();
  return taken;
}

void Hub::Impl::count_need(Awaiting& of, Need was, Need is) {
  const auto count = [&](Need need, auto step) {
    if (need == Need::checkpoint) step(of.checkpoint);
    if (need == Need::confirmation) {
      step(of.confirmation);
      step(awaiting_confirmation);
    }
  };
  count(was, [](auto& n) { --n; });
  count(is, [](auto& n) { ++n; });
}

void Hub::Impl::sweep() {
  const auto at = Clock::now();
  std::vector<FeedSubscriberPtr> feeds;  // every feed is in every partition
  {
    const std::lock_guard lock(partitions.front()->mutex);
    feeds = partitions.front()->all_feeds();
  }
  for (const auto& subscriber : feeds) {
    const auto over = subscriber->client->over();
    if (!over) continue;
    subscriber->feed.finish(std::make_shared<const std::string>(frames::error(subscriber->client->error_json(*over))));
    remove(subscriber);
  }
  for (const auto& partition : partitions) {
    std::vector<EndAsked> given_up;  // what they hold goes without the partition's mutex
    const std::lock_guard lock(partition->mutex);
    given_up = take_ends_asked(*partition, at - kEndWaitMax);
    partition->window.move_checkpoint(history.checkpoint(partition->number));
    sweep_feeds(*partition, at);
    for (const auto& subscriber : partition->all()) {
      StreamSubscription& stream = subscriber->subscription;
      if (const auto over = subscriber->client->over()) {
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
  for (const auto& partition : partitions) {
    const std::lock_guard lock(partition->mutex);
    sum.events += partition->window.events();
    sum.bytes += partition->window.bytes();
  }
  return sum;
}

void Hub::Impl::refresh_gauges() {
  const auto [events, bytes] = retained();
  metrics.retained_events.set(static_cast<double>(events));
  metrics.retained_bytes.set(static_cast<double>(bytes));
  metrics.waiting.set(static_cast<double>(reader.waiting()));
}

Hub::Hub(const Options& options, HistorySource& history, http::Timers& timers)
    : impl_(std::make_shared<Impl>(options, history, timers)) {
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

void Hub::start_at(int number, std::int64_t offset) {
  auto& partition = impl_->partition(number);
  const std::lock_guard lock(partition.mutex);
  partition.window.start_at(offset);
}

void Hub::append(int number, std::int64_t offset, const LogRecord& record) {
  auto& partition = impl_->partition(number);
  auto event = with_event({.stream = record.stream, .sequence = record.sequence, .at = record.at, .event = {}},
                          record.type, record.value);
  const auto owner = impl_->owner_by(record.actor);
  const std::lock_guard lock(partition.mutex);
  if (!partition.window.append(offset, std::move(event), record.value.size(), owner)) {
    impl_->metrics.gaps.add();
    log::error("an event does not follow its stream's last one", {{"stream", to_string(record.stream)},
                                                                  {"sequence", record.sequence},
                                                                  {"partition", number},
                                                                  {"offset", offset}});
  }
  impl_->tell_feeds(partition, offset);
  const auto found = partition.subscribers.find(record.stream);
  if (found == partition.subscribers.end()) return;
  const auto subscribers = found->second;  // one that has ended leaves the list meanwhile
  for (const auto& subscriber : subscribers) {
    subscriber->subscription.appended(record.sequence);
    impl_->proceed(subscriber);
  }
  impl_->metrics.delivery.observe(std::chrono::duration<double>(now() - record.at).count());
}

void Hub::confirm(int number, Clock::time_point when, std::int64_t end) {
  auto& partition = impl_->partition(number);
  std::unique_lock lock(partition.mutex);
  if (when >= partition.confirmed.at) partition.confirmed = {when, end};
  const auto asked = impl_->take_ends_asked(partition, when);
  if (partition.feeds_awaiting.confirmation != 0) {
    for (const auto& subscriber : partition.feeds_that_need(StreamSubscription::Need::confirmation))
      impl_->proceed(subscriber, partition);
  }
  if (partition.streams_awaiting.confirmation != 0) {
    for (const auto& subscriber : partition.those_that_need(StreamSubscription::Need::confirmation))
      impl_->proceed(subscriber);
  }
  lock.unlock();
  for (const auto& one : asked) one.tell(end);
}

bool Hub::wants_confirmation() const { return impl_->awaiting_confirmation != 0; }

void Hub::ask_end(int number, std::function<void(std::int64_t)> tell) {
  auto& partition = impl_->partition(number);
  const std::lock_guard lock(partition.mutex);
  partition.ends_asked.push_back({Clock::now(), std::move(tell)});
  ++impl_->awaiting_confirmation;
}

void Hub::read_model_advanced() {
  for (const auto& partition : impl_->partitions) {
    const std::lock_guard lock(partition->mutex);
    partition->window.move_checkpoint(impl_->history.checkpoint(partition->number));
    if (partition->feeds_awaiting.checkpoint != 0) {
      for (const auto& subscriber : partition->feeds_that_need(StreamSubscription::Need::checkpoint))
        impl_->proceed(subscriber, *partition);
    }
    if (partition->streams_awaiting.checkpoint == 0) continue;
    for (const auto& subscriber : partition->those_that_need(StreamSubscription::Need::checkpoint))
      impl_->proceed(subscriber);
  }
  impl_->reader.retry_now();
}

void Hub::open(std::unique_ptr<PendingClient> client, const Stream& stream, const Principal& viewer,
               const EventViews& views, std::optional<std::int64_t> last_id) {
  const auto refused = [&](Code code) { client->refuse({code, {}}); };
  if (stream.id <= 0 || stream.id > kIdMax) return refused(not_found(stream.kind));
  if (++impl_->streams > impl_->options.streams_max) {
    --impl_->streams;
    return refused(kOverloaded);
  }
  auto& partition = impl_->partition_holding(stream);
  const std::lock_guard lock(partition.mutex);
  if (impl_->is_closing) {
    --impl_->streams;
    return refused(kUnavailable);
  }
  const auto subscriber = std::make_shared<Impl::StreamSubscriber>(
      impl_, partition, std::move(client),
      StreamSubscription(stream, viewer, views, last_id, Clock::now(), impl_->options.stream));
  subscriber->subscription.begin(partition.window);
  partition.subscribers[stream].push_back(subscriber);
  impl_->metrics.streams(viewer).add(1);
  impl_->proceed(subscriber);
}

void Hub::open_feed(std::unique_ptr<PendingClient> client, AccountId owner, const EventViews& views,
                    const std::string& log, const std::optional<LogToken>& from) {
  const auto refused = [&](Code code) {
    --impl_->streams;
    client->refuse({code, {}});
  };
  if (++impl_->streams > impl_->options.streams_max) return refused(kOverloaded);
  if (impl_->is_closing) return refused(kUnavailable);
  const auto& partitions = impl_->partitions;
  bool goes_on = from && from->log == log && from->numbers.size() == partitions.size();
  if (goes_on) {
    std::int64_t behind = 0;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      const std::lock_guard lock(partitions[i]->mutex);
      behind += std::max<std::int64_t>(0, partitions[i]->window.floor() - from->numbers[i]);
    }
    goes_on = behind <= impl_->options.feed.behind_max;
  }
  const bool is_reset = from && !goes_on;
  if (is_reset) impl_->metrics.resets.add();

  const auto subscriber = std::make_shared<Impl::FeedSubscriber>(impl_, std::move(client), owner, views, log,
                                                                 impl_->ends, impl_->options.feed);
  auto sink = subscriber->client->start([weak = std::weak_ptr(impl_), weak_subscriber = std::weak_ptr(subscriber)] {
    const auto hub = weak.lock();
    const auto closed = weak_subscriber.lock();
    if (hub && closed) hub->remove(closed);
  });
  subscriber->feed.start(std::move(sink), frames::established(http::new_request_id(), now()));
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const std::lock_guard lock(partitions[i]->mutex);
    const auto end = partitions[i]->window.end();
    subscriber->feed.begin_at(partitions[i]->number, goes_on ? from->numbers[i] : end, end);
  }
  subscriber->feed.announce(is_reset, now());
  for (const auto& partition : partitions) {
    const std::lock_guard lock(partition->mutex);
    partition->feeds[owner.value].push_back(subscriber);
    impl_->proceed(subscriber, *partition);
    // Whoever was closed, or closes all, meanwhile may have looked for it here in vain.
    if (subscriber->is_over) impl_->leave(subscriber, *partition);
  }
  if (impl_->is_closing) impl_->remove(subscriber);
}

void Hub::pass_on(const schema::Typing& typing) {
  const Stream stream{Kind::dialog, typing.dialog.value};
  if (stream.id <= 0) return;
  struct Rendered {
    const EventViews* views;
    Viewer viewer;
    Frame frame;  // nothing: not for this viewer
  };
  std::vector<Rendered> rendered;
  const auto frame_for = [&](const EventViews& views, Viewer viewer) -> Frame {
    for (const auto& one : rendered) {
      if (one.views == &views && one.viewer == viewer) return one.frame;
    }
    auto json = views.show(typing, viewer);
    auto frame = json ? std::make_shared<const std::string>(frames::data(std::move(*json))) : nullptr;
    return rendered.emplace_back(&views, viewer, std::move(frame)).frame;
  };
  auto& partition = impl_->partition_holding(stream);
  const std::lock_guard lock(partition.mutex);
  if (const auto feeds = partition.feeds.find(typing.owner.value); feeds != partition.feeds.end()) {
    for (const auto& subscriber : feeds->second) {
      if (const auto frame = frame_for(subscriber->feed.views(), Viewer::feed)) subscriber->feed.pass_on(frame);
    }
  }
  const auto found = partition.subscribers.find(stream);
  if (found == partition.subscribers.end()) return;
  for (const auto& subscriber : found->second) {
    auto& subscription = subscriber->subscription;
    if (const auto frame = frame_for(subscription.views(), subscription.looks_as())) subscription.pass_on(frame);
  }
}

std::optional<StreamFacts> Hub::find(const Stream& stream) const {
  if (stream.id <= 0) return std::nullopt;
  auto& partition = impl_->partition_holding(stream);
  const std::lock_guard lock(partition.mutex);
  return partition.window.facts(stream);
}

std::size_t Hub::streams() const { return impl_->streams; }

void Hub::end_those_of(const Principal& viewer, Code refusal) {
  if (impl_->streams == 0) return;
  for (const auto& partition : impl_->partitions) {
    const std::lock_guard lock(partition->mutex);
    for (const auto& subscriber : partition->all()) {
      if (subscriber->subscription.viewer() != viewer) continue;
      impl_->refuse(*subscriber, {refusal, {}});
      impl_->remove(subscriber);
    }
  }
}

void Hub::close_all() {
  impl_->is_closing = true;
  for (const auto& partition : impl_->partitions) {
    const std::lock_guard lock(partition->mutex);
    for (const auto& subscriber : partition->all()) {
      if (!subscriber->subscription.has_started()) subscriber->client->refuse({kUnavailable, {}});
      impl_->remove(subscriber);
    }
  }
  std::vector<Impl::FeedSubscriberPtr> feeds;
  for (const auto& partition : impl_->partitions) {
    const std::lock_guard lock(partition->mutex);
    std::ranges::move(partition->all_feeds(), std::back_inserter(feeds));
  }
  for (const auto& feed : feeds) impl_->remove(feed);
}

Hub::Retained Hub::retained() const { return impl_->retained(); }

std::int64_t Hub::floor(int number) const {
  auto& partition = impl_->partition(number);
  const std::lock_guard lock(partition.mutex);
  return partition.window.floor();
}

}  // namespace parley::api
