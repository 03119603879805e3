// api/tail on a real broker: what it says of itself.
#include "api/tail/tail.h"

#include "platform/kafka/producer.h"
#include "tests/integration/kafka_fixture.h"

namespace parley::api {
namespace {

using kafka::testing::eventually;

class Tails : public kafka::testing::KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    name_ = topic(2);
    watch_.emplace(kafka::TopicWatch::Options{
        .kafka = config_, .topics = {name_}, .partitions = 2, .ids = {}, .period = std::chrono::milliseconds(100)});
    auto producer = kafka::Producer::open(config_, {});
    ASSERT_TRUE(producer);
    producer_.emplace(std::move(*producer));
  }
  Tail::Options options() const {
    return {.kafka = config_, .topic = name_, .partitions = 2, .from = Tail::From::begin, .thread_name = "tail"};
  }
  void write() {
    ASSERT_TRUE(
        producer_->produce({.topic = name_, .partition = 1, .key = "k", .value = "v", .headers = {}, .time = {}}, {}));
    ASSERT_TRUE(producer_->flush(std::chrono::seconds(10)));
  }
  static std::string said(const Tail& tail) {
    const auto verdict = tail.verdict();
    return verdict.readiness == health::Readiness::not_ready ? verdict.reasons.front() : "";
  }

  std::string name_;
  std::optional<kafka::TopicWatch> watch_;
  std::optional<kafka::Producer> producer_;
};

TEST_F(Tails, one_that_stands_still_says_so_within_ten_seconds_and_is_well_when_it_goes_on) {
  std::atomic<bool> hangs = true;
  std::atomic<int> seen = 0;
  Tail tail(options(), *watch_, [&](const kafka::Message&) {
    while (hangs) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ++seen;
  });
  ASSERT_TRUE(eventually([&] { return tail.caught_up(); }));
  write();
  EXPECT_TRUE(
      eventually([&] { return said(tail).find("not seen to its end") != std::string::npos; }, std::chrono::seconds(10)))
      << said(tail);
  EXPECT_FALSE(tail.caught_up());
  hangs = false;
  EXPECT_TRUE(eventually([&] { return tail.caught_up(); }));
  EXPECT_EQ(seen, 1);
}

TEST_F(Tails, a_topic_made_again_under_it_is_another_log_for_good) {
  write();
  Tail tail(options(), *watch_, [](const kafka::Message&) {});
  ASSERT_TRUE(eventually([&] { return tail.caught_up() && watch_->ends() != nullptr; }));
  ASSERT_TRUE(admin_->delete_topic(name_));
  ASSERT_TRUE(eventually([&] { return admin_->create_topic({name_, 2, 1, {}}).value_or(false); }));
  EXPECT_TRUE(eventually([&] { return said(tail).find("another log") != std::string::npos; })) << said(tail);
  EXPECT_FALSE(tail.caught_up());
}

}  // namespace
}  // namespace parley::api
