// `parley inspect`: people on call see what a decider's store holds, and neither secrets nor personal texts.
#include "ops/cli/inspect/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "schemas/json.h"
#include "tests/unit/decider_memory_snapshot.h"
#include "workers/decider/partition_store.h"

namespace parley::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kPartition = decider::testing::kPartition;

/// A decider's folder with one store, in which an account was registered.
class Inspect : public ::testing::Test {
 protected:
  Inspect() {
    std::string name = (std::filesystem::temp_directory_path() / "parley-inspect-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    const store::Memory memory{store::Memory::Budget{}};
    auto opened = decider::PartitionStore::open(store_path(), memory, "events id-1, commands id-2");
    if (!opened) throw std::runtime_error(opened.error());
    decider::testing::MemoryLog log;
    decider::Batch batch(log.snapshot, kPartition, decider::testing::kPartitions, "/test");
    const auto registration = decider::testing::register_account(decider::testing::email_of_partition());
    command_ = registration.envelope.command_id;
    batch.decide(registration.input(0), Timestamp(std::chrono::milliseconds(1'800'000'000'000)));
    log.commit(std::move(batch));
    opened->write(log.snapshot.all());
    for (const auto& [subject, entry] : log.snapshot.all().streams) account_ = subject;
  }
  ~Inspect() override { std::filesystem::remove_all(folder_); }

  std::string store_path() const { return (folder_ / std::to_string(kPartition)).string(); }

  /// What is printed; the exit code must be this one, and the errors' sentence goes to `said_`.
  std::string shown(InspectOptions options, int code = 0) {
    if (options.folder.empty()) options.folder = folder_;
    std::ostringstream out, errors;
    EXPECT_EQ(inspect(options, out, errors), code) << errors.str();
    said_ = errors.str();
    return out.str();
  }

  std::filesystem::path folder_;
  std::string command_, account_, said_;
};

TEST_F(Inspect, shows_which_log_which_positions_how_many_keys_and_what_is_parked) {
  const auto text = shown({});
  EXPECT_THAT(text, AllOf(HasSubstr(store_path() + ": partition " + std::to_string(kPartition)),
                          HasSubstr("events id-1, commands id-2"), HasSubstr("decided up to offset 0"),
                          HasSubstr("streams: account"), HasSubstr("outcomes of commands"), HasSubstr("layout")));
  const auto document = json::Document::parse(shown({.json = true}), json::Strict::yes);
  ASSERT_TRUE(document);
  const auto one = document->root().member("stores").at(0);
  EXPECT_EQ(one.member("partition").integer(), kPartition);
  EXPECT_EQ(one.member("last_command").integer(), 0);
  EXPECT_EQ(shown({.folder = store_path(), .json = true}), shown({.json = true}));
}

TEST_F(Inspect, shows_a_stream_and_a_command_without_secrets_and_with_personal_texts_only_when_they_are_asked_for) {
  const auto email = HasSubstr("a@example.org"), secret = HasSubstr("sealed");
  for (const bool json : {false, true}) {
    EXPECT_THAT(shown({.stream = account_, .json = json}),
                AllOf(HasSubstr(account_), HasSubstr("password_verifier"), Not(email), Not(secret)));
    EXPECT_THAT(shown({.stream = account_, .json = json, .personal = true}), AllOf(email, Not(secret)));
    EXPECT_THAT(shown({.command = command_, .json = json}),
                AllOf(HasSubstr(command_), HasSubstr("2027-01-15"), Not(email), Not(secret)));
  }
}

TEST_F(Inspect, says_in_one_sentence_what_it_cannot_show) {
  EXPECT_EQ(shown({.stream = "dialog/9999"}, 1), "");
  EXPECT_THAT(said_, AllOf(HasSubstr("holds nothing of dialog/9999"), HasSubstr("in memory")));
  EXPECT_EQ(shown({.folder = folder_ / "none"}, 1), "");
  EXPECT_THAT(said_, HasSubstr("none is not a store: No such file or directory"));
  std::ofstream(store_path() + "/CURRENT", std::ios::trunc) << "garbled";
  EXPECT_EQ(shown({}, 1), "");
  EXPECT_THAT(said_, HasSubstr("is a broken store"));
  std::filesystem::remove(store_path() + "/CURRENT");
  EXPECT_EQ(shown({}, 1), "");
  EXPECT_EQ(said_, "parley inspect: " + store_path() + " is a broken store: its file CURRENT is missing\n");
}

}  // namespace
}  // namespace parley::cli
