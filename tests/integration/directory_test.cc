// api/directory on a real broker: what it knows when entries go, change and pass on.
#include "api/directory/directory.h"

#include <gmock/gmock.h>

#include <mutex>

#include "api/commands/creations.h"
#include "platform/kafka/producer.h"
#include "tests/integration/kafka_fixture.h"

namespace parley::api {
namespace {

using kafka::testing::eventually;

constexpr int kPartitions = 2;
constexpr AssistantId kFirst{1024 + 3}, kSecond{1024 + 700};  // of either partition
constexpr AccountId kOwner{2048 + 5};

class Directories : public kafka::testing::KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    prefix_ = kafka::testing::unique_name("test");
    const auto name = prefix_ + ".directory";
    ASSERT_TRUE(admin_->create_topic({name, kPartitions, 1, {}}).value_or(false));
    topics_.push_back(name);
    watch_.emplace(kafka::TopicWatch::Options{.kafka = config_,
                                              .topics = {name},
                                              .partitions = kPartitions,
                                              .ids = {},
                                              .period = std::chrono::milliseconds(100)});
    auto producer = kafka::Producer::open(config_, {});
    ASSERT_TRUE(producer);
    producer_.emplace(std::move(*producer));
  }
  void TearDown() override {
    directory_.reset();
    KafkaTest::TearDown();
  }
  Directory& start() {
    directory_.emplace(Directory::Options{.kafka = config_, .topic_prefix = prefix_, .partitions = kPartitions},
                       *watch_);
    return *directory_;
  }
  /// A site's entry, or a tombstone.
  void write(int partition, const std::string& token, const std::optional<schema::SiteEntry>& site) {
    write(partition, schema::kSiteTokenPrefix, token, site);
  }
  template <class Entry>
  void write(int partition, std::string_view prefix, const std::string& name, const std::optional<Entry>& entry) {
    const auto key = std::string(prefix) + name;
    const auto value = entry ? std::optional(schema::write(*entry)) : std::nullopt;
    ASSERT_TRUE(producer_->produce({.topic = prefix_ + ".directory",
                                    .partition = partition,
                                    .key = key,
                                    .value = value,
                                    .headers = {},
                                    .time = {}},
                                   {}));
    ASSERT_TRUE(producer_->flush(std::chrono::seconds(10)));
  }
  /// Everything that was written before is known.
  bool knows_all(const Directory& directory) {
    const auto now = std::chrono::steady_clock::now();
    return eventually([&] { return directory.complete_as_of() >= now; });
  }
  static schema::SiteEntry site(AssistantId assistant) { return {assistant, kOwner, true, {}, {}}; }

  std::string prefix_;
  std::optional<kafka::TopicWatch> watch_;
  std::optional<kafka::Producer> producer_;
  std::optional<Directory> directory_;
};

TEST_F(Directories, AnAssistantIsFoundUnderItsNewTokenAndNotUnderTheOld) {
  write(0, "old", site(kFirst));
  auto& directory = start();
  ASSERT_TRUE(knows_all(directory));
  EXPECT_TRUE(directory.site("old"));
  write(0, "old", std::nullopt);
  write(0, "new", site(kFirst));
  ASSERT_TRUE(eventually([&] { return directory.site("new").has_value(); }));
  EXPECT_FALSE(directory.site("old"));
  ASSERT_TRUE(directory.site_of(kFirst));
  EXPECT_EQ(directory.site_of(kFirst)->assistant, kFirst);
  write(0, "new", std::nullopt);
  EXPECT_TRUE(eventually([&] { return !directory.site("new"); }));
  EXPECT_FALSE(directory.site_of(kFirst));
}

TEST_F(Directories, AnOwnersAssistantsAreCountedOverNewTokensOldOnesAndBothPartitions) {
  const auto count = [&](std::span<const std::string> coming = {}) {
    return directory_->assistants_of(kOwner, coming);
  };
  write(0, "a", site(kFirst));
  write(1, "b", site(kSecond));
  write(1, "others", schema::SiteEntry{AssistantId{2048 + 700}, AccountId{2048 + 6}, true, {}, {}});
  ASSERT_TRUE(knows_all(start()));
  EXPECT_EQ(count(), 2U);
  const std::string coming[] = {"a", "c", "d"};
  EXPECT_EQ(count(coming), 4U) << "those that are known are not counted twice";
  write(0, "a", schema::SiteEntry{kFirst, kOwner, false, {"example.com"}, false});  // changed, switched off
  ASSERT_TRUE(knows_all(*directory_));
  EXPECT_EQ(count(), 2U);
  write(0, "c", site(kFirst));  // another token
  ASSERT_TRUE(knows_all(*directory_));
  EXPECT_EQ(count(), 2U);
  write(0, "a", std::nullopt);
  ASSERT_TRUE(knows_all(*directory_));
  EXPECT_EQ(count(), 2U);
  write(0, "c", std::nullopt);
  write(1, "b", std::nullopt);
  ASSERT_TRUE(knows_all(*directory_));
  EXPECT_EQ(count(), 0U);
}

TEST_F(Directories, CreationsUnderWayCountUntilTheDirectoryKnowsTheirAssistants) {
  write(0, "a", site(kFirst));
  auto& directory = start();
  ASSERT_TRUE(knows_all(directory));
  Creations creations(directory, 3);
  EXPECT_TRUE(creations.is_near_limit(kOwner));
  auto one = creations.take(kOwner, "c1", "t1"), again = creations.take(kOwner, "c1", "t1 again"),
       other = creations.take(kOwner, "c2", "b");
  EXPECT_TRUE(one && again && other);
  EXPECT_FALSE(creations.take(kOwner, "c3", "t3"));
  EXPECT_TRUE(creations.take(kOwner, "c1", "t1 again")) << "a command that is sent again has its place";
  EXPECT_TRUE(creations.take(AccountId{2048 + 6}, "c3", "t3")) << "another owner's";
  again.reset();
  EXPECT_FALSE(creations.take(kOwner, "c3", "t3")) << "it is still sent once";
  one.reset();  // refused
  auto third = creations.take(kOwner, "c3", "t3");
  EXPECT_TRUE(third);
  third.reset();
  write(1, "b", site(kSecond));  // what the second has created
  ASSERT_TRUE(knows_all(directory));
  third = creations.take(kOwner, "c3", "t3");
  EXPECT_TRUE(third) << "it does not count twice";
  other.reset();
  EXPECT_FALSE(creations.take(kOwner, "c4", "t4"));
}

TEST_F(Directories, AnApiKeyIsKnownByItsDigestUntilItIsRevoked) {
  const ApiKeyId one{1024 + 3}, other{2048 + 3};
  const auto write_key = [&](const char* digest, const std::optional<schema::ApiKeyEntry>& entry) {
    write(0, schema::kApiKeyPrefix, digest, entry);
  };
  write_key("d1", schema::ApiKeyEntry{kOwner, one, {accounts::Scope{"dialogs:read"}}});
  write_key("d2", schema::ApiKeyEntry{kOwner, other, {accounts::Scope{"dialogs:write"}}});
  auto& directory = start();
  ASSERT_TRUE(knows_all(directory));
  ASSERT_TRUE(directory.api_key("d1"));
  EXPECT_EQ(directory.api_key("d1")->key, one);
  EXPECT_EQ(directory.api_key("d1")->account, kOwner);
  EXPECT_EQ(directory.api_key("d1")->scopes, std::vector{accounts::Scope{"dialogs:read"}});
  EXPECT_TRUE(directory.has_api_key(one));
  EXPECT_FALSE(directory.api_key("d3"));
  write_key("d1", std::nullopt);
  ASSERT_TRUE(eventually([&] { return !directory.api_key("d1"); }));
  EXPECT_FALSE(directory.has_api_key(one));
  EXPECT_TRUE(directory.api_key("d2"));
  EXPECT_TRUE(directory.has_api_key(other));
}

TEST_F(Directories, ATombstoneTakesAwayWhatItsOwnPartitionSaidAndNothingElse) {
  // The key has passed from the first to the second. Here the partition that has it now is read before the other one.
  write(1, "passed on", site(kSecond));
  auto& directory = start();
  ASSERT_TRUE(knows_all(directory));
  write(0, "passed on", site(kFirst));
  write(0, "passed on", std::nullopt);
  ASSERT_TRUE(knows_all(directory));
  ASSERT_TRUE(directory.site("passed on"));
  EXPECT_EQ(directory.site("passed on")->assistant, kSecond);
  EXPECT_TRUE(directory.site_of(kSecond));
  EXPECT_FALSE(directory.site_of(kFirst));
}

TEST_F(Directories, SaysWhichSitesHaveClosedToTheirVisitorsAndWhy) {
  write(0, "t1", site(kFirst));
  write(1, "t2", site(kSecond));
  auto& directory = start();
  ASSERT_TRUE(knows_all(directory));
  std::mutex mutex;
  std::vector<std::pair<AssistantId, Code>> closed;
  directory.on_site_closed([&](AssistantId assistant, Code code) {
    const std::lock_guard lock(mutex);
    closed.emplace_back(assistant, code);
  });
  auto other = site(kFirst);
  other.allowed_domains = {"example.com"};
  write(0, "t1", other);
  other.is_active = false;
  write(0, "t1", other);
  write(0, "t1", std::nullopt);
  other = site(kSecond);
  other.website_integration = false;
  write(1, "t2", other);
  ASSERT_TRUE(knows_all(directory));
  directory.on_site_closed({});
  write(1, "t2", std::nullopt);
  ASSERT_TRUE(knows_all(directory));
  EXPECT_THAT(closed, ::testing::UnorderedElementsAre(std::pair(kFirst, kAssistantInactive),
                                                      std::pair(kFirst, kNotAuthenticated),
                                                      std::pair(kSecond, kInsufficientPermissions)));
}

}  // namespace
}  // namespace parley::api
