#include "tests/unit/domain_given.h"

namespace parley::dialogs {
namespace {

const AssistantId kAssistant{2 * kSlots + 9}, kOtherAssistant{4 * kSlots + 9};
const AccountId kOwner{3 * kSlots + 1}, kStranger{8 * kSlots + 1};
const Opened kOpened{kAssistant, kOwner, Platform::website, Personal{"Ivan"}};

auto given(std::initializer_list<Event> events) { return given_events<State, Event>(events); }

TEST(Open, a_visitor_opens_a_dialog_with_the_assistant_of_the_site) {
  const auto decision = given({}).by(Visitor{kAssistant}).when(Open{kOwner, Platform::website, Personal{"Ivan"}});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{kOpened});
  EXPECT_EQ(std::get<DialogOpened>(decision->answer).dialog, DialogId{5 * kSlots + 7});
}
TEST(Open, is_for_visitors_alone) { EXPECT_EQ(given({}).by(Owner{kOwner}).when(Open{kOwner}).error().code, Code::insufficient_permissions); }
TEST(PostVisitorMessage, gets_the_next_id_of_the_dialogs_slot) {
  const auto decision = given({kOpened}).by(Visitor{kAssistant}).when(PostVisitorMessage{Personal{"Привет"}});
  ASSERT_TRUE(decision);
  const auto& message = std::get<MessageCreated>(decision->events.at(0));
  EXPECT_EQ(message, (MessageCreated{MessageId{42 * kSlots + 7}, Sender::user, Personal{"Привет"}, std::nullopt}));
}
TEST(PostVisitorMessage, a_visitor_of_another_site_is_told_that_there_is_no_dialog) {
  EXPECT_EQ(given({kOpened}).by(Visitor{kOtherAssistant}).when(PostVisitorMessage{}).error().code, Code::dialog_not_found);
  EXPECT_EQ(given({kOpened}).by(Owner{kOwner}).when(PostVisitorMessage{}).error().code, Code::dialog_not_found);
}
TEST(PostOperatorMessage, the_owner_speaks_as_operator) {
  const auto decision = given({kOpened}).by(Owner{kOwner}).when(PostOperatorMessage{Personal{"Здравствуйте"}, Personal{"Анна"}});
  ASSERT_TRUE(decision);
  const auto& message = std::get<MessageCreated>(decision->events.at(0));
  EXPECT_EQ(message.sender, Sender::operator_);
  EXPECT_EQ(message.operator_name, Personal{"Анна"});
}
TEST(PostOperatorMessage, another_account_is_told_that_there_is_no_dialog) {
  EXPECT_EQ(given({kOpened}).by(Owner{kStranger}).when(PostOperatorMessage{}).error().code, Code::dialog_not_found);
}
TEST(Messages, need_a_dialog) {
  EXPECT_EQ(given({}).by(Visitor{kAssistant}).when(PostVisitorMessage{}).error().code, Code::dialog_not_found);
  EXPECT_EQ(given({}).by(Owner{kOwner}).when(PostOperatorMessage{}).error().code, Code::dialog_not_found);
}

}  // namespace
}  // namespace parley::dialogs
