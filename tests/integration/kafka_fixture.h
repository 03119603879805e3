#pragma once
// What tests on a real broker share: where it is, topics of their own, waiting for a condition.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "platform/kafka/admin.h"
#include "platform/kafka/config.h"
#include "platform/kafka/consumer.h"

namespace parley::kafka::testing {

inline constexpr std::chrono::seconds kTestDeadline{30};

/// Calls `condition` until it is true or the deadline has passed; the pause bounds its cost and decides nothing.
inline bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds timeout = kTestDeadline) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

/// A name that no other test and no other run uses.
inline std::string unique_name(const std::string& stem) {
  static std::atomic<int> number{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return stem + "-" + std::to_string(getpid()) + "-" +
         std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) + "-" +
         std::to_string(number++);
}

/// Needs the broker that PARLEY_TEST_KAFKA names (host:port).
class KafkaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* brokers = std::getenv("PARLEY_TEST_KAFKA");
    if (brokers == nullptr) GTEST_SKIP() << "PARLEY_TEST_KAFKA is not set";
    config_.brokers = brokers;
    auto admin = Admin::open(config_);
    ASSERT_TRUE(admin) << admin.error().text;
    admin_.emplace(std::move(*admin));
  }
  void TearDown() override {
    for (const auto& topic : topics_) admin_->delete_topic(topic);
  }

  /// Creates a topic that is deleted at the end.
  std::string topic(int partitions = 1, std::map<std::string, std::string> config = {}) {
    NewTopic wanted{unique_name("test"), partitions, 1, std::move(config)};
    auto created = admin_->create_topic(wanted);
    EXPECT_TRUE(created && *created) << (created ? "exists" : created.error().text);
    topics_.push_back(wanted.name);
    return wanted.name;
  }
  /// Reads a partition from its start until `count` records are there.
  std::vector<Message> read(Consumer& consumer, const std::string& name, std::size_t count,
                            std::int32_t partition = 0) {
    std::vector<Message> out;
    const PartitionOffset start{{name, partition}, 0};
    EXPECT_TRUE(consumer.assign(std::span(&start, 1)));
    eventually([&] {
      static_cast<void>(consumer.poll(out, count - out.size(), std::chrono::milliseconds(50)));
      return out.size() >= count;
    });
    EXPECT_EQ(out.size(), count);
    return out;
  }
  Consumer consumer(Isolation isolation = Isolation::read_committed) {
    Consumer::Options options;
    options.isolation = isolation;
    auto opened = Consumer::open(config_, options);
    EXPECT_TRUE(opened) << opened.error().text;
    return std::move(*opened);
  }

  Config config_;
  std::optional<Admin> admin_;
  std::vector<std::string> topics_;
};

}  // namespace parley::kafka::testing
