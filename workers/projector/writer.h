#pragma once
// Internal to workers/projector: the transactions that write the read models, each event once. README.md says why that
// holds.
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "platform/kafka/config.h"
#include "platform/metrics/metrics.h"
#include "platform/postgres/pool.h"
#include "projections/engine/checkpoints.h"
#include "workers/projector/parked_reader.h"
#include "workers/projector/pending.h"

namespace parley::projector {

/// From the best to the worst.
enum class Written {
  yes,
  partly,   ///< A part of a parked stream was replayed: there is more.
  not_now,  ///< PostgreSQL is away or busy: the same again, later.
  reload,   ///< The checkpoints are not where we thought: drop what was read, begin again from them.
};

/// Several threads may write at a time, each a share of its own, and nothing else is called meanwhile.
class Writer {
 public:
  struct Options {
    kafka::Config kafka;  ///< Parked events are read from it.
    std::string events_topic;
    std::size_t parked_streams_max;
  };
  /// The pool must outlive it.
  Writer(postgres::Pool& pool, Options options)
      : pool_(pool), options_(std::move(options)), parked_events_(options_.kafka, options_.events_topic) {}

  /// One transaction; `parked_now`: streams that are parked already. Says in the share what it makes of parked streams,
  /// whether its COMMIT is in doubt, and why the process must end. Throws runtime::LogMismatch.
  postgres::Result<Written> write(Pending& share, std::size_t parked_now);
  /// No replay goes on.
  void end_replay() { parked_events_.close(); }

 private:
  postgres::Result<Written> write_batch(postgres::Lease& lease, Pending& share, std::size_t parked_now);
  postgres::Result<Written> write_replay(postgres::Lease& lease, Pending& share);
  postgres::Result<Written> move(postgres::Transaction& transaction, std::span<const projections::Advance> advances);
  static postgres::Result<Written> finish(postgres::Transaction& transaction, Pending& share);
  static postgres::Result<Written> settle(postgres::Lease& lease, Pending& share);

  postgres::Pool& pool_;
  const Options options_;
  ParkedReader parked_events_;
  metrics::Counter misses_ =
      metrics::counter("parley_projector_checkpoint_misses_total",
                       "Transactions rolled back because the checkpoint was not at the expected offset");
  metrics::Histogram transaction_seconds_ =
      metrics::histogram("parley_projector_transaction_seconds", "Duration of a transaction, including its commit");
};

}  // namespace parley::projector
