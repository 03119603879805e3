#pragma once
// parley.events as an auditor reads it: once, read_committed, and never more of it than what was asked for needs.
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "domain/model.h"
#include "ops/cli/audit/progress.h"
#include "ops/cli/log_place.h"
#include "platform/kafka/config.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/read_through.h"
#include "projections/record.h"

namespace parley::audit {

/// An error is a sentence for whoever typed the command.
template <class T>
using Result = std::expected<T, std::string>;

/// Where the events of a stream stand: of the domain's, whose id names its partition, or of a partition's seals
/// ("seal/3").
struct StreamPlace {
  std::string subject;
  int partition = 0;
};

/// "dialog/1387"; the error says what is wrong with it.
Result<Stream> stream_named(const std::string& text);
/// That, or "seal/3".
Result<StreamPlace> place_named(const std::string& text, int partitions);

/// One thread's. Blocks; says how far it is on stderr.
class Log {
 public:
  /// Refuses a log that is not there.
  static Result<Log> open(const cli::LogPlace& options);

  /// The events' topic's id and name: what positions belong to.
  const std::string& topic() const { return topic_; }
  const std::string& topic_id() const { return topic_id_; }
  int partitions() const { return options_.partitions; }
  int partition_of(const Stream& stream) const { return parley::partition_of(slot_of(stream.id), options_.partitions); }

  /// All that stands in a partition now, or in all of them.
  Result<kafka::Stretch> all_of(int partition);
  Result<std::vector<kafka::Stretch>> all();
  /// What stands in the commands' topic now; nothing when there is none (a restored log may lack it).
  Result<std::vector<kafka::Stretch>> commands();
  /// The part of the stretch that was written at `time` or later, as the records themselves say. A writer's clock may
  /// be wrong: only to begin near.
  Result<std::vector<kafka::Stretch>> written_since(std::vector<kafka::Stretch> stretches, Timestamp time);
  /// The part of the stretch whose events have `time` or later as their ce_time: exact, because that never goes back
  /// within a partition.
  Result<kafka::Stretch> happened_since(const kafka::Stretch& stretch, Timestamp time);

  /// Calls `each` with every record of the stretches, in order within a partition, until it returns false.
  Result<void> read(const std::vector<kafka::Stretch>& stretches,
                    const std::function<bool(const kafka::Message&)>& each, Progress& progress);

  /// The stream's events in order, until `each` returns false. How many there were (of those that were read); none is
  /// an error: there is no such stream.
  Result<std::int64_t> read_stream(const StreamPlace& stream,
                                   const std::function<bool(const projections::Record&)>& each, Progress& progress);

 private:
  Log(cli::LogPlace options, kafka::Consumer reader) : options_(std::move(options)), reader_(std::move(reader)) {}
  Result<std::vector<kafka::Stretch>> all_of(const std::vector<kafka::TopicPartition>& partitions);
  Result<std::optional<Timestamp>> first_time_in(const kafka::Stretch& stretch);

  cli::LogPlace options_;
  kafka::Consumer reader_;
  std::string topic_, topic_id_;
};

}  // namespace parley::audit
