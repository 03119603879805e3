#include "api/signals/signals.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <expected>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "schemas/contexts/dialogs.h"
#include "schemas/envelope.h"

namespace parley::api {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatchMax = 1'000;
constexpr std::chrono::milliseconds kPollWait{100};
constexpr std::chrono::milliseconds kFetchWaitMax{50};
constexpr std::chrono::milliseconds kRetryWait{2'000};

Timestamp now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

}  // namespace

struct Signals::Impl {
  using Side = std::pair<std::int64_t, dialogs::Sender>;

  Impl(Options o, OnTyping f, kafka::Producer made)
      : options(std::move(o)), on_typing(std::move(f)), producer(std::move(made)) {
    thread = std::jthread([this](const std::stop_token& stop) {
      pthread_setname_np(pthread_self(), "signals");
      run(stop);
    });
  }

  bool may_send(const Side& side) {
    const auto at = Clock::now();
    const std::lock_guard lock(mutex);
    const auto known = sent.find(side);
    if (known != sent.end() && at - known->second < options.pause) return false;
    if (known == sent.end() && sent.size() >= options.sides_max) {
      std::erase_if(sent, [&](const auto& one) { return at - one.second >= options.pause; });
      if (sent.size() >= options.sides_max) return false;
    }
    sent[side] = at;
    return true;
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto followed = follow(stop);
      if (followed) continue;
      if (reason != followed.error())
        log::warn("signals cannot be followed", {{"topic", options.topic}, {"reason", followed.error()}});
      reason = followed.error();
      std::unique_lock lock(mutex);
      pause.wait_for(lock, stop, kRetryWait, [] { return false; });
    }
  }

  /// From the end on, whatever was read before.
  std::expected<void, std::string> follow(const std::stop_token& stop) {
    auto admin = kafka::Admin::open(options.kafka);
    if (!admin) return std::unexpected(admin.error().text);
    const auto topic = admin->describe_topic(options.topic);
    if (!topic) return std::unexpected(topic.error().text);
    auto consumer = kafka::Consumer::open(options.kafka, {.fetch_wait_max = kFetchWaitMax});
    if (!consumer) return std::unexpected(consumer.error().text);
    const auto ends =
        consumer->end(kafka::every_partition(options.topic, topic->partitions), kafka::Isolation::read_committed);
    if (!ends) return std::unexpected(ends.error().text);
    if (auto assigned = consumer->assign(*ends); !assigned) return std::unexpected(assigned.error().text);
    partitions = topic->partitions;
    reason.clear();
    std::vector<kafka::Message> batch;
    while (!stop.stop_requested()) {
      batch.clear();
      const auto polled = consumer->poll(batch, kBatchMax, kPollWait);
      for (const auto& message : batch) hear(message);
      if (!polled && (!polled.error().retryable || polled.error().kind == kafka::Kind::no_offset))
        return std::unexpected(polled.error().text);
    }
    return {};
  }

  void hear(const kafka::Message& message) {
    if (message.header("type") != schema::kTypingType) return;  // a newer build's
    const auto typing = schema::read_text<schema::Typing>(message.value());
    if (!typing || now() - typing->at > options.age_max) return;
    heard.add();
    on_typing(*typing);
  }

  const Options options;
  const OnTyping on_typing;
  metrics::Counter heard = metrics::counter(
      "parley_signals_total", "Signals that this process passed on to its streams, whichever API received them");
  metrics::Counter left_out =
      metrics::counter("parley_signals_left_out_total",
                       "Signals that were dropped: one side of a dialog sent too many, or Kafka did not take them");
  std::string reason;               // the thread's
  std::atomic<int> partitions = 0;  // as soon as they are known
  std::mutex mutex;
  std::condition_variable_any pause;
  std::map<Side, Clock::time_point> sent;
  kafka::Producer producer;
  std::jthread thread;  // last: it ends before the rest goes
};

Signals::Signals(Options options, OnTyping on_typing) {
  auto producer =
      kafka::Producer::open(options.kafka, {.queued_max = options.queued_max, .delivery_timeout = options.age_max});
  if (!producer) throw std::runtime_error("no producer for signals: " + producer.error().text);
  impl_ = std::make_unique<Impl>(std::move(options), std::move(on_typing), std::move(*producer));
}
Signals::~Signals() = default;

bool Signals::send(const schema::Typing& typing) {
  const int partitions = impl_->partitions;
  if (partitions == 0 || !impl_->may_send({typing.dialog.value, typing.sender})) {
    impl_->left_out.add();
    return false;
  }
  const auto key = std::to_string(typing.dialog.value), value = schema::write(typing);
  const std::vector<kafka::Header> headers{{"type", schema::kTypingType}, {"content-type", schema::kJson}};
  const auto partition = static_cast<int>(typing.dialog.value % partitions);
  const auto produced =
      impl_->producer.produce({.topic = impl_->options.topic,
                               .partition = partition,
                               .key = key,
                               .value = value,
                               .headers = headers,
                               .time = std::nullopt},
                              [left_out = impl_->left_out](const kafka::Result<std::int64_t>& delivered) mutable {
                                if (!delivered) left_out.add();
                              });
  if (!produced) impl_->left_out.add();
  return produced.has_value();
}

}  // namespace parley::api
