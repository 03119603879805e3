#include "api/tail/tail.h"

#include <fmt/format.h>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"

namespace parley::api {
namespace {

using Clock = kafka::TopicWatch::Clock;

constexpr std::size_t kBatchMax = 1'000;
constexpr std::chrono::milliseconds kPollWait{100};
constexpr std::chrono::milliseconds kFetchWaitMax{50};
constexpr std::chrono::milliseconds kRetryWait{500};
/// Not having been at an end that is younger than this: longer than a broker's hiccup, shorter than anybody should have
/// to wait to learn of it.
constexpr std::chrono::seconds kBehindMax{6};
/// For so long the topic must end before what was read of it to be called another one: a broker that has just started
/// may say less for a moment.
constexpr std::chrono::seconds kShortMax{3};

}  // namespace

struct Tail::Impl {
  Impl(Options o, kafka::TopicWatch& w, OnMessage f) : options(std::move(o)), watch(w), on_message(std::move(f)) {
    thread = std::thread([this] {
      pthread_setname_np(pthread_self(), options.thread_name.c_str());
      run();
    });
  }
  ~Impl() {
    stopping = true;
    thread.join();
  }

  void fail(const std::string& why) {
    {
      const std::lock_guard lock(mutex);
      if (reason != why) log::warn("cannot follow a topic", {{"topic", options.topic}, {"reason", why}});
      reason = why;
    }
    for (auto left = kRetryWait; left.count() > 0 && !stopping; left -= kPollWait)
      std::this_thread::sleep_for(kPollWait);
  }

  void run() {
    while (!stopping && !watch.another_log()) {
      if (auto followed = follow(); !followed) fail(followed.error());
    }
  }

  /// Positions a consumer and follows until told to stop; an error says why it has to be positioned again. What was
  /// handed over once is never handed over again: positions outlive the consumer.
  std::expected<void, std::string> follow() {
    auto admin = kafka::Admin::open(options.kafka);
    if (!admin) return std::unexpected(admin.error().text);
    const auto topic = admin->describe_topic(options.topic);
    if (!topic) return std::unexpected(topic.error().text);
    if (auto wrong = kafka::wrong_partitions(*topic, options.partitions)) return std::unexpected(std::move(*wrong));
    auto consumer = kafka::Consumer::open(options.kafka, {.fetch_wait_max = kFetchWaitMax});
    if (!consumer) return std::unexpected(consumer.error().text);

    const auto partitions = kafka::every_partition(options.topic, options.partitions);
    const auto asked_at = Clock::now();
    const auto ends = consumer->end(partitions, kafka::Isolation::read_committed);
    if (!ends) return std::unexpected(ends.error().text);
    if (positions.empty()) {
      auto start = options.from == From::end ? ends : consumer->begin(partitions);
      if (!start) return std::unexpected(start.error().text);
      positions = std::move(*start);
    }
    if (auto assigned = consumer->assign(positions); !assigned) return std::unexpected(assigned.error().text);

    std::vector<kafka::Message> batch;
    while (!stopping && !watch.another_log()) {
      batch.clear();
      const auto polled = consumer->poll(batch, kBatchMax, kPollWait);
      for (const auto& message : batch) {
        on_message(message);
        positions.at(static_cast<std::size_t>(message.partition())).offset = message.offset() + 1;
      }
      if (!polled) {
        if (polled.error().kind == kafka::Kind::no_offset) {
          watch.found_another_log(options.topic +
                                  " does not hold any more what was read of it: " + polled.error().text);
        }
        if (!polled.error().retryable) return std::unexpected(polled.error().text);
        log::warn("following a topic goes on after an error",
                  {{"topic", options.topic}, {"reason", polled.error().text}});
      }
      if (!has_started && reached(*consumer, *ends)) {
        const std::lock_guard lock(mutex);
        reason.clear();
        complete_as_of = asked_at;
        has_started = true;
        log::info("following a topic", {{"topic", options.topic}});
      }
      if (has_started) compare(*consumer);
    }
    return {};
  }

  static bool reached(const kafka::Consumer& consumer, const std::vector<kafka::PartitionOffset>& ends) {
    const auto now = consumer.position();
    if (!now) return false;
    for (const auto& end : ends) {
      for (const auto& position : *now) {
        if (position.where == end.where && position.offset < end.offset) return false;
      }
    }
    return true;
  }

  /// With the ends that were asked for last: are they reached, and not before what was read?
  void compare(const kafka::Consumer& consumer) {
    const auto ends = watch.ends();
    if (!ends || ends->asked_at <= complete_as_of.load()) return;
    const auto now = consumer.position();
    if (!now) return;
    if (ends->asked_at > compared_at) look_whether_short(*ends, *now);
    const bool is_reached = std::ranges::all_of(*now, [&](const auto& position) {
      const auto end = ends->offsets.find(position.where);
      return end != ends->offsets.end() && position.offset >= end->second;
    });
    if (!is_reached || short_since) return;
    complete_as_of = ends->asked_at;
    const std::lock_guard lock(mutex);
    reason.clear();
  }

  /// Once for each answer. What was read before the question must still be there.
  void look_whether_short(const kafka::TopicWatch::Ends& ends, const std::vector<kafka::PartitionOffset>& now) {
    const auto lost = std::ranges::find_if(read_before, [&](const auto& position) {
      const auto end = ends.offsets.find(position.where);
      return end != ends.offsets.end() && end->second < position.offset;
    });
    if (lost == read_before.end()) {
      short_since.reset();
    } else if (!short_since) {
      short_since = ends.asked_at;
    } else if (ends.asked_at - *short_since >= kShortMax) {
      watch.found_another_log(fmt::format("{} {} ends at {}, but was read to {}: it has lost its tail", options.topic,
                                          lost->where.partition, ends.offsets.at(lost->where), lost->offset));
    }
    compared_at = ends.asked_at;
    read_before = now;
  }

  std::chrono::seconds behind() const {
    return std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - complete_as_of.load());
  }

  const Options options;
  kafka::TopicWatch& watch;
  const OnMessage on_message;

  // The thread's.
  std::vector<kafka::PartitionOffset> positions;
  std::vector<kafka::PartitionOffset> read_before;  // when the ends were compared the last time
  Clock::time_point compared_at{};
  std::optional<Clock::time_point> short_since;

  std::atomic<bool> stopping = false;
  std::atomic<bool> has_started = false;
  std::atomic<Clock::time_point> complete_as_of{Clock::time_point{}};
  mutable std::mutex mutex;
  std::string reason = "not started";
  std::thread thread;
};

Tail::Tail(Options options, kafka::TopicWatch& watch, OnMessage on_message)
    : impl_(std::make_unique<Impl>(std::move(options), watch, std::move(on_message))) {}
Tail::~Tail() = default;
std::chrono::steady_clock::time_point Tail::complete_as_of() const { return impl_->complete_as_of; }
bool Tail::caught_up() const {
  return impl_->has_started && impl_->behind() < kBehindMax && !impl_->watch.another_log();
}

health::Verdict Tail::verdict() const {
  if (caught_up()) return {};
  const auto& topic = impl_->options.topic;
  std::string reason;
  {
    const std::lock_guard lock(impl_->mutex);
    reason = impl_->reason;
  }
  if (reason.empty()) reason = impl_->watch.trouble();
  if (const auto another = impl_->watch.another_log()) {
    reason = "another log: " + *another;
  } else if (impl_->has_started) {
    reason =
        fmt::format("not seen to its end for {} s{}", impl_->behind().count(), reason.empty() ? "" : ": " + reason);
  } else if (reason.empty()) {
    reason = "reading what stands in it";
  }
  return {health::Readiness::not_ready, {topic + ": " + reason}};
}

schema::HeaderLookup headers_of(const kafka::Message& message) {
  return [&message](std::string_view name) { return message.header(name); };
}

}  // namespace parley::api
