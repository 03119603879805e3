// What an owner is shown of the log, and the pages of a past.
#include <gtest/gtest.h>

#include "api/surfaces/replyx/messages.h"
#include "api/surfaces/replyx/time_travel.h"
#include "domain/parking/parking.h"

namespace parley::replyx {
namespace {

std::optional<std::string> shown(const Event& event) {
  const auto encoded = schema::encode_event(event);
  schema::Envelope e;
  e.type = encoded.type;
  return data_for_owner({e, encoded.json, 0, 0});
}

TEST(DataForOwner, has_what_visitors_said_and_not_what_operators_of_the_system_did) {
  EXPECT_EQ(shown(dialogs::Event{dialogs::MessageCreated{{3}, dialogs::Sender::user, {"hi"}, {}}}),
            R"({"message_id":3,"sender":"user","text":"hi"})");
  EXPECT_FALSE(shown(parking::Event{parking::Parked{"c", 1, "f", "reason"}}));
  EXPECT_FALSE(shown(parking::Event{parking::Unparked{parking::Action::skip, "reason", {}, {}}}));
  schema::Envelope unknown;
  unknown.type = "parley.dialog.from_the_future.v1";
  EXPECT_FALSE(data_for_owner({unknown, "{}", 0, 0}));
}

std::vector<projections::MessageRow> rows(std::int64_t first, std::int64_t last) {
  std::vector<projections::MessageRow> out;
  for (auto version = first; version <= last; ++version)
    out.push_back(
        {.id = {version}, .version = version, .sender = "user", .text = {}, .operator_name = {}, .created_at = {}});
  return out;
}
std::vector<std::int64_t> ids(const Messages& page) {
  std::vector<std::int64_t> out;
  for (const auto& m : page.messages) out.push_back(m.id.value);
  return out;
}

TEST(PageOf, is_the_latest_messages_or_those_above_a_version) {
  const auto latest = page_of(rows(2, 6), 2, {});
  EXPECT_EQ(ids(latest), (std::vector<std::int64_t>{5, 6}));
  EXPECT_TRUE(latest.has_more);
  EXPECT_EQ(latest.version, 6);
  const auto next = page_of(rows(2, 6), 2, 3);
  EXPECT_EQ(ids(next), (std::vector<std::int64_t>{4, 5}));
  EXPECT_TRUE(next.has_more);
  EXPECT_EQ(next.version, 5);
  const auto end = page_of(rows(2, 6), 2, 6);
  EXPECT_TRUE(end.messages.empty());
  EXPECT_FALSE(end.has_more);
  EXPECT_EQ(end.version, 6);
  EXPECT_FALSE(page_of(rows(2, 6), 5, {}).has_more);
}
TEST(PageOf, goes_back_from_its_first_message) {
  const auto latest = page_of(rows(2, 6), 2, {});
  EXPECT_EQ(latest.first_version, 5);
  const auto before = page_of(rows(2, 6), 2, {}, latest.first_version);
  EXPECT_EQ(ids(before), (std::vector<std::int64_t>{3, 4}));
  EXPECT_TRUE(before.has_more);
  const auto first = page_of(rows(2, 6), 2, {}, before.first_version);
  EXPECT_EQ(ids(first), std::vector<std::int64_t>{2});
  EXPECT_FALSE(first.has_more);
  EXPECT_EQ(page_of(rows(2, 6), 2, {}, 2).first_version, 0);
}

TEST(PageOf, ends_early_where_messages_are_long_and_says_that_there_are_more) {
  auto long_ones = rows(2, 40);
  for (auto& row : long_ones) row.text.text = std::string(1 << 20, 'x');
  const auto latest = page_of(long_ones, 1'000, {});
  EXPECT_EQ(latest.messages.size(), 7U);
  EXPECT_EQ(latest.messages.back().id.value, 40);
  EXPECT_TRUE(latest.has_more);
  const auto before = page_of(long_ones, 1'000, {}, latest.first_version);
  EXPECT_EQ(before.messages.back().id.value, latest.first_version - 1);
  const auto after = page_of(long_ones, 1'000, 4);
  EXPECT_EQ(after.messages.front().id.value, 5);
  EXPECT_EQ(after.version, 11);
  EXPECT_TRUE(after.has_more);
  for (auto& row : long_ones) row.text.text = std::string(2 << 20, '\x01');  // six bytes each, as JSON
  EXPECT_EQ(page_of(long_ones, 1'000, {}).messages.size(), 1U) << "one comes whatever it has";
}

}  // namespace
}  // namespace parley::replyx
