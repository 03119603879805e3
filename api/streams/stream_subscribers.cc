#include <utility>

#include "api/http/message.h"
#include "api/streams/frames.h"
#include "api/streams/hub_impl.h"
#include "platform/metrics/metrics.h"

namespace parley::api {

// What a reader's thread does for a subscriber.

std::optional<HistoryRequest> Hub::Impl::StreamSubscriber::request() {
  const auto alive = hub.lock();
  if (!alive) return std::nullopt;
  const std::lock_guard lock(partition.mutex);
  if (is_over || need != Need::history) {
    is_reading = false;
    return std::nullopt;
  }
  read_after = subscription.after(partition.window);
  return HistoryRequest{.stream = subscription.stream(),
                        .viewer = subscription.viewer(),
                        .after = read_after,
                        .partition = partition.number,
                        .limit = subscription.limit(),
                        .types = subscription.views().types()};
}

void Hub::Impl::StreamSubscriber::loaded(History past) {
  const auto alive = hub.lock();
  if (!alive) return;
  Chapter chapter{.after = read_after,
                  .events = {},
                  .has_more = past.has_more,
                  .version = past.version,
                  .reflected = past.reflected(),
                  .checkpoint = past.checkpoint};
  chapter.events.reserve(past.events.size());
  for (const auto& event : past.events) {
    chapter.events.push_back({event.sequence, frames::of_stream(event, subscription.views(), subscription.looks_as())});
  }
  const std::lock_guard lock(partition.mutex);
  is_reading = false;
  if (is_over) return;
  if (past.is_visible) {
    subscription.grant();
    if (!subscription.has_started()) alive->start(shared_from_this());
    subscription.loaded(chapter, partition.window);
  } else {
    subscription.absent(past.reflected(), past.checkpoint);
  }
  alive->proceed(shared_from_this());
}

void Hub::Impl::StreamSubscriber::delayed() {
  const auto alive = hub.lock();
  if (!alive) return;
  const std::lock_guard lock(partition.mutex);
  if (!is_over && need == Need::history) alive->delay(shared_from_this());
}

// How a subscriber gets on.

void Hub::Impl::proceed(const StreamSubscriberPtr& subscriber) {
  if (subscriber->is_over) return;
  StreamSubscription& stream = subscriber->subscription;
  const Partition& partition = subscriber->partition;
  const auto advance = [&] { return stream.advance(subscriber->partition.window, partition.confirmed.at, now()); };
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
      refuse(*subscriber, {not_found(stream.stream().kind), {}});
      return remove(subscriber);
    case Need::end:
      return remove(subscriber);
  }
}

void Hub::Impl::set_need(StreamSubscriber& subscriber, Need need) {
  count_need(subscriber.partition.streams_awaiting, subscriber.need, need);
  if (need != Need::socket) subscriber.pace = {};
  subscriber.need = need;
}

void Hub::Impl::start(const StreamSubscriberPtr& subscriber) {
  auto sink = subscriber->client->start([weak = weak_from_this(), weak_subscriber = std::weak_ptr(subscriber)] {
    const auto hub = weak.lock();
    const auto closed = weak_subscriber.lock();
    if (!hub || !closed) return;
    const std::lock_guard lock(closed->partition.mutex);
    hub->remove(closed);
  });
  subscriber->subscription.start(std::move(sink), frames::established(http::new_request_id(), now()));
}

void Hub::Impl::ask_history(const StreamSubscriberPtr& subscriber) {
  if (std::exchange(subscriber->is_reading, true)) return;
  subscriber->asked_at = Clock::now();
  if (!reader.enqueue(subscriber)) delay(subscriber);
}

void Hub::Impl::delay(const StreamSubscriberPtr& subscriber) {
  if (!subscriber->subscription.has_started()) start(subscriber);
  subscriber->subscription.delay(now());
  metrics.add(subscriber->subscription.take_counts());
}

void Hub::Impl::look_later(const StreamSubscriberPtr& subscriber) {
  if (std::exchange(subscriber->is_looking, true)) return;
  subscriber->pace = next_pace(subscriber->pace);
  timers.after(subscriber->pace, [weak = weak_from_this(), weak_subscriber = std::weak_ptr(subscriber)] {
    const auto hub = weak.lock();
    const auto slow = weak_subscriber.lock();
    if (!hub || !slow) return;
    const std::lock_guard lock(slow->partition.mutex);
    slow->is_looking = false;
    if (slow->need == Need::socket) hub->proceed(slow);
  });
}

void Hub::Impl::refuse(StreamSubscriber& subscriber, const Error& error) {
  if (subscriber.subscription.has_started()) {
    subscriber.subscription.finish(frames::error(subscriber.client->error_json(error)));
  } else {
    subscriber.client->refuse(error);
  }
}

void Hub::Impl::remove(const StreamSubscriberPtr& subscriber) {
  if (std::exchange(subscriber->is_over, true)) return;
  if (subscriber->need == Need::socket) metrics.slow.add();
  metrics.add(subscriber->subscription.take_counts());
  metrics.streams(subscriber->subscription.viewer()).add(-1);
  set_need(*subscriber, Need::end);
  auto& subscribers = subscriber->partition.subscribers;
  const auto of_stream = subscribers.find(subscriber->subscription.stream());
  std::erase(of_stream->second, subscriber);
  if (of_stream->second.empty()) subscribers.erase(of_stream);
  --streams;
}

}  // namespace parley::api
