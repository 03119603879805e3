// The loop of workers/runtime, with members on a real broker.
#include <mutex>
#include <set>
#include <stdexcept>

#include "platform/kafka/producer.h"
#include "platform/kafka/read_through.h"
#include "tests/integration/kafka_fixture.h"
#include "workers/runtime/group_member.h"
#include "workers/runtime/log_mismatch.h"

namespace parley::runtime {
namespace {

using namespace std::chrono_literals;
using health::Readiness;
using kafka::testing::eventually;

constexpr int kPartitions = 4;

/// Notes which records it was given, and keeps its positions in the group; on a thread of its own.
class Noting final : public Worker {
 public:
  explicit Noting(const MemberOptions& options)
      : member_(options, {{"test_runtime_owned", "Owned"}, {"test_runtime_lag", "Lag"}, options.partitions}) {}
  ~Noting() override { end(); }

  void start() {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      try {
        const auto ended = member_.run(*this, stop);
        reason_ = ended ? "" : ended.error();
      } catch (const std::exception& thrown) {
        reason_ = thrown.what();
      }
      over_ = true;
    });
  }
  std::string end() {
    thread_.request_stop();
    return ending();
  }
  std::string ending() {
    if (thread_.joinable()) thread_.join();
    return reason_;
  }
  bool is_over() const { return over_; }
  bool says(const std::string& text) const {
    const auto verdict = member_.health().verdict();
    return !verdict.reasons.empty() && verdict.reasons.front().find(text) != std::string::npos;
  }
  bool is_ready() const { return member_.health().verdict().readiness == Readiness::ready; }
  std::multiset<std::string> noted() const {
    const std::lock_guard lock(mutex_);
    return noted_;
  }

  std::expected<bool, std::string> on_start(const std::stop_token& stop) override {
    return in_group_ ? member_.await_positions(stop) : true;
  }
  std::expected<bool, std::string> on_assigned() override {
    next_.clear();
    for (const auto& one : member_.assigned()) next_[one.partition] = 0;
    if (!in_group_) return true;
    auto committed = member_.committed();
    if (!committed) return std::unexpected(committed.error());
    if (!*committed) return false;
    next_ = **committed;
    if (auto delivering = member_.deliver(); !delivering) return std::unexpected(delivering.error());
    return true;
  }
  void on_revoked() override { next_.clear(); }
  std::expected<bool, std::string> turn(std::vector<kafka::Message>& records) override {
    for (const auto& record : records) {
      next_.at(record.partition()) = record.offset() + 1;
      const std::lock_guard lock(mutex_);
      noted_.emplace(record.value());
    }
    if (breaks_) throw std::runtime_error("broken");
    if (in_group_) member_.commit(next_);
    return !is_done_;
  }
  std::map<int, std::int64_t> positions() const override { return next_; }
  Poll next_poll() const override { return {.wait = 20ms, .records_max = 100}; }
  void on_stopped() override {
    if (in_group_) member_.commit(next_, true);
  }

  std::atomic<bool> breaks_ = false;
  std::atomic<bool> is_done_ = false;
  bool in_group_ = true;

 private:
  GroupMember member_;
  std::map<int, std::int64_t> next_;
  mutable std::mutex mutex_;
  std::multiset<std::string> noted_;
  std::string reason_;
  std::atomic<bool> over_ = false;
  std::jthread thread_;
};

class RuntimeTest : public kafka::testing::KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped()) return;
    topic_ = topic(kPartitions);
    auto opened = kafka::Producer::open(config_, {});
    ASSERT_TRUE(opened);
    producer_.emplace(std::move(*opened));
  }
  /// Without an instance: a member that leaves the group gives its partitions back at once.
  MemberOptions options() const {
    return {.kafka = config_,
            .group = topic_ + ".group",
            .instance = "",
            .topic = topic_,
            .partitions = kPartitions,
            .session_timeout = 30s,
            .doing = "noting"};
  }
  void begin_at_the_start() {
    std::vector<kafka::PartitionOffset> first;
    for (const auto& one : kafka::every_partition(topic_, kPartitions)) first.push_back({one, 0});
    ASSERT_TRUE(eventually([&] { return admin_->set_group_offsets(options().group, first).has_value(); }))
        << "its coordinator may still be coming";
  }
  void write(int from, int to) {
    std::atomic<int> written = 0;
    for (int i = from; i < to; ++i) {
      const auto value = std::to_string(i);
      ASSERT_TRUE(producer_->produce({.topic = topic_,
                                      .partition = i % kPartitions,
                                      .key = "k",
                                      .value = value,
                                      .headers = {},
                                      .time = std::nullopt},
                                     [&](const kafka::Result<std::int64_t>& at) { written += at ? 1 : 0; }));
    }
    ASSERT_TRUE(eventually([&] { return written == to - from; }));
  }

  std::string topic_;
  std::optional<kafka::Producer> producer_;
};

TEST_F(RuntimeTest, members_share_the_partitions_and_one_that_comes_goes_on_where_the_last_has_stopped) {
  begin_at_the_start();
  write(0, 40);
  {
    Noting one(options()), two(options());
    one.start();
    two.start();
    ASSERT_TRUE(eventually([&] { return one.says("noting 2 partitions") && two.says("noting 2 partitions"); }));
    std::set<std::string> all;
    ASSERT_TRUE(eventually([&] {
      for (const auto& noted : {one.noted(), two.noted()}) all.insert(noted.begin(), noted.end());
      return all.size() == 40;
    }));
    EXPECT_EQ(one.end(), "");
    EXPECT_EQ(two.end(), "");
  }
  write(40, 50);
  Noting next(options());
  next.start();
  ASSERT_TRUE(eventually([&] { return next.noted().size() >= 10; }));
  EXPECT_EQ(next.end(), "");
  EXPECT_EQ(next.noted(), (std::multiset<std::string>{"40", "41", "42", "43", "44", "45", "46", "47", "48", "49"}));
}

TEST_F(RuntimeTest, a_worker_that_throws_leaves_the_group_and_another_has_its_partitions_at_once) {
  begin_at_the_start();
  Noting broken(options());
  broken.start();
  ASSERT_TRUE(eventually([&] { return broken.is_ready(); }));
  broken.breaks_ = true;
  EXPECT_EQ(broken.ending(), "broken");
  Noting other(options());
  other.start();
  EXPECT_TRUE(eventually([&] { return other.says("noting 4 partitions"); }, 20s));  // the session lasts longer
}

TEST_F(RuntimeTest, a_group_without_positions_halts_it_and_it_says_so_until_it_is_told_to_stop) {
  auto lingering = options();
  lingering.halt_linger = 5min;
  Noting lost(lingering);
  lost.start();
  EXPECT_TRUE(eventually([&] { return lost.says("has no position"); }));
  EXPECT_FALSE(lost.is_over());
  EXPECT_NE(lost.end().find("has no position"), std::string::npos);
}

TEST_F(RuntimeTest, a_topic_made_again_under_it_is_another_log) {
  begin_at_the_start();
  Noting noting(options());
  noting.start();
  ASSERT_TRUE(eventually([&] { return noting.is_ready(); }));
  ASSERT_TRUE(admin_->delete_topic(topic_));
  ASSERT_TRUE(eventually([&] {
    const auto created = admin_->create_topic({topic_, kPartitions, 1, {}});
    return created && *created;
  }));
  ASSERT_TRUE(eventually([&] { return noting.is_over(); }));
  EXPECT_TRUE(noting.ending().starts_with("another log: ")) << noting.ending();
  EXPECT_TRUE(noting.says("another log: "));
}

TEST_F(RuntimeTest, without_a_group_it_has_all_partitions_and_ends_when_its_work_is_done) {
  auto alone = options();
  alone.group.clear();
  Noting noting(alone);
  noting.in_group_ = false;
  noting.start();
  EXPECT_TRUE(eventually([&] { return noting.says("noting 4 partitions"); }));
  noting.is_done_ = true;
  EXPECT_EQ(noting.ending(), "");
}

}  // namespace
}  // namespace parley::runtime
