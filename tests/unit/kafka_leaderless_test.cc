// A client that has nothing assigned, on librdkafka's own mock cluster: partitions without a leader come back without
// its doing anything.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <chrono>
#include <memory>

#include "platform/kafka/admin.h"

namespace parley::kafka {
namespace {

constexpr const char* kTopic = "parley.events";
constexpr std::chrono::seconds kWait{2};

class Leaderless : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<char, 512> error{};
    host_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error.data(), error.size()));
    ASSERT_TRUE(host_) << error.data();
    cluster_.reset(rd_kafka_mock_cluster_new(host_.get(), 1));
    ASSERT_TRUE(cluster_);
    ASSERT_EQ(rd_kafka_mock_topic_create(cluster_.get(), kTopic, 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  void leader(int broker) {
    ASSERT_EQ(rd_kafka_mock_partition_set_leader(cluster_.get(), kTopic, 0, broker), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  struct Destroy {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
    void operator()(rd_kafka_mock_cluster_t* cluster) const { rd_kafka_mock_cluster_destroy(cluster); }
  };
  std::unique_ptr<rd_kafka_t, Destroy> host_;
  std::unique_ptr<rd_kafka_mock_cluster_t, Destroy> cluster_;
};

TEST_F(Leaderless, ends_are_told_again_as_soon_as_there_is_a_leader) {
  auto admin = Admin::open({.brokers = rd_kafka_mock_cluster_bootstraps(cluster_.get()), .properties = {}});
  ASSERT_TRUE(admin) << admin.error().text;
  const std::array partitions{TopicPartition{kTopic, 0}};
  const auto end = [&] { return admin->end(partitions, Isolation::read_uncommitted, kWait); };
  ASSERT_TRUE(end());
  leader(-1);
  ASSERT_FALSE(end());  // it takes note that there is none
  auto none = end();
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().retryable) << none.error().text;
  leader(1);
  for (int attempts = 0; !none && attempts < 3; ++attempts) none = end();
  EXPECT_TRUE(none) << none.error().text;
}

}  // namespace
}  // namespace parley::kafka
