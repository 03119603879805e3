#pragma once
// Records of parley.events at known positions.
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "platform/kafka/consumer.h"
#include "projections/record.h"

namespace parley::api {

/// Where an event stands according to a read model, and which one must be there.
struct EventPlace {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::string event_id;
};

/// A bounded pool of consumers, each opened when it is first needed and kept. Thread-safe; blocks its caller. While
/// Kafka does not answer, as many callers as there are consumers find that out again and again; all others are refused
/// at once, because the threads of other questions must not be lost to it.
class LogReader {
 public:
  struct Options {
    kafka::Config kafka;
    std::string topic;                          ///< The events'.
    std::size_t readers_max = 2;                ///< Readings at once, each of a consumer with about 2 MiB.
    std::chrono::milliseconds wait_max{1'000};  ///< For one of these consumers.
    std::chrono::milliseconds patience{5'000};  ///< For Kafka, in one reading.
  };
  enum class Failure {
    busy,  ///< Every consumer is in use, for longer than one waits, or by those who find out whether Kafka answers
           ///< again.
    late,  ///< Kafka did not answer in time.
    another_event,  ///< What stands at a position is not what the read model says: they are not of one log.
  };

  explicit LogReader(Options options);
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  /// Hands over the record at each place, in the order given, until `each` returns false. Places of one partition
  /// should follow each other in the order of their offsets: then records between near ones are passed over instead of
  /// asking Kafka anew.
  std::expected<void, Failure> read(std::span<const EventPlace> places,
                                    const std::function<bool(const projections::Record&)>& each);

 private:
  using Clock = std::chrono::steady_clock;

  std::expected<std::unique_ptr<kafka::Consumer>, Failure> borrow();
  void give_back(std::unique_ptr<kafka::Consumer> reader, bool kafka_answers);
  std::expected<void, Failure> read_with(kafka::Consumer& reader, std::span<const EventPlace> places,
                                         const std::function<bool(const projections::Record&)>& each,
                                         Clock::time_point deadline);

  const Options options_;
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<kafka::Consumer>> idle_;
  std::size_t lent_ = 0;
  bool kafka_answers_ = true;  // when it was asked last
};

}  // namespace parley::api
