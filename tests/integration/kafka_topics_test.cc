// `parley topics` against a real broker.
#include <gtest/gtest.h>

#include "ops/cli/topics.h"
#include "tests/integration/kafka_fixture.h"

namespace parley::kafka::testing {
namespace {

class Topics : public KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    options_ = {config_, unique_name("topics"), 4, 1};
    for (const char* name : {"commands", "events", "replies", "directory", "dead-letters", "signals"})
      topics_.push_back(options_.prefix + "." + name);
  }
  std::vector<PartitionOffset> positions() {
    std::vector<TopicPartition> all;
    for (int i = 0; i < 4; ++i) all.push_back({topics_[0], i});
    auto found = admin_->group_offsets(options_.prefix + ".decider", all);
    EXPECT_TRUE(found) << found.error().text;
    return found ? *found : std::vector<PartitionOffset>{};
  }
  cli::TopicsOptions options_;
};

TEST_F(Topics, creates_what_is_missing_and_a_second_run_changes_nothing) {
  ASSERT_EQ(cli::topics(options_), 0);
  auto first = admin_->describe_topics(topics_);
  ASSERT_TRUE(first);
  for (const auto& topic : *first) {
    ASSERT_TRUE(topic);
    EXPECT_EQ(topic->partitions, topic->name.ends_with(".signals") ? 4 : options_.partitions) << topic->name;
  }
  ASSERT_EQ(cli::topics(options_), 0);
  auto second = admin_->describe_topics(topics_);
  ASSERT_TRUE(second);
  for (std::size_t i = 0; i < topics_.size(); ++i) EXPECT_EQ((*first)[i]->id, (*second)[i]->id);
}

TEST_F(Topics, write_the_deciders_first_positions_and_never_move_one) {
  ASSERT_EQ(cli::topics(options_), 0);
  for (const auto& position : positions()) EXPECT_EQ(position.offset, 0);
  const PartitionOffset moved{{topics_[0], 2}, 17};
  ASSERT_TRUE(admin_->set_group_offsets(options_.prefix + ".decider", std::span(&moved, 1)));
  ASSERT_EQ(cli::topics(options_), 0);
  EXPECT_EQ(positions()[2].offset, 17);
}

TEST_F(Topics, another_partition_count_stops_and_says_so) {
  ASSERT_EQ(cli::topics(options_), 0);
  options_.partitions = 8;
  EXPECT_EQ(cli::topics(options_), 1);
}

}  // namespace
}  // namespace parley::kafka::testing
