#pragma once
// Private to platform/kafka: what its classes share of librdkafka.
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/error.h"
#include "platform/kafka/record.h"

namespace parley::kafka {

template <auto Destroy>
struct DestroyWith {
  template <class T>
  void operator()(T* raw) const noexcept {
    if (raw != nullptr) Destroy(raw);
  }
};
using ConfHandle = std::unique_ptr<rd_kafka_conf_t, DestroyWith<rd_kafka_conf_destroy>>;
using ListHandle = std::unique_ptr<rd_kafka_topic_partition_list_t, DestroyWith<rd_kafka_topic_partition_list_destroy>>;
using QueueHandle = std::unique_ptr<rd_kafka_queue_t, DestroyWith<rd_kafka_queue_destroy>>;
using EventHandle = std::unique_ptr<rd_kafka_event_t, DestroyWith<rd_kafka_event_destroy>>;
using OptionsHandle = std::unique_ptr<rd_kafka_AdminOptions_t, DestroyWith<rd_kafka_AdminOptions_destroy>>;
using ErrorHandle = std::unique_ptr<rd_kafka_error_t, DestroyWith<rd_kafka_error_destroy>>;

Error to_error(rd_kafka_resp_err_t code, std::string_view context);
Error to_error(const rd_kafka_error_t* error, std::string_view context);

ListHandle to_list(std::span<const TopicPartition> partitions);
ListHandle to_list(std::span<const PartitionOffset> positions);
std::vector<TopicPartition> partitions_of(const rd_kafka_topic_partition_list_t& list);

/// librdkafka takes int milliseconds; never negative, because that would mean "for ever".
int to_ms(std::chrono::milliseconds wait);

/// Properties in the order in which they are applied: the later wins.
using Properties = std::vector<std::pair<std::string, std::string>>;

/// Builds a configuration: the user's properties first, then ours. A property that librdkafka does not take is an Error
/// of kind invalid.
Result<ConfHandle> make_conf(const Config& config, const Properties& ours);

/// One rd_kafka_t, the fatal error that it may have met, and its topic handles. Owns the thread "kafka-brokers", which
/// keeps it from being left without a broker: librdkafka (2.10 to 2.15 at least; its issue 5301) drops every broker
/// that an answer does not list, and a cluster whose brokers were all paused or restarted answers for a moment with an
/// empty list; then it has nobody to ask and comes back minutes later or never.
class Client {
 public:
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Creates the handle. The address of this object becomes the opaque of error and log callbacks, unless `opaque` is
  /// given; then the callbacks of the owner must lead back here through note_error().
  Result<void> open(rd_kafka_type_t type, ConfHandle conf);

  rd_kafka_t* raw() const { return raw_; }
  /// Thread-safe. The handle lives as long as the client.
  rd_kafka_topic_t* topic(std::string_view name);
  /// The error after which nothing on this client works any more, if there was one. Thread-safe.
  Result<void> alive() const;

 private:
  static void on_error(rd_kafka_t* raw, int code, const char* reason, void* opaque);
  void keep_brokers(const std::stop_token& stop, const std::string& bootstrap);

  rd_kafka_t* raw_ = nullptr;
  std::mutex topics_mutex_;
  std::map<std::string, rd_kafka_topic_t*, std::less<>> topics_;
  std::jthread brokers_keeper_;
};

/// The first or the last offset of each partition (all of them, or an Error).
enum class Edge { begin, end };
Result<std::vector<PartitionOffset>> list_edges(rd_kafka_t* raw, std::span<const TopicPartition> partitions, Edge edge,
                                                Isolation isolation, std::chrono::milliseconds timeout);

/// Waits for one admin result on its own queue.
Result<EventHandle> await_admin(rd_kafka_queue_t* queue, std::chrono::milliseconds timeout, std::string_view context);
OptionsHandle admin_options(rd_kafka_t* raw, rd_kafka_admin_op_t operation, std::chrono::milliseconds timeout);

/// Makes a record's headers and hands it to librdkafka, which copies key and value.
Result<void> produce(Client& client, const Record& record, void* opaque);

}  // namespace parley::kafka
