#pragma once
// `parley rebuild`: the read models made again from the log, compared with those that are there, and put in their place
// while all else goes on.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "platform/kafka/config.h"
#include "platform/postgres/options.h"
#include "projections/engine/certificates.h"

namespace parley::rebuild {

/// How far it is. `done` and `total` are offsets, 0 where a step has none.
struct Progress {
  std::string_view step;
  std::int64_t done = 0;
  std::int64_t total = 0;
  double events_per_second = 0;
};

struct Options {
  kafka::Config kafka;
  std::string events_topic = "parley.events";
  int partitions = kafka::kPartitionsDefault;  ///< That the topic must have.
  std::string postgres;
  std::string schema = postgres::kSchema;
  /// Switch although rows differ, and why. What is parked cannot be accepted.
  std::optional<std::string> accept = {};
  /// Compare alone: nothing is switched.
  bool compare_alone = false;
  /// The tables that were made stay when they are not switched to.
  bool keep = false;
  std::function<void(const Progress&)> progress =
      {};  ///< Called on the calling thread, about once a second; may be empty.

  std::size_t differences_max = 20;  ///< Rows that are named.
  std::size_t parked_max = 20;       ///< Streams that are named.
  std::size_t batch_events_max = 1'000;
  /// A fold that is no more than this behind the read models is compared, or switched to; until then it goes on.
  std::int64_t near_offsets = 10'000;
  /// No statement takes longer: a digest reads a whole table.
  std::chrono::milliseconds statement_timeout{std::chrono::hours(2)};
  /// A fold that does not advance for so long although there are events fails.
  std::chrono::milliseconds patience{60'000};
  /// A switch gets rid of a vacuum first, which holds up nobody but it: longer than PostgreSQL's deadlock_timeout,
  /// after which an automatic one gives way.
  std::chrono::milliseconds vacuum_wait_max{3'000};
  /// How long it may hold up writers while the fold comes to their end: less than an API waits for a projection that
  /// stands still.
  std::chrono::milliseconds hold_max{300};
  /// And readers, while those before them end.
  std::chrono::milliseconds readers_wait_max{100};
  /// A switch that could not be made within that is tried again, so often, after a pause.
  int switch_tries = 30;
  std::chrono::milliseconds switch_pause{1'000};
  /// For the old tables to be free, before they are left to the next run.
  std::chrono::milliseconds drop_wait_max{5'000};

  std::function<void(std::string_view step)> before = {};  ///< For tests: called before each step, with its name.
};

/// Blocks until it is over, or `stop`. What came of it is in the certificate, which is kept in the database too, if
/// that is there; whatever the outcome, but for `switched`, the read models are as they were. One thread.
projections::Certificate rebuild(const Options& options, const std::stop_token& stop);

}  // namespace parley::rebuild
