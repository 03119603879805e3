#pragma once
// The decider: the one writer of the partitions that it owns.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "domain/kernel.h"
#include "platform/crypto/signing.h"
#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "workers/decider/batch.h"

namespace parley::decider {

/// Where a transaction is. For tests that stop or kill a process at the worst moments; the product observes nothing.
enum class Step { collected, events_written, replies_written, offsets_sent, committed };

struct Options {
  kafka::Config kafka;
  std::string topic_prefix = "parley";
  int partitions = kafka::kPartitionsDefault;  ///< That the topics must have.
  std::string instance;   ///< Stable and unique: the group's member, the transactional.id, the folder of its state.
  std::string state_dir;  ///< State is at <state_dir>/<instance>/<partition>; it can be deleted at any time while the
                          ///< decider is down.

  std::chrono::milliseconds session_timeout{6'000};
  std::chrono::milliseconds transaction_timeout{
      10'000};  ///< How long a decider that died may hold back the readers of its partitions.
  std::size_t batch_commands_max = 1'000;
  /// Signs seals; without it there are none.
  std::optional<crypto::SigningKey> seal_key;
  /// The owned partitions are sealed when so many events of one are not,
  std::int64_t seal_events_max = 1'000;
  /// or when an event has not been for so long.
  std::chrono::seconds seal_within{300};
  /// Not ready when for so long the loop has not turned, Kafka has not answered, or commands waited of which none was
  /// decided.
  std::chrono::milliseconds stuck_after{5'000};
  /// How long it stays when it may not go on before somebody has looked (another log, lost positions), not ready and
  /// saying why, before run() returns.
  std::chrono::milliseconds halt_linger{0};
  /// Decide although the memory of outcomes is lost: a command that is repeated may be done twice.
  bool forget_outcomes = false;

  std::function<Timestamp()> clock;  ///< The system's when empty.
  Decide decide = parley::decide;    ///< Tests give one that throws or crashes.
  std::function<void(Step)> observer = {};
};

/// A command at which the process died while deciding: after so many deaths the decider takes one command at a time,
inline constexpr int kCautiousAfterCrashes = 3;
/// and after so many its stream is parked, and the command is not decided.
inline constexpr int kParkAfterCrashes = 4;

/// Reads commands, decides, writes: each command once, whatever is killed or paused (README.md says by which rules).
/// Run by one thread.
class Decider {
 public:
  explicit Decider(Options options);
  ~Decider();
  Decider(const Decider&) = delete;
  Decider& operator=(const Decider&) = delete;

  /// Runs on the calling thread until `stop` (then it leaves cleanly) or until something is unclear: a transaction
  /// without a known end, a log that breaks its own rules, another log, a broken disk, another decider in its place.
  /// The error says which; whoever supervises the process starts it again, and it reads the log. A broker away at the
  /// start is waited for.
  std::expected<void, std::string> run(const std::stop_token& stop);

  /// Ready while it decides, or stands by because other members own all partitions (it says which); degraded while
  /// streams of its partitions stand still; not ready while it waits for partitions, restores, does not move, cannot
  /// reach Kafka, or may not go on. Thread-safe.
  health::Verdict verdict() const;
  /// Changes with every turn of the loop; for a watchdog. Thread-safe.
  std::int64_t sign_of_life() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::decider
