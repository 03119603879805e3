#include "api/commands/key_uses.h"

#include <gtest/gtest.h>

#include <vector>

namespace parley::api {
namespace {

using namespace std::chrono_literals;

constexpr ApiClient kOne{ApiKeyId{1025}, AccountId{2049}}, kOther{ApiKeyId{3073}, AccountId{2049}};
constexpr Timestamp kHour{std::chrono::hours{490'000}};

struct Sent {
  schema::CommandEnvelope envelope;
  Dispatcher::Done done;
};
struct KeyUsesTest : testing::Test {
  std::vector<Sent> sent;
  KeyUses::Send send = [this](const schema::CommandEnvelope& envelope, const Command&, Dispatcher::Done done) {
    sent.push_back({envelope, std::move(done)});
  };
  KeyUses uses{send};
};

TEST_F(KeyUsesTest, are_told_once_for_each_key_in_an_hour) {
  for (const auto after : {0ms, 1ms, 59min + 59s + 0ms}) uses.note(kOne, kHour + after);
  EXPECT_EQ(sent.size(), 1U);
  uses.note(kOther, kHour);
  EXPECT_EQ(sent.size(), 2U);
  uses.note(kOne, kHour + 60min);
  EXPECT_EQ(sent.size(), 3U);
}
TEST_F(KeyUsesTest, are_one_command_whichever_process_tells_them) {
  KeyUses elsewhere(send);
  uses.note(kOne, kHour + 1min);
  elsewhere.note(kOne, kHour + 59min);
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].envelope.command_id, sent[1].envelope.command_id);
  EXPECT_EQ(sent[0].envelope.fingerprint, sent[1].envelope.fingerprint);
  uses.note(kOne, kHour + 60min);
  uses.note(kOther, kHour);
  EXPECT_NE(sent[2].envelope.command_id, sent[0].envelope.command_id);
  EXPECT_NE(sent[3].envelope.command_id, sent[0].envelope.command_id);
}
TEST_F(KeyUsesTest, are_told_to_the_account_by_the_key) {
  uses.note(kOne, kHour);
  EXPECT_EQ(sent[0].envelope.principal, Principal{kOne});
  EXPECT_EQ(std::get<Stream>(sent[0].envelope.target), (Stream{Kind::account, 2049}));
  EXPECT_EQ(sent[0].envelope.slot, slot_of(2049));
}
TEST_F(KeyUsesTest, that_could_not_be_told_are_told_again_and_not_at_once) {
  uses.note(kOne, kHour);
  sent[0].done({std::unexpected(Error{kUnavailable, {}})});
  uses.note(kOne, kHour + kTellAgainAfter - 1ms);
  EXPECT_EQ(sent.size(), 1U);
  uses.note(kOne, kHour + kTellAgainAfter);
  ASSERT_EQ(sent.size(), 2U);
  sent[1].done({schema::Outcome{}});
  uses.note(kOne, kHour + 59min);
  EXPECT_EQ(sent.size(), 2U);
}
TEST_F(KeyUsesTest, take_no_more_memory_than_they_may) {
  KeyUses two(send, 2);
  const ApiClient third{ApiKeyId{5121}, AccountId{2049}};
  for (const auto& who : {kOne, kOther, kOne, kOther}) two.note(who, kHour);
  EXPECT_EQ(sent.size(), 2U);
  two.note(third, kHour);
  two.note(third, kHour);
  EXPECT_EQ(sent.size(), 3U);
  two.note(kOne, kHour);
  EXPECT_EQ(sent.size(), 4U) << "it was forgotten with the others";
}

}  // namespace
}  // namespace parley::api
