#pragma once
// Whether a log's topics are still those that a process began with, and where they end.
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/record.h"

namespace parley::kafka {

/// Asks the brokers once in a period, over a connection of its own, so that what it says depends neither on traffic nor
/// on the process's other clients: these may go on for long at old offsets of a topic that was made again, or at none.
/// Owns the thread "topic-watch". Thread-safe; nothing here blocks but the destructor (for the request under way, some
/// seconds at most).
class TopicWatch {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    Config kafka;
    std::vector<std::string> topics;
    int partitions = kafka::kPartitionsDefault;  ///< That each of them must have.
    std::map<std::string, std::string> ids;   ///< Of topics that are known already; of others the first answer counts.
    std::chrono::milliseconds period{1'000};  ///< Between two questions.
  };
  /// What a read_committed reader can reach of each partition of each topic, as it was when it was asked.
  struct Ends {
    Clock::time_point asked_at;
    std::map<TopicPartition, std::int64_t> offsets;
  };

  explicit TopicWatch(Options options);
  ~TopicWatch();
  TopicWatch(const TopicWatch&) = delete;
  TopicWatch& operator=(const TopicWatch&) = delete;

  /// Why these are not the topics that the process began with: another id or another number of partitions; or what
  /// found_another_log() was told. Once there is a reason, it stays: nothing that was read before may be mixed with
  /// what is read now.
  std::optional<std::string> another_log() const;
  /// For those who see it first: an offset that must be there and is not. The first reason counts.
  void found_another_log(std::string why);

  /// The id of a topic; nothing before the first answer.
  std::optional<std::string> id(const std::string& topic) const;
  /// The last answer; nothing before the first.
  std::shared_ptr<const Ends> ends() const;
  /// Why there is no newer answer: Kafka is away, or a topic is not there. Empty when there is none.
  std::string trouble() const;
  /// When the last question was asked that had an answer; the beginning of this watch before the first.
  Clock::time_point answered_at() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::kafka
