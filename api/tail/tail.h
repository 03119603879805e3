#pragma once
// A thread that follows a topic: every partition, read_committed, from its beginning or from the end that stands at the
// start.
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "platform/kafka/message.h"
#include "platform/kafka/topic_watch.h"
#include "schemas/envelope.h"

namespace parley::api {

/// Keeps trying while Kafka is away: then it is merely not ready. Whether it still sees what is written does not depend
/// on traffic: its positions are compared with the ends that the watch asks for. Thread-safe but for construction and
/// destruction.
class Tail {
 public:
  enum class From { begin, end };
  struct Options {
    kafka::Config kafka;
    std::string topic;
    int partitions =
        kafka::kPartitionsDefault;  ///< A topic with another count is another deployment's: reported, never read.
    From from = From::begin;
    std::string thread_name;  ///< 15 characters at most
  };
  using OnMessage = std::function<void(const kafka::Message&)>;

  /// `on_message` runs on the tail's thread and must not throw. `watch` must outlive this and watch the topic; it is
  /// told when the topic does not hold any more what was read of it.
  Tail(Options options, kafka::TopicWatch& watch, OnMessage on_message);
  ~Tail();
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;

  /// Everything that stood in the topic some seconds ago, and at the start, has been handed over. False once that
  /// cannot be said for longer: Kafka is away, or reading stands still; and for good when the log is another one.
  bool caught_up() const;
  /// Everything that stood in the topic at this moment has been handed over; of what came later, some may have been.
  /// The clock's beginning before the start is over.
  std::chrono::steady_clock::time_point complete_as_of() const;
  health::Verdict verdict() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A record's headers, for the readers of schemas/. Valid while the message lives.
schema::HeaderLookup headers_of(const kafka::Message& message);

}  // namespace parley::api
