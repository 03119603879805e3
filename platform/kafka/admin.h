#pragma once
// Topics, and the committed offsets of groups: what an operator's task and a start-up check need.
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/error.h"
#include "platform/kafka/record.h"

namespace parley::kafka {

struct NewTopic {
  std::string name;
  int partitions = 1;
  int replication = 1;
  std::map<std::string, std::string> config;
};

/// `id` tells a topic from a later one of the same name.
struct TopicDescription {
  std::string name;
  std::string id;
  int partitions = 0;
};

/// There is none of that name, as yet.
Error no_topic(const std::string& name);
/// Why a topic cannot be used with so many partitions; nothing when it can.
std::optional<std::string> wrong_partitions(const TopicDescription& topic, int wanted);

/// Blocking requests, each with a deadline. Thread-safe.
class Admin {
 public:
  static Result<Admin> open(const Config& config);
  Admin(Admin&&) noexcept;
  Admin& operator=(Admin&&) noexcept;
  ~Admin();

  /// Creates it; false when it already exists (as whatever it is: describe it).
  Result<bool> create_topic(const NewTopic& topic, std::chrono::milliseconds timeout = kRequestTimeout);
  /// One entry per name, in order; without a value when there is no such topic.
  Result<std::vector<std::optional<TopicDescription>>> describe_topics(
      std::span<const std::string> names, std::chrono::milliseconds timeout = kRequestTimeout);
  /// The one of that name, which must be there: otherwise no_topic().
  Result<TopicDescription> describe_topic(const std::string& name, std::chrono::milliseconds timeout = kRequestTimeout);
  Result<void> delete_topic(const std::string& name, std::chrono::milliseconds timeout = kRequestTimeout);

  /// Those that the cluster has and that this client may see, in no order.
  Result<std::vector<std::string>> groups(std::chrono::milliseconds timeout = kRequestTimeout);
  /// -1 where the group has committed nothing.
  Result<std::vector<PartitionOffset>> group_offsets(const std::string& group,
                                                     std::span<const TopicPartition> partitions,
                                                     std::chrono::milliseconds timeout = kRequestTimeout);
  /// Only for a group without members; otherwise an Error.
  Result<void> set_group_offsets(const std::string& group, std::span<const PartitionOffset> positions,
                                 std::chrono::milliseconds timeout = kRequestTimeout);

  Result<std::vector<PartitionOffset>> begin(std::span<const TopicPartition> partitions,
                                             std::chrono::milliseconds timeout = kRequestTimeout);
  Result<std::vector<PartitionOffset>> end(std::span<const TopicPartition> partitions, Isolation isolation,
                                           std::chrono::milliseconds timeout = kRequestTimeout);

 private:
  struct Impl;
  explicit Admin(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::kafka
