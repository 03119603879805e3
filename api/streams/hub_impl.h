#pragma once
// Inside the hub: its partitions, and who is subscribed in them. hub.cc has partitions and what comes in from outside,
// stream_subscribers.cc how a subscriber of a stream gets on, feed_subscribers.cc how a feed does.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/streams/decode.h"
#include "api/streams/feed.h"
#include "api/streams/history_reader.h"
#include "api/streams/hub.h"
#include "api/streams/stream_subscription.h"
#include "api/streams/window.h"
#include "platform/metrics/metrics.h"

namespace parley::api {

inline Timestamp now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

inline metrics::Gauge streams_of(const char* viewer) {
  return metrics::gauge("parley_streams", "Open streams, and streams being opened, by who follows them",
                        {{"viewer", viewer}});
}

struct HubMetrics {
  metrics::Gauge of_owners = streams_of("owner");
  metrics::Gauge of_visitors = streams_of("visitor");
  metrics::Gauge retained_events =
      metrics::gauge("parley_stream_hub_retained_events", "Events that the stream hub keeps in memory");
  metrics::Gauge retained_bytes =
      metrics::gauge("parley_stream_hub_retained_bytes", "Bytes of events that the stream hub keeps in memory");
  metrics::Gauge waiting =
      metrics::gauge("parley_stream_history_waiting", "Streams that wait for a read of earlier events");
  metrics::Counter delivered =
      metrics::counter("parley_stream_events_total", "Events written to streams, hidden ones included");
  metrics::Counter bytes = metrics::counter("parley_stream_bytes_total", "Bytes written to streams, pings included");
  metrics::Counter delays =
      metrics::counter("parley_stream_delays_total", "Streams that told their client to expect a delay");
  metrics::Counter resets =
      metrics::counter("parley_stream_resets_total",
                       "Streams that were reset: their last id is of another log, or the log has not reached it");
  metrics::Counter slow =
      metrics::counter("parley_stream_slow_readers_cut_total", "Streams closed because their client did not read");
  metrics::Counter gaps = metrics::counter("parley_stream_hub_gaps_total",
                                           "Events whose version does not follow the last one of their stream");
  metrics::Counter& unreadable = unreadable_events();  // exported from the start
  metrics::Histogram delivery = metrics::histogram(
      "parley_stream_delivery_seconds", "From the time of an event until it is written to the streams of its dialog");

  metrics::Gauge& streams(const Principal& viewer) {
    return std::holds_alternative<Visitor>(viewer) ? of_visitors : of_owners;
  }
  void add(const StreamSubscription::Counts& counts) {
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

struct Hub::Impl : std::enable_shared_from_this<Hub::Impl> {
  using Need = StreamSubscription::Need;
  struct Partition;

  /// A subscription with what is under way for it; everything under the partition's mutex.
  struct StreamSubscriber final : HistoryReader::StreamWaiter, std::enable_shared_from_this<StreamSubscriber> {
    StreamSubscriber(std::weak_ptr<Impl> of, Partition& in, std::unique_ptr<PendingClient> with, StreamSubscription how)
        : hub(std::move(of)), partition(in), client(std::move(with)), subscription(std::move(how)) {}

    std::optional<HistoryRequest> request() override;
    void loaded(History past) override;
    void delayed() override;

    const std::weak_ptr<Impl> hub;
    Partition& partition;  // one of the hub's: only while the hub is locked
    const std::unique_ptr<PendingClient> client;
    StreamSubscription subscription;
    Need need = Need::nothing;
    bool is_reading = false;  // in the reader's line, or being read for
    bool is_looking = false;  // a timer of look_later() runs
    bool is_over = false;
    std::int64_t read_after = 0;
    Clock::time_point asked_at{};       // for history, the last time
    std::chrono::milliseconds pace{0};  // the last pause for its socket
  };
  using StreamSubscriberPtr = std::shared_ptr<StreamSubscriber>;

  /// A feed with what is under way for it. It is in every partition; its mutex is taken after a partition's, and no two
  /// partitions' at once.
  struct FeedSubscriber final : HistoryReader::Waiter, std::enable_shared_from_this<FeedSubscriber> {
    FeedSubscriber(std::weak_ptr<Impl> of, std::unique_ptr<PendingClient> with, AccountId owner,
                   const EventViews& views, const std::string& log, const Feed::Ends& ends, const Feed::Limits& limits)
        : hub(std::move(of)),
          client(std::move(with)),
          feed(owner, views, log, ends, Clock::now(), limits),
          needs(ends.size(), Need::nothing) {}

    std::expected<bool, HistoryUnavailable> turn(HistorySource& source) override;
    void delayed() override { feed.delay(now()); }
    Need need(int partition) const {
      const std::lock_guard lock(mutex);
      return needs[static_cast<std::size_t>(partition)];
    }

    const std::weak_ptr<Impl> hub;
    const std::unique_ptr<PendingClient> client;
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
  struct Partition {
    Partition(int with_number, const Window::Limits& limits) : number(with_number), window(limits) {}

    std::vector<StreamSubscriberPtr> all() const {
      std::vector<StreamSubscriberPtr> found;
      for (const auto& [stream, of_stream] : subscribers) found.insert(found.end(), of_stream.begin(), of_stream.end());
      return found;
    }
    std::vector<StreamSubscriberPtr> those_that_need(Need need) const {
      auto found = all();
      std::erase_if(found, [&](const StreamSubscriberPtr& subscriber) { return subscriber->need != need; });
      return found;
    }

    const int number;
    std::mutex mutex;
    Window window;
    Feed::Confirmed confirmed;
    std::unordered_map<Stream, std::vector<StreamSubscriberPtr>, StreamHash> subscribers;
    Awaiting streams_awaiting;                                               // of them
    std::unordered_map<std::int64_t, std::vector<FeedSubscriberPtr>> feeds;  // by owner
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

  Impl(const Options& with, HistorySource& from, http::Timers& by)
      : options(with),
        history(from),
        timers(by),
        ends(static_cast<std::size_t>(with.partitions)),
        reader(from, with.history) {
    for (int i = 0; i < options.partitions; ++i) partitions.push_back(std::make_unique<Partition>(i, options.window));
  }

  Partition& partition(int number) { return *partitions.at(static_cast<std::size_t>(number)); }
  Partition& partition_holding(const Stream& stream) {
    return partition(partition_of(slot_of(stream.id), options.partitions));
  }
  std::optional<AccountId> owner_by(std::string_view actor) const;
  /// Twice as long as the last one, within bounds.
  std::chrono::milliseconds next_pace(std::chrono::milliseconds last) const {
    return last.count() == 0 ? options.pace_min : std::min(last * 2, options.pace_max);
  }
  void look_later(const FeedSubscriberPtr& subscriber);
  void remove(const FeedSubscriberPtr& subscriber);
  void sweep();
  Retained retained();
  void refresh_gauges();

  // With the partition's mutex held.
  void proceed(const StreamSubscriberPtr& subscriber);
  void set_need(StreamSubscriber& subscriber, Need need);
  void start(const StreamSubscriberPtr& subscriber);
  void ask_history(const StreamSubscriberPtr& subscriber);
  void delay(const StreamSubscriberPtr& subscriber);
  void look_later(const StreamSubscriberPtr& subscriber);
  void refuse(StreamSubscriber& subscriber, const Error& error);
  void remove(const StreamSubscriberPtr& subscriber);
  void tell_feeds(Partition& partition, std::int64_t offset);
  void proceed(const FeedSubscriberPtr& subscriber, Partition& partition);
  void settle(const FeedSubscriberPtr& subscriber, Partition& partition, Need need);
  void leave(const FeedSubscriberPtr& subscriber, Partition& partition);
  void count_need(Awaiting& of, Need was, Need is);
  std::vector<EndAsked> take_ends_asked(Partition& partition, Clock::time_point before);
  void sweep_feeds(Partition& partition, Clock::time_point at);

  const Options options;
  HistorySource& history;
  http::Timers& timers;
  HubMetrics metrics;
  std::vector<std::unique_ptr<Partition>> partitions;
  std::atomic<std::size_t> streams = 0;
  std::atomic<std::size_t> awaiting_confirmation = 0;
  std::atomic<bool> is_closing = false;
  Feed::Ends ends;
  http::Timers::Id sweeper{};
  HistoryReader reader;
};

}  // namespace parley::api
