#include "domain/model.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "domain/accounts/accounts.h"
#include "domain/parking/parking.h"

namespace parley {
namespace {

TEST(Streams, are_written_and_read_back) {
  const Stream dialog{Kind::dialog, 1387};
  EXPECT_EQ(to_string(dialog), "dialog/1387");
  EXPECT_EQ(parse_stream("dialog/1387"), dialog);
}
TEST(Streams, text_that_names_none_is_none) {
  for (const auto* text : {"", "dialog", "dialog/", "dialog/0", "dialog/-1", "dialog/01", "dialog/1x",
                           "dialog/9007199254740992", "room/1", "/1"})
    EXPECT_FALSE(parse_stream(text)) << text;
}
TEST(Principals, are_written_and_read_back) {
  for (const Principal& p :
       {Principal{Anonymous{}}, Principal{Owner{AccountId{5}}}, Principal{Operator{AccountId{7}, AccountId{5}}},
        Principal{Admin{AccountId{8}}}, Principal{Visitor{AssistantId{6}}}, Principal{ConsoleOperator{}},
        Principal{ApiClient{ApiKeyId{9}, AccountId{5}}}})
    EXPECT_EQ(parse_principal(to_string(p)), p);
  for (const auto* text : {"root/1", "api_key/9", "api_key/9/", "api_key//5", "api_key/0/5", "api_key/9/5/1"})
    EXPECT_FALSE(parse_principal(text)) << text;
}
TEST(Routing, slots_spread_over_all_partitions_evenly) {
  std::vector<int> slots(16);
  for (int slot = 0; slot < kSlots; ++slot) ++slots.at(static_cast<std::size_t>(partition_of(slot, 16)));
  EXPECT_EQ(slots, std::vector<int>(16, 64));
}
TEST(Model, an_event_or_command_of_another_kind_is_a_broken_invariant) {
  IdSource ids;
  Context context{Anonymous{}, {}, 1, ids};
  const Event logged_in = accounts::Event{accounts::LoggedIn{}};
  const Command log_in = accounts::Command{accounts::LogIn{true}};
  EXPECT_THROW(evolve(initial_state(Kind::dialog), logged_in, {}), std::logic_error);
  EXPECT_THROW(decide(initial_state(Kind::dialog), log_in, context), std::logic_error);
  EXPECT_NO_THROW(evolve(initial_state(Kind::account), logged_in, {}));
  EXPECT_FALSE(decide(initial_state(Kind::account), log_in, context));
}
TEST(Model, events_of_parking_belong_to_streams_of_every_kind_and_change_no_state) {
  const Event parked = parking::Event{parking::Parked{"id", 1, "f", "reason"}};
  for (const auto kind : {Kind::account, Kind::assistant, Kind::dialog, Kind::claim}) {
    EXPECT_TRUE(belongs(parked, kind));
    EXPECT_EQ(evolve(initial_state(kind), parked, {}), initial_state(kind));
  }
  EXPECT_FALSE(belongs(accounts::Event{accounts::LoggedIn{}}, Kind::dialog));
}

TEST(Refusals, are_named_by_upper_case_words) {
  EXPECT_EQ(kNotFound.name(), "NOT_FOUND");
  EXPECT_EQ(Code::named("NOT_FOUND"), kNotFound);
  EXPECT_NE(Code::named("NOT_FOUND_2"), kNotFound);
  EXPECT_TRUE(Code::named(std::string(Code::kNameMax, 'A')));
  for (const auto& text : {std::string(), std::string("not_found"), std::string("NOT FOUND"), std::string("НЕТ"),
                           std::string(Code::kNameMax + 1, 'A')})
    EXPECT_FALSE(Code::named(text)) << text;
}
TEST(Refusals, have_each_a_name_of_its_own) {
  const auto all = refusals();
  std::set<std::string_view> names;
  for (const auto& code : all) names.insert(code.name());
  EXPECT_EQ(names.size(), all.size());
  for (const auto& code : {kNotFound, accounts::kEmailTaken, parking::kStreamParked})
    EXPECT_TRUE(names.contains(code.name())) << code.name();
}

}  // namespace
}  // namespace parley
