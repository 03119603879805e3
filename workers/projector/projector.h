#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "platform/postgres/options.h"

namespace parley::projector {

struct Options {
  kafka::Config kafka;
  std::string events_topic = "parley.events";
  int partitions = kafka::kPartitionsDefault;  ///< That the topic must have.
  std::string group = "parley.projector";      ///< For the assignment of partitions alone; nothing is committed to it.
                                               ///< Empty: it has all of them, alone.
  std::string instance;  ///< Stable: one that comes back in time gets its partitions back at once.
  /// Where run() ends, by partition: when the checkpoint of each is there. No event at or past it is applied. Without a
  /// group only.
  std::optional<std::map<std::int32_t, std::int64_t>> until = {};
  std::string postgres;  ///< Connection string.
  std::string schema = postgres::kSchema;

  std::chrono::milliseconds session_timeout{6'000};
  std::size_t batch_events_max = 1'000;  ///< Of a transaction.
  /// Connections, with a thread each: what is more than one transaction holds (it catches up) they write at the same
  /// time, each other partitions.
  std::size_t writers = 2;
  std::chrono::milliseconds statement_timeout{10'000};
  std::chrono::milliseconds retry_min{50};     ///< PostgreSQL away: the wait doubles from this
  std::chrono::milliseconds retry_max{2'000};  ///< up to this.
  /// How long it stays when it has found another log, not ready and saying why, before run() returns.
  std::chrono::milliseconds halt_linger{0};
  /// Not ready when nothing moved for this long although there are events. With the time between two looks it stays
  /// below 10 s.
  std::chrono::milliseconds stuck_after{6'000};
  /// One event that cannot be applied parks its stream. So many parked streams are another matter (a wrong build, a
  /// table changed by hand): the process stops.
  std::size_t parked_streams_max = 1'000;
};

/// Projects parley.events into the read models, each event exactly once whatever is killed: rows, event index and
/// checkpoints are written in one transaction, whose checkpoints move by compare-and-set. Why that holds is in
/// README.md.
class Projector {
 public:
  explicit Projector(Options options);
  ~Projector();
  Projector(const Projector&) = delete;
  Projector& operator=(const Projector&) = delete;

  /// Runs on the calling thread until `stop` or `until` (then it leaves cleanly), or until it cannot go on: a record
  /// that is no event, another log, another schema, too many parked streams, a Kafka client that is beyond recovery.
  /// The error says which; whoever supervises the process starts it again. PostgreSQL or Kafka away is not an end: it
  /// waits, and goes on. Nor is an event that cannot be applied: its stream is parked.
  std::expected<void, std::string> run(const std::stop_token& stop);

  /// Not ready while PostgreSQL or Kafka is away, while there is no assignment, and while nothing moves although events
  /// exist; degraded while a stream of its partitions is parked, with the first few of them. Thread-safe.
  health::Verdict verdict() const;
  /// Changes with every turn of the loop; for a watchdog. Thread-safe.
  std::int64_t sign_of_life() const;
  /// Events that it has written. Thread-safe.
  std::int64_t events() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::projector
