#pragma once
// The command round trip alone: parley.commands, the decider, parley.replies. No HTTP, no PostgreSQL.
#include <chrono>
#include <cstddef>
#include <string>

#include "platform/kafka/config.h"
#include "tests/bench/scene.h"

namespace parley::bench {

struct Commands {
  std::string brokers;
  std::string topic_prefix = "parley";
  int partitions = kafka::kPartitionsDefault;
  std::size_t clients = 64;  ///< Each has one command under way, for a dialog of its own as far as there are as many.
  std::chrono::milliseconds warm_up{500};
  std::chrono::milliseconds time{5'000};
  std::size_t each = 0;  ///< Where it is not 0: so many commands of each client, however long that takes.
};

/// Prints per_second (accepted), other (refused or without an answer), p50_ms, p99_ms, max_ms. Throws when the broker
/// cannot be used.
void run(const Commands& commands, const Scene& scene);

}  // namespace parley::bench
