// `parley topics` against a real broker.
#include <gtest/gtest.h>

#include "ops/cli/topics.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/topic_watch.h"
#include "platform/kafka/transactional_producer.h"
#include "tests/integration/event_log.h"
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

TEST_F(Topics, do_not_put_an_empty_topic_of_commands_beside_events) {
  ASSERT_EQ(cli::topics(options_), 0);
  auto producer = Producer::open(config_, {});
  ASSERT_TRUE(producer);
  ASSERT_TRUE(producer->produce(
      {.topic = topics_[1], .partition = 1, .key = "k", .value = "v", .headers = {}, .time = {}}, {}));
  ASSERT_TRUE(producer->flush(kTestDeadline));
  ASSERT_TRUE(admin_->delete_topic(topics_[0]));
  EXPECT_TRUE(eventually([&] {
    const auto found = admin_->describe_topics(topics_);
    return found && !found->front();
  }));
  EXPECT_EQ(cli::topics(options_), 1);
  const auto found = admin_->describe_topics(topics_);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->front());
}

TEST_F(Topics, make_a_lost_directory_again_out_of_the_events) {
  ASSERT_EQ(cli::topics(options_), 0);
  auto producer = TransactionalProducer::open(config_, {.transactional_id = options_.prefix});
  ASSERT_TRUE(producer && producer->init(kTestDeadline));
  ASSERT_TRUE(producer->begin());
  parley::testing::EventLog log;
  for (int i = 1; i <= 3; ++i) {
    const auto event = log.event({parley::Kind::account, parley::kSlots + i * (parley::kSlots / 4)},
                                 parley::testing::registered(std::to_string(i)));
    const auto fields = schema::to_headers(event.envelope);
    std::vector<Header> headers;
    for (const auto& [name, value] : fields) headers.push_back({name, value});
    ASSERT_TRUE(producer->produce({.topic = topics_[1],
                                   .partition = i,
                                   .key = event.envelope.subject,
                                   .value = event.value,
                                   .headers = headers,
                                   .time = {}}));
  }
  ASSERT_TRUE(producer->flush(kTestDeadline) && producer->commit(kTestDeadline));
  for (int run = 0; run < 2; ++run) {
    ASSERT_EQ(cli::topics(options_), 0);
    auto reader = consumer();
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(read(reader, topics_[3], 1, i).front().key(), "account_email/index");
    const std::vector<TopicPartition> third{{topics_[3], 3}};
    EXPECT_EQ(reader.end(third, Isolation::read_committed)->front().offset, 1) << "filled once";
  }
}

TEST_F(Topics, are_watched_for_what_is_made_again_under_the_same_name) {
  ASSERT_EQ(cli::topics(options_), 0);
  const std::vector<std::string> watched{topics_[1], topics_[2]};
  TopicWatch watch({.kafka = config_, .topics = watched, .partitions = 4, .period = std::chrono::milliseconds(50)});
  ASSERT_TRUE(eventually([&] { return watch.ends() != nullptr; }));
  EXPECT_EQ(watch.id(topics_[1]), (*admin_->describe_topics(watched)).front()->id);
  EXPECT_EQ(watch.ends()->offsets.size(), 8u);
  EXPECT_FALSE(watch.another_log());
  ASSERT_TRUE(admin_->delete_topic(topics_[2]));
  ASSERT_TRUE(eventually([&] { return watch.trouble().find(topics_[2]) != std::string::npos; }));
  EXPECT_FALSE(watch.another_log());
  ASSERT_TRUE(eventually([&] { return admin_->create_topic({topics_[2], 4, 1, {}}).value_or(false); }));
  ASSERT_TRUE(eventually([&] { return watch.another_log().has_value(); }));
  EXPECT_NE(watch.another_log()->find(topics_[2]), std::string::npos);

  TopicWatch other({.kafka = config_, .topics = watched, .partitions = 5, .period = std::chrono::milliseconds(50)});
  ASSERT_TRUE(eventually([&] { return other.another_log().has_value(); }));
  EXPECT_NE(other.another_log()->find("--partitions says 5 (PARLEY_PARTITIONS=4)"), std::string::npos);
}

}  // namespace
}  // namespace parley::kafka::testing
