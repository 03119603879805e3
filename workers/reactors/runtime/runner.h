#pragma once
// A reactor that acts outside, as a process on Kafka.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <stop_token>
#include <string>

#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "platform/store/store.h"
#include "workers/reactors/runtime/performer.h"
#include "workers/reactors/runtime/reactor.h"

namespace parley::reactors {

struct Options {
  kafka::Config kafka;
  std::string topic_prefix = "parley";
  int partitions = kafka::kPartitionsDefault;  ///< That the topics must have.
  std::string instance;   ///< Stable: one that comes back in time gets its partitions back at once.
  std::string state_dir;  ///< Of this instance's states: a folder for each partition.

  Performer::Options perform;
  store::Memory::Budget memory;
  std::chrono::milliseconds session_timeout{6'000};
  /// A command that is not known to be decided is sent again after this, and then after ever longer waits up to the
  /// second one.
  std::chrono::milliseconds again_min{2'000};
  std::chrono::milliseconds again_max{30'000};
  /// When it is told to stop it begins nothing, and waits for what is under way at most so long.
  std::chrono::milliseconds finish_within{5'000};
  std::chrono::milliseconds stuck_after{5'000};  ///< As runtime::MemberOptions.
  std::chrono::milliseconds halt_linger{0};      ///< As runtime::MemberOptions.
};

/// Folds parley.events into a State for each of its partitions, to the end, and takes what is open to its end (a
/// Performer). A reactor that has neither state nor positions of this log is new: it begins at the end. README.md says
/// how the rest is meant. Run by one thread.
class Runner {
 public:
  /// `reactor` must outlive it, and be used by nobody else.
  Runner(Options options, Reactor& reactor);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// Runs on the calling thread until `stop` or until it cannot go on: a record that is no event, a log that has lost
  /// what was folded, lost positions, a full or broken disk, a Kafka client that is beyond recovery. The error says
  /// which. Kafka away is not an end.
  std::expected<void, std::string> run(const std::stop_token& stop);
  /// Not ready as every member of a group; degraded while effects are off or a command waits for long. Thread-safe.
  health::Verdict verdict() const;
  /// Changes with every turn of the loop; for a watchdog. Thread-safe.
  std::int64_t sign_of_life() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::reactors
