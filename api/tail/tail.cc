#include "api/tail/tail.h"

#include <pthread.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/log/log.h"

namespace parley::api {
namespace {

constexpr std::size_t kBatchMax = 1'000;
constexpr std::chrono::milliseconds kPollWait{100};
constexpr std::chrono::milliseconds kFetchWaitMax{50};
constexpr std::chrono::milliseconds kRetryWait{500};

}  // namespace

struct Tail::Impl {
  Impl(Options o, OnMessage f) : options(std::move(o)), on_message(std::move(f)) {
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
    caught_up = false;
    {
      const std::lock_guard lock(mutex);
      if (reason != why) log::warn("cannot follow a topic", {{"topic", options.topic}, {"reason", why}});
      reason = why;
    }
    for (auto left = kRetryWait; left.count() > 0 && !stopping; left -= kPollWait) std::this_thread::sleep_for(kPollWait);
  }

  void run() {
    while (!stopping) {
      if (auto followed = follow(); !followed) fail(followed.error());
    }
  }

  /// Positions a consumer and follows until told to stop; an error says why it has to be positioned again. What was handed over once is never
  /// handed over again: positions outlive the consumer.
  std::expected<void, std::string> follow() {
    auto admin = kafka::Admin::open(options.kafka);
    if (!admin) return std::unexpected(admin.error().text);
    const std::vector<std::string> names{options.topic};
    const auto described = admin->describe_topics(names);
    if (!described) return std::unexpected(described.error().text);
    if (!described->front()) return std::unexpected("there is no topic " + options.topic + " (`parley topics` makes it)");
    if (const int count = described->front()->partitions; count != options.partitions) {
      return std::unexpected(options.topic + " has " + std::to_string(count) + " partitions instead of " + std::to_string(options.partitions));
    }
    auto consumer = kafka::Consumer::open(options.kafka, {.fetch_wait_max = kFetchWaitMax});
    if (!consumer) return std::unexpected(consumer.error().text);

    std::vector<kafka::TopicPartition> partitions;
    for (int p = 0; p < options.partitions; ++p) partitions.push_back({options.topic, p});
    const auto ends = consumer->end(partitions, kafka::Isolation::read_committed);
    if (!ends) return std::unexpected(ends.error().text);
    if (positions.empty()) {
      auto start = options.from == From::end ? ends : consumer->begin(partitions);
      if (!start) return std::unexpected(start.error().text);
      positions = std::move(*start);
    }
    if (auto assigned = consumer->assign(positions); !assigned) return std::unexpected(assigned.error().text);

    std::vector<kafka::Message> batch;
    while (!stopping) {
      batch.clear();
      const auto polled = consumer->poll(batch, kBatchMax, kPollWait);
      for (const auto& message : batch) {
        on_message(message);
        positions.at(static_cast<std::size_t>(message.partition())).offset = message.offset() + 1;
      }
      if (!polled) {
        if (!polled.error().retryable) return std::unexpected(polled.error().text);
        log::warn("following a topic goes on after an error", {{"topic", options.topic}, {"reason", polled.error().text}});
      }
      if (!caught_up && reached(*consumer, *ends)) {
        const std::lock_guard lock(mutex);
        reason.clear();
        caught_up = true;
        log::info("following a topic", {{"topic", options.topic}});
      }
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

  const Options options;
  const OnMessage on_message;
  std::vector<kafka::PartitionOffset> positions;  // the thread's
  std::atomic<bool> stopping = false;
  std::atomic<bool> caught_up = false;
  mutable std::mutex mutex;
  std::string reason = "not started";
  std::thread thread;
};

Tail::Tail(Options options, OnMessage on_message) : impl_(std::make_unique<Impl>(std::move(options), std::move(on_message))) {}
Tail::~Tail() = default;
bool Tail::caught_up() const { return impl_->caught_up; }

health::Verdict Tail::verdict() const {
  if (impl_->caught_up) return {};
  const std::lock_guard lock(impl_->mutex);
  return {health::Readiness::not_ready, {impl_->options.topic + ": " + (impl_->reason.empty() ? "reading what stands in it" : impl_->reason)}};
}

schema::HeaderLookup headers_of(const kafka::Message& message) {
  // The names that schemas/ asks for are literals, and so end in NUL.
  return [&message](std::string_view name) { return message.header(name.data()); };
}

}  // namespace parley::api
