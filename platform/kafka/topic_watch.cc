#include "platform/kafka/topic_watch.h"

#include <fmt/format.h>

#include <pthread.h>

#include <mutex>
#include <thread>
#include <utility>

#include "platform/kafka/admin.h"
#include "platform/process/process.h"

namespace parley::kafka {
namespace {

constexpr std::chrono::milliseconds kAnswerWait{2'000};

}  // namespace

struct TopicWatch::Impl {
  explicit Impl(Options o) : options(std::move(o)), ids(options.ids) {
    for (const auto& topic : options.topics) {
      for (int i = 0; i < options.partitions; ++i) partitions.push_back({topic, i});
    }
    thread = std::jthread([this](const std::stop_token& stop) {
      pthread_setname_np(pthread_self(), "topic-watch");
      run(stop);
    });
  }

  void run(const std::stop_token& stop) {
    std::optional<Admin> admin;
    while (!stop.stop_requested() && !has_found()) {
      if (!admin) {
        if (auto opened = Admin::open(options.kafka)) {
          admin.emplace(std::move(*opened));
        } else {
          failed(opened.error().text);
        }
      }
      if (admin) ask(*admin);
      process::pause(stop, options.period);
    }
  }

  bool has_found() const {
    const std::lock_guard lock(mutex);
    return another.has_value();
  }

  void failed(std::string why) {
    const std::lock_guard lock(mutex);
    trouble = std::move(why);
  }

  void ask(Admin& admin) {
    const auto asked_at = Clock::now();
    const auto described = admin.describe_topics(options.topics, kAnswerWait);
    if (!described) return failed(described.error().text);
    for (std::size_t i = 0; i < options.topics.size(); ++i) {
      const auto& name = options.topics[i];
      const auto& topic = (*described)[i];
      if (!topic) return failed(no_topic(name).text);
      if (auto wrong = wrong_partitions(*topic, options.partitions)) return found(std::move(*wrong));
      std::unique_lock lock(mutex);
      const auto& known = ids.emplace(name, topic->id).first->second;
      if (known != topic->id) {
        auto why = fmt::format("{} is another topic of the same name ({}, not {})", name, topic->id, known);
        lock.unlock();
        return found(std::move(why));
      }
    }
    const auto answer = admin.end(partitions, Isolation::read_committed, kAnswerWait);
    if (!answer) return failed(answer.error().text);
    auto fresh = std::make_shared<Ends>();
    fresh->asked_at = asked_at;
    for (const auto& end : *answer) fresh->offsets.emplace(end.where, end.offset);
    const std::lock_guard lock(mutex);
    ends = std::move(fresh);
    trouble.clear();
  }

  void found(std::string why) {
    const std::lock_guard lock(mutex);
    if (!another) another = std::move(why);
  }

  const Options options;
  const Clock::time_point began = Clock::now();
  std::vector<TopicPartition> partitions;
  mutable std::mutex mutex;
  std::map<std::string, std::string> ids;
  std::shared_ptr<const Ends> ends;
  std::string trouble = "not asked yet";
  std::optional<std::string> another;
  std::jthread thread;  // last: it ends before the rest goes
};

TopicWatch::TopicWatch(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
TopicWatch::~TopicWatch() = default;

std::optional<std::string> TopicWatch::another_log() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->another;
}
void TopicWatch::found_another_log(std::string why) { impl_->found(std::move(why)); }

std::optional<std::string> TopicWatch::id(const std::string& topic) const {
  const std::lock_guard lock(impl_->mutex);
  const auto it = impl_->ids.find(topic);
  return it != impl_->ids.end() ? std::optional(it->second) : std::nullopt;
}
std::shared_ptr<const TopicWatch::Ends> TopicWatch::ends() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->ends;
}
std::string TopicWatch::trouble() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->trouble;
}
TopicWatch::Clock::time_point TopicWatch::answered_at() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->ends ? impl_->ends->asked_at : impl_->began;
}

}  // namespace parley::kafka
