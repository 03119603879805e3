#include <algorithm>
#include <utility>

#include "api/streams/frames.h"
#include "api/streams/hub_impl.h"
#include "platform/metrics/metrics.h"

namespace parley::api {

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
                                             .limit = limits.events_max,
                                             .types = feed.views().types()});
  if (!past) return std::unexpected(std::move(past.error()));
  FeedChapter chapter{.events = {}, .read_to = past->read_to, .checkpoint = past->checkpoint, .has_gap = past->has_gap};
  for (const auto& event : past->events) {
    if (auto frame = frames::of_feed(event.record, feed.views()))
      chapter.events.push_back({event.offset, std::move(frame)});
  }
  Partition& partition = alive->partition(*wanted);
  const std::lock_guard partition_lock(partition.mutex);
  {
    const std::lock_guard lock(mutex);
    is_reading = false;
  }
  feed.loaded(*wanted, chapter, now());
  alive->proceed(shared_from_this(), partition);
  return true;
}

// How a feed gets on.

/// An event has come into the partition's window.
void Hub::Impl::tell_feeds(Partition& partition, std::int64_t offset) {
  partition.window.visit_from(offset, [&](Window::Held& event, std::optional<AccountId> owner) {
    const auto tell = [&](const std::vector<FeedSubscriberPtr>& subscribers) {
      for (const auto& subscriber : subscribers) {
        const auto need = subscriber->feed.appended(partition.number, partition.window, event, owner);
        if (need != Need::nothing) settle(subscriber, partition, need);
        metrics.add(subscriber->feed.take_counts());
      }
    };
    if (!owner) {
      tell(partition.all_feeds());
    } else if (const auto theirs = partition.feeds.find(owner->value); theirs != partition.feeds.end()) {
      tell(theirs->second);
    }
    return true;
  });
  ends[static_cast<std::size_t>(partition.number)] = offset + 1;
}

void Hub::Impl::proceed(const FeedSubscriberPtr& subscriber, Partition& partition) {
  if (subscriber->is_over) return;
  const auto need = subscriber->feed.catch_up(partition.number, partition.window, partition.confirmed, now());
  metrics.add(subscriber->feed.take_counts());
  settle(subscriber, partition, need);
}

void Hub::Impl::settle(const FeedSubscriberPtr& subscriber, Partition& partition, Need need) {
  bool asks = false, looks = false;
  {
    const std::lock_guard lock(subscriber->mutex);
    auto& was = subscriber->needs[static_cast<std::size_t>(partition.number)];
    count_need(partition.feeds_awaiting, was, need);
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
    for (const auto& partition : hub->partitions) {
      const std::lock_guard lock(partition->mutex);
      if (slow->need(partition->number) == Need::socket) hub->proceed(slow, *partition);
    }
  });
}

/// With the partition's mutex held.
void Hub::Impl::leave(const FeedSubscriberPtr& subscriber, Partition& partition) {
  const auto of_owner = partition.feeds.find(subscriber->feed.owner().value);
  if (of_owner == partition.feeds.end() || std::erase(of_owner->second, subscriber) == 0) return;
  if (of_owner->second.empty()) partition.feeds.erase(of_owner);
  count_need(partition.feeds_awaiting, subscriber->need(partition.number), Need::nothing);
}

/// Without any partition's mutex.
void Hub::Impl::remove(const FeedSubscriberPtr& subscriber) {
  if (subscriber->is_over.exchange(true)) return;
  subscriber->feed.finish();  // before it is told of nothing more: an id must not claim that
  for (const auto& partition : partitions) {
    const std::lock_guard lock(partition->mutex);
    leave(subscriber, *partition);
  }
  --streams;
}

void Hub::Impl::sweep_feeds(Partition& partition, Clock::time_point at) {
  if (partition.feeds.empty()) return;
  for (const auto& subscriber : partition.all_feeds()) {
    bool asks_again = false, waits_long = false;
    {
      const std::lock_guard lock(subscriber->mutex);
      const auto need = subscriber->needs[static_cast<std::size_t>(partition.number)];
      asks_again = need == Need::checkpoint && at - subscriber->asked_at >= options.ask_again_every;
      waits_long = (subscriber->is_reading && at - subscriber->asked_at >= options.decide_within) ||
                   (std::ranges::find(subscriber->needs, Need::confirmation) != subscriber->needs.end() &&
                    at - subscriber->feed.opened_at() >= options.decide_within);
    }
    if (partition.number == 0) {  // every feed is in every partition
      subscriber->feed.ping(at, options.ping_interval);
      if (waits_long) subscriber->feed.delay(now());
    }
    if (asks_again) {
      subscriber->feed.ask_again(partition.number);
      proceed(subscriber, partition);
    }
  }
}

}  // namespace parley::api
