#pragma once
// Internal to workers/projector: the records of parked events, out of the log.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/message.h"
#include "platform/opened.h"
#include "projections/engine/parking.h"

namespace parley::projector {

/// Owns a consumer while there is something to replay. One thread at a time.
class ParkedReader {
 public:
  ParkedReader(kafka::Config kafka, std::string topic) : kafka_(std::move(kafka)), topic_(std::move(topic)) {}

  /// Their records, from the first on, as many as can be read in two seconds; none: not now. The error says why the
  /// process must end. Throws runtime::LogMismatch where one of them is not.
  std::expected<std::vector<kafka::Message>, std::string> read(std::int32_t partition,
                                                               const std::vector<projections::ParkedEvent>& events);
  void close() { reader_.reset(); }

 private:
  const kafka::Config kafka_;
  const std::string topic_;
  Opened<kafka::Consumer> reader_;
};

}  // namespace parley::projector
