#include "api/streams/event_tail.h"

#include <fmt/format.h>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "api/streams/followed.h"
#include "domain/model.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "schemas/fields.h"

namespace parley::api {
namespace {

using Clock = Hub::Clock;

constexpr std::size_t kBatchMax = 1'000;
constexpr std::chrono::milliseconds kPollWait{50};
constexpr std::chrono::milliseconds kFetchWaitMax{50};
constexpr std::chrono::milliseconds kRetryWait{500};
constexpr std::chrono::milliseconds kCheckpointsLook{20};
/// Between two questions for the log's end: in general, and while a stream waits for the answer.
constexpr std::chrono::milliseconds kEndsPeriod{1'000};
constexpr std::chrono::milliseconds kEndsPeriodWanted{50};
constexpr std::chrono::milliseconds kEndsTimeout{1'000};
/// Without having reached an end for so long the hub is behind, or Kafka is away.
constexpr std::chrono::seconds kBehindMax{8};
/// For so long the topic must end before what was read of it to be called another log: a broker that has just started
/// may say less for a moment.
constexpr std::chrono::seconds kShortMax{3};

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// The event of a record. Nothing for streams that cannot be followed, and for what has no readable envelope.
std::optional<Hub::LogRecord> followed_record(const kafka::Message& message) {
  const auto subject = message.header("ce_subject");
  const auto stream = subject ? parse_stream(*subject) : std::nullopt;
  if (!stream || !is_followed(stream->kind)) return std::nullopt;
  const auto type = message.header("ce_type");
  const auto at = schema::parse_time(message.header("ce_time").value_or(""));
  const auto sequence = integer(message.header("ce_sequence").value_or(""));
  if (!type || !at || !sequence) return std::nullopt;
  const auto actor = message.header("ce_actor").value_or("");
  return Hub::LogRecord{
      .type = *type, .stream = *stream, .sequence = *sequence, .at = *at, .value = message.value(), .actor = actor};
}

}  // namespace

struct EventTail::Impl {
  /// What went wrong, and whether the process must not go on as if the log were the one that it knows.
  struct Fault {
    std::string text;
    bool is_another_log = false;
  };
  using Done = std::expected<void, Fault>;
  /// The log's end at a time; where it was reached, the hub had everything that was in the log then.
  struct Round {
    Clock::time_point asked_at{};
    std::vector<kafka::PartitionOffset> ends;
    std::vector<bool> reached;
    bool is_over = true;
  };

  Impl(Options o, Hub& h, const HistorySource& s) : options(std::move(o)), hub(h), history(s) {
    partitions = kafka::every_partition(options.topic, options.partitions);
    confirmed.resize(partitions.size());
    thread = std::thread([this] {
      pthread_setname_np(pthread_self(), "hub");
      run();
    });
  }
  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    thread.join();
  }

  /// False when it is time to end.
  bool wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, time, [this] { return stopping.load(); });
  }

  void run() {
    while (!stopping) {
      const auto followed = follow();
      if (followed) continue;
      {
        const std::lock_guard lock(mutex);
        if (reason != followed.error().text)
          log::warn("events cannot be followed", {{"reason", followed.error().text}});
        reason = followed.error().text;
      }
      if (followed.error().is_another_log) {
        log::error("the log is not the one that was read: streams end here", {{"reason", followed.error().text}});
        is_another_log = true;
        hub.close_all();
        return;
      }
      if (!wait(kRetryWait)) return;
    }
  }

  static std::unexpected<Fault> fault(const kafka::Error& error) {
    return std::unexpected(Fault{error.text, error.kind == kafka::Kind::no_offset});
  }

  Done follow() {
    if (auto known = check_topic(); !known) return known;
    auto consumer = kafka::Consumer::open(options.kafka, {.fetch_wait_max = kFetchWaitMax});
    if (!consumer) return fault(consumer.error());
    if (positions.empty()) {
      auto start = start_positions(*consumer);
      if (!start) return std::unexpected(std::move(start.error()));
      for (const auto& position : *start) hub.start_at(position.where.partition, position.offset);
      positions = std::move(*start);
    }
    if (auto assigned = consumer->assign(positions); !assigned) return fault(assigned.error());
    std::vector<kafka::Message> batch;
    while (!stopping) {
      batch.clear();
      const auto polled = consumer->poll(batch, kBatchMax, kPollWait);
      for (const auto& message : batch) {
        if (const auto record = followed_record(message)) hub.append(message.partition(), message.offset(), *record);
        if (options.also) options.also(message);
        positions[static_cast<std::size_t>(message.partition())].offset = message.offset() + 1;
      }
      if (!polled && (!polled.error().retryable || polled.error().kind == kafka::Kind::no_offset))
        return fault(polled.error());
      if (auto asked = ask_end(*consumer); !asked) return asked;
      confirm(*consumer);
    }
    return {};
  }

  Done check_topic() {
    auto admin = kafka::Admin::open(options.kafka);
    if (!admin) return fault(admin.error());
    const auto topic = admin->describe_topic(options.topic);
    if (!topic) return fault(topic.error());
    if (auto wrong = kafka::wrong_partitions(*topic, options.partitions))
      return std::unexpected(Fault{std::move(*wrong)});
    if (topic_id.empty()) topic_id = topic->id;
    if (topic_id != topic->id)
      return std::unexpected(Fault{options.topic + " is another topic of the same name", true});
    return {};
  }

  /// tail_at_start below the projector's checkpoints, but no further back than start_distance_max.
  std::expected<std::vector<kafka::PartitionOffset>, Fault> start_positions(const kafka::Consumer& consumer) {
    const auto deadline = Clock::now() + options.checkpoints_wait;
    while (!history.known() && Clock::now() < deadline && wait(kCheckpointsLook)) {
    }
    const bool known = history.known();
    // Before the log's ends are asked: a projector that goes on meanwhile would seem to have read beyond them.
    std::vector<std::int64_t> checkpoints(partitions.size());
    for (std::size_t i = 0; known && i < partitions.size(); ++i)
      checkpoints[i] = history.checkpoint(partitions[i].partition);
    const auto begins = consumer.begin(partitions);
    if (!begins) return fault(begins.error());
    auto start = consumer.end(partitions, kafka::Isolation::read_committed);
    if (!start) return fault(start.error());
    for (std::size_t i = 0; i < start->size(); ++i) {
      auto& offset = (*start)[i].offset;
      const auto checkpoint = checkpoints[i];
      if (checkpoint > offset) {
        return std::unexpected(
            Fault{fmt::format("{} {} ends at {}, but the read model reflects it to {}: it has lost its tail",
                              options.topic, (*start)[i].where.partition, offset, checkpoint),
                  true});
      }
      const std::int64_t earliest = std::max((*begins)[i].offset, offset - options.start_distance_max);
      offset = known ? std::max(checkpoint - options.tail_at_start, earliest) : earliest;
    }
    log::info("events are followed", {{"topic", options.topic}, {"from_checkpoints", known}});
    return std::move(*start);
  }

  Done ask_end(const kafka::Consumer& consumer) {
    const auto now = Clock::now();
    if (!round.is_over || now - round.asked_at < (hub.wants_confirmation() ? kEndsPeriodWanted : kEndsPeriod))
      return {};
    round.asked_at = now;
    // As those see it who do not wait for commits: a transaction is not visible in all its partitions at once, and a
    // client that was already told of a new dialog must not be told that there is none.
    auto ends = consumer.end(partitions, kafka::Isolation::read_uncommitted, kEndsTimeout);
    const std::lock_guard lock(mutex);
    if (!ends) {
      if (reason != ends.error().text)
        log::warn("the end of the events cannot be asked", {{"reason", ends.error().text}});
      reason = ends.error().text;
      round.asked_at = Clock::now();  // the question itself may have taken its whole timeout
      return {};
    }
    const auto lost = std::ranges::find_if(*ends, [&](const auto& end) {
      return end.offset < positions[static_cast<std::size_t>(end.where.partition)].offset;
    });
    if (lost == ends->end()) {
      short_since.reset();
    } else if (!short_since) {
      short_since = now;
    } else if (now - *short_since >= kShortMax) {
      return std::unexpected(Fault{fmt::format("{} {} ends at {}, but was read to {}: it has lost its tail",
                                               options.topic, lost->where.partition, lost->offset,
                                               positions[static_cast<std::size_t>(lost->where.partition)].offset),
                                   true});
    }
    reason.clear();
    round.ends = std::move(*ends);
    round.reached.assign(round.ends.size(), false);
    round.is_over = false;
    return {};
  }

  void confirm(const kafka::Consumer& consumer) {
    if (round.is_over) return;
    const auto now = consumer.position();
    if (!now) return;
    for (std::size_t i = 0; i < round.ends.size(); ++i) {
      const auto at = std::ranges::find(*now, round.ends[i].where, &kafka::PartitionOffset::where);
      if (round.reached[i] || at == now->end() || at->offset < round.ends[i].offset) continue;
      round.reached[i] = true;
      hub.confirm(round.ends[i].where.partition, round.asked_at, round.ends[i].offset);
      const std::lock_guard lock(mutex);
      confirmed[i] = round.asked_at;
    }
    round.is_over = std::ranges::all_of(round.reached, std::identity{});
    if (round.is_over && !has_caught_up.exchange(true)) log::info("the hub has caught up", {{"topic", options.topic}});
  }

  /// The oldest time for which the hub is known to have everything.
  Clock::time_point complete_as_of() const {
    const std::lock_guard lock(mutex);
    return confirmed.empty() ? Clock::now() : *std::ranges::min_element(confirmed);
  }

  const Options options;
  Hub& hub;
  const HistorySource& history;
  std::vector<kafka::TopicPartition> partitions;

  // The thread's.
  std::vector<kafka::PartitionOffset> positions;  // by partition; outlive a consumer
  std::string topic_id;
  Round round;
  std::optional<Clock::time_point> short_since;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::string reason;                        // why it does not go on
  std::vector<Clock::time_point> confirmed;  // by partition
  std::atomic<bool> stopping = false;
  std::atomic<bool> has_caught_up = false;
  std::atomic<bool> is_another_log = false;
  std::thread thread;
};

EventTail::EventTail(Options options, Hub& hub, const HistorySource& history)
    : impl_(std::make_shared<Impl>(std::move(options), hub, history)) {
  metrics::on_scrape([weak = std::weak_ptr(impl_),
                      age = metrics::gauge("parley_stream_hub_age_seconds",
                                           "Seconds since the stream hub last had every event of the log")]() mutable {
    const auto tail = weak.lock();
    if (tail && tail->has_caught_up)
      age.set(std::chrono::duration<double>(Clock::now() - tail->complete_as_of()).count());
  });
}
EventTail::~EventTail() { impl_->stop(); }

std::optional<std::string> EventTail::another_log() const {
  if (!impl_->is_another_log) return std::nullopt;
  const std::lock_guard lock(impl_->mutex);
  return impl_->reason;
}

health::Verdict EventTail::verdict() const {
  using health::Readiness;
  std::string reason;
  {
    const std::lock_guard lock(impl_->mutex);
    reason = impl_->reason;
  }
  if (impl_->is_another_log)
    return {Readiness::not_ready, {impl_->options.topic + " is not the log that was read: " + reason}};
  if (!impl_->has_caught_up)
    return {Readiness::not_ready, {impl_->options.topic + ": " + (reason.empty() ? "reading up to its end" : reason)}};
  if (Clock::now() - impl_->complete_as_of() > kBehindMax) {
    return {Readiness::degraded,
            {"streams are behind " + impl_->options.topic + (reason.empty() ? "" : ": " + reason)}};
  }
  return {};
}

}  // namespace parley::api
