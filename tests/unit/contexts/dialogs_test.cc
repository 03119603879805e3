#include "domain/dialogs/dialogs.h"
#include "tests/unit/contexts/frozen.h"
#include "tests/unit/contexts/given.h"

namespace parley::dialogs {
namespace {

const AssistantId kAssistant{2 * kSlots + 9}, kOtherAssistant{4 * kSlots + 9};
const AccountId kOwner{3 * kSlots + 1}, kStranger{8 * kSlots + 1};
const Opened kOpened{kAssistant, kOwner, Platform::website, Personal{"Ivan"}};

const MessageCreated kSaid{MessageId{9 * kSlots + 7}, Sender::user, Personal{"Привет"}, std::nullopt};
const Operator kMember{kStranger, kOwner}, kMemberOfAnother{kStranger, AccountId{9 * kSlots + 1}};

auto given(std::initializer_list<Event> events) { return given_events<State, Event>(events); }

TEST(Open, a_visitor_opens_a_dialog_with_the_assistant_of_the_site) {
  const auto decision = given({}).by(Visitor{kAssistant}).when(Open{kOwner, Platform::website, Personal{"Ivan"}});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{kOpened});
  EXPECT_EQ(std::get<DialogOpened>(decision->answer).dialog, DialogId{5 * kSlots + 7});
}
TEST(Open, is_for_visitors_alone) {
  EXPECT_EQ(given({}).by(Owner{kOwner}).when(Open{kOwner}).error().code, kInsufficientPermissions);
}
TEST(PostVisitorMessage, gets_the_next_id_of_the_dialogs_slot) {
  const auto decision = given({kOpened}).by(Visitor{kAssistant}).when(PostVisitorMessage{Personal{"Привет"}});
  ASSERT_TRUE(decision);
  const auto& message = std::get<MessageCreated>(decision->events.at(0));
  EXPECT_EQ(message, (MessageCreated{MessageId{42 * kSlots + 7}, Sender::user, Personal{"Привет"}, std::nullopt}));
}
TEST(PostVisitorMessage, a_visitor_of_another_site_is_told_that_there_is_no_dialog) {
  EXPECT_EQ(given({kOpened}).by(Visitor{kOtherAssistant}).when(PostVisitorMessage{}).error().code, kDialogNotFound);
  EXPECT_EQ(given({kOpened}).by(Owner{kOwner}).when(PostVisitorMessage{}).error().code, kDialogNotFound);
}
TEST(PostOperatorMessage, the_owner_speaks_as_operator) {
  const auto decision =
      given({kOpened}).by(Owner{kOwner}).when(PostOperatorMessage{Personal{"Здравствуйте"}, Personal{"Анна"}});
  ASSERT_TRUE(decision);
  const auto& message = std::get<MessageCreated>(decision->events.at(0));
  EXPECT_EQ(message.sender, Sender::operator_);
  EXPECT_EQ(message.operator_name, Personal{"Анна"});
}
TEST(PostOperatorMessage, a_member_of_the_owners_team_speaks_as_operator) {
  EXPECT_TRUE(given({kOpened}).by(kMember).when(PostOperatorMessage{Personal{"Здравствуйте"}, Personal{"Анна"}}));
  EXPECT_EQ(given({kOpened}).by(kMemberOfAnother).when(PostOperatorMessage{}).error().code, kDialogNotFound);
}
TEST(PostOperatorMessage, leaves_an_archived_dialog_archived) {
  const auto decision =
      given({kOpened, Archived{}}).by(Owner{kOwner}).when(PostOperatorMessage{Personal{"До свидания"}, {}});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events.size(), 1U);
}
TEST(PostVisitorMessage, makes_an_archived_dialog_active_again) {
  const auto dialog = given({kOpened, Archived{}});
  const auto decision = dialog.by(Visitor{kAssistant}).when(PostVisitorMessage{Personal{"Ещё вопрос"}});
  ASSERT_TRUE(decision);
  ASSERT_EQ(decision->events.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<MessageCreated>(decision->events[0]));
  EXPECT_EQ(decision->events[1], Event{Unarchived{}});
  EXPECT_EQ(given({kOpened, Archived{}, decision->events[0], decision->events[1]}).state, given({kOpened}).state);
}
TEST(Archive, is_for_the_owner_and_its_team) {
  for (const Principal& who : {Principal{Owner{kOwner}}, Principal{kMember}}) {
    const auto decision = given({kOpened}).by(who).when(Archive{});
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->events, std::vector<Event>{Archived{}});
    EXPECT_EQ(decision->answer, Answer(DialogIs{DialogId{5 * kSlots + 7}, Status::archived}));
  }
  for (const Principal& who : {Principal{Owner{kStranger}}, Principal{kMemberOfAnother}, Principal{Visitor{kAssistant}},
                               Principal{Anonymous{}}, Principal{Admin{kOwner}}, Principal{ConsoleOperator{}}}) {
    EXPECT_EQ(given({kOpened}).by(who).when(Archive{}).error().code, kDialogNotFound);
    EXPECT_EQ(given({kOpened, Archived{}}).by(who).when(Unarchive{}).error().code, kDialogNotFound);
  }
}
TEST(Archive, of_what_is_archived_is_answered_the_same_without_an_event) {
  const auto first = given({kOpened}).by(Owner{kOwner}).when(Archive{});
  const auto again = given({kOpened, Archived{}, kSaid}).by(Owner{kOwner}).when(Archive{});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->events.empty());
  EXPECT_EQ(again->answer, first->answer);
}
TEST(Unarchive, makes_an_archived_dialog_active_and_an_active_one_stays_so) {
  const auto decision = given({kOpened, Archived{}}).by(Owner{kOwner}).when(Unarchive{});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{Unarchived{}});
  EXPECT_EQ(decision->answer, Answer(DialogIs{DialogId{5 * kSlots + 7}, Status::active}));
  for (const auto& active : {given({kOpened}), given({kOpened, Archived{}, Unarchived{}})}) {
    const auto again = active.by(Owner{kOwner}).when(Unarchive{});
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->events.empty());
    EXPECT_EQ(again->answer, decision->answer);
  }
}
TEST(Open, a_dialog_is_opened_once) {
  EXPECT_EQ(given({kOpened}).by(Visitor{kAssistant}).when(Open{kOwner}).error().code, kVersionConflict);
}
TEST(Fold, of_dialogs_is_total) { EXPECT_EQ(given({Archived{}, Unarchived{}, kSaid}).state, State{NoDialog{}}); }
TEST(PostOperatorMessage, another_account_is_told_that_there_is_no_dialog) {
  EXPECT_EQ(given({kOpened}).by(Owner{kStranger}).when(PostOperatorMessage{}).error().code, kDialogNotFound);
}
TEST(Messages, need_a_dialog) {
  EXPECT_EQ(given({}).by(Visitor{kAssistant}).when(PostVisitorMessage{}).error().code, kDialogNotFound);
  EXPECT_EQ(given({}).by(Owner{kOwner}).when(PostOperatorMessage{}).error().code, kDialogNotFound);
  EXPECT_EQ(given({}).by(Owner{kOwner}).when(Archive{}).error().code, kDialogNotFound);
  EXPECT_EQ(given({}).by(Owner{kOwner}).when(Unarchive{}).error().code, kDialogNotFound);
}

}  // namespace

// Add lines, never edit one.
std::vector<FrozenEvent> frozen() {
  return frozen_events<Event>({
      {Opened{AssistantId{1026}, AccountId{1025}, Platform::website, Personal{"Ivan"}}, "parley.dialog.opened.v1",
       R"({"assistant_id":1026,"owner_id":1025,"platform":"website","first_name":"Ivan"})"},
      {MessageCreated{MessageId{1027}, Sender::operator_, Personal{"Привет \"!\"\r\n"}, Personal{"Анна"}},
       "parley.dialog.message_created.v1",
       R"({"message_id":1027,"sender":"operator","text":"Привет \"!\"\r\n","operator_name":"Анна"})"},
      {Archived{}, "parley.dialog.archived.v1", R"({})"},
      {Unarchived{}, "parley.dialog.unarchived.v1", R"({})"},
  });
}

}  // namespace parley::dialogs
