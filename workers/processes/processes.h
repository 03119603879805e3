#pragma once
// The reactor of processes: what spans slots goes on, step by step.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "platform/health/health.h"
#include "platform/kafka/config.h"

namespace parley::processes {

/// The group, behind the topics' prefix: "parley.reactor.processes". `parley topics` writes its first positions.
inline constexpr std::string_view kGroup = "reactor.processes";

struct Options {
  kafka::Config kafka;
  std::string topic_prefix = "parley";
  int partitions = kafka::kPartitionsDefault;  ///< That the topics must have.
  std::string instance;  ///< Stable: one that comes back in time gets its partitions back at once.

  std::chrono::milliseconds session_timeout{6'000};
  /// Commands that wait for their decisions; as long as there are as many, no more events are read.
  std::size_t waiting_max = 2'000;
  /// A command that is not known to be decided is sent again after this, and then after ever longer waits
  std::chrono::milliseconds again_min{2'000};
  /// up to this: its stream may be parked.
  std::chrono::milliseconds again_max{30'000};
  /// Not ready when for so long the loop has not turned, Kafka has not answered, or nothing was read although there are
  /// events.
  std::chrono::milliseconds stuck_after{5'000};
  /// How long it stays when it may not go on before somebody has looked (another log, lost positions), not ready and
  /// saying why.
  std::chrono::milliseconds halt_linger{0};
};

/// Reads parley.events and sends the commands that they ask for (domain/processes) until each is known to be decided;
/// where to go on after a start is committed to its group behind that. So every step is sent at least once, whatever is
/// killed; that it has one effect is the deciders' part. README.md says how. Run by one thread.
class Processes {
 public:
  explicit Processes(Options options);
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  /// Runs on the calling thread until `stop` (then it commits its positions and leaves cleanly) or until it cannot go
  /// on: a record that is no event, another log, lost positions, a Kafka client that is beyond recovery. The error says
  /// which; whoever supervises the process starts it again. Kafka away is not an end.
  std::expected<void, std::string> run(const std::stop_token& stop);

  /// Not ready while Kafka is away, while there is no assignment, and while nothing moves although there are events;
  /// degraded while a step waits for long for its decision, with the streams of some. Thread-safe.
  health::Verdict verdict() const;
  /// Changes with every turn of the loop; for a watchdog. Thread-safe.
  std::int64_t sign_of_life() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::processes
