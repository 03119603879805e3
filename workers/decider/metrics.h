#pragma once
// Internal to workers/decider: what the decider counts, and the names of what becomes of a command.
#include <array>
#include <utility>
#include <vector>

#include "platform/metrics/metrics.h"
#include "workers/decider/batch.h"

namespace parley::decider {

inline constexpr std::array kVerdicts{
    std::pair{Verdict::accepted, "accepted"}, std::pair{Verdict::refused, "refused"},
    std::pair{Verdict::repeated, "repeated"}, std::pair{Verdict::reused, "key_reused"},
    std::pair{Verdict::expired, "expired"},   std::pair{Verdict::parked, "parked"},
    std::pair{Verdict::dead, "dead"},         std::pair{Verdict::parks, "parks"},
    std::pair{Verdict::skipped, "skipped"},
};

inline constexpr const char* kParkings = "Commands that parked their stream, by what happened when they were decided";

/// Beside what its transactions and workers/runtime count. Thread-safe.
struct Metrics {
  std::vector<metrics::Counter> commands = [] {
    std::vector<metrics::Counter> out;
    for (const auto& [verdict, name] : kVerdicts) {
      out.push_back(metrics::counter("parley_decider_commands_total", "Commands, by outcome", {{"outcome", name}}));
    }
    return out;
  }();
  metrics::Counter events = metrics::counter("parley_decider_events_total", "Events committed");
  metrics::Counter seals = metrics::counter("parley_decider_seals_total", "Seals committed");
  metrics::Gauge unsealed = metrics::gauge("parley_decider_unsealed_seconds",
                                           "Age of the oldest event of the owned partitions that is not sealed yet");
  metrics::Counter dropped =
      metrics::counter("parley_decider_dropped_batches_total", "Batches dropped as a whole because of a rebalance");
  metrics::Histogram batch = metrics::histogram("parley_decider_batch_commands", "Commands in one transaction", {},
                                                {1, 2, 5, 10, 20, 50, 100, 200, 500, 1'000});
  metrics::Histogram transaction = metrics::histogram(
      "parley_decider_transaction_seconds", "From the first decision of a transaction to the end of its commit");
  metrics::Histogram restore = metrics::histogram(
      "parley_decider_restore_seconds", "From the assignment of partitions until the decider can decide commands", {},
      {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300});
  metrics::Gauge parked =
      metrics::gauge("parley_decider_parked_streams", "Parked streams of the owned partitions: they refuse commands");
  metrics::Counter parked_by_exception =
      metrics::counter("parley_decider_parkings_total", kParkings, {{"cause", "exception"}});
  metrics::Counter parked_by_crash = metrics::counter("parley_decider_parkings_total", kParkings, {{"cause", "crash"}});
  metrics::Gauge owned = metrics::gauge("parley_decider_partitions", "Partitions owned and restored");
  metrics::Gauge store_bytes = metrics::gauge("parley_decider_store_bytes",
                                              "Bytes of the states of the owned partitions, on disk and in memory");
};

}  // namespace parley::decider
