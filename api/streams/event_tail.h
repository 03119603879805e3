#pragma once
// Feeds the hub from parley.events.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/streams/history.h"
#include "api/streams/hub.h"
#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "platform/kafka/message.h"

namespace parley::api {

/// Owns the thread "hub", which reads every partition read_committed, from a little below the projector's checkpoints
/// on. While Kafka is away it goes on trying; positions outlive a lost connection. Thread-safe.
class EventTail {
 public:
  struct Options {
    kafka::Config kafka;
    std::string topic = "parley.events";
    int partitions = kafka::kPartitionsDefault;
    std::int64_t start_distance_max =
        100'000;  ///< offsets before the end where it starts at the latest, however far the projector is behind
    /// Offsets below the projector's checkpoint where it starts: clients that a restart has cut off find what they
    /// missed in the hub, and do not all ask for history at once.
    std::int64_t tail_at_start = 1'000;
    std::chrono::milliseconds checkpoints_wait{3'000};  ///< at the start; then that distance before the end
    std::function<void(const kafka::Message&)> also{};  ///< gets every record of the log, on the thread; must not block
  };

  /// `hub` and `history` must outlive this.
  EventTail(Options options, Hub& hub, const HistorySource& history);
  ~EventTail();
  EventTail(const EventTail&) = delete;
  EventTail& operator=(const EventTail&) = delete;

  /// Not ready until everything that stood at the start has been read; degraded while Kafka does not answer; not ready
  /// for good when the log is not the one that was read.
  health::Verdict verdict() const;
  /// Why the log is not the one that was read, or that the read model was made from. Once there is a reason, it stays.
  std::optional<std::string> another_log() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace parley::api
