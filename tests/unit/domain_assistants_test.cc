#include "tests/unit/domain_given.h"

namespace parley::assistants {
namespace {

const Owner kOwner{AccountId{3 * kSlots + 1}}, kStranger{AccountId{8 * kSlots + 1}};
const AssistantId kId{5 * kSlots + 7};
const Create kCreate{"Support", std::nullopt, "Be kind", "gpt-4o-mini", "st_1", std::nullopt, true, {"example.com"}};
const Created kCreated{kOwner.account, "Support", std::nullopt, "Be kind", "gpt-4o-mini", "st_1", std::nullopt, true, {"example.com"}};
const Update kRename{{.name = "Sales"}};

auto given(std::initializer_list<Event> events) { return given_events<State, Event>(events); }
Assistant after(std::initializer_list<Event> events) { return std::get<Assistant>(given(events).state); }

TEST(Create, belongs_to_the_account_that_asks) {
  const auto decision = given({}).by(kOwner).when(kCreate);
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{kCreated});
  EXPECT_EQ(std::get<AssistantCreated>(decision->answer), (AssistantCreated{kId, kCreated}));
}
TEST(Create, is_for_accounts_alone) {
  EXPECT_EQ(given({}).when(kCreate).error().code, Code::insufficient_permissions);
  EXPECT_EQ(given({}).by(Visitor{AssistantId{1}}).when(kCreate).error().code, Code::insufficient_permissions);
  EXPECT_EQ(given({}).by(Operator{AccountId{1}, kOwner.account}).when(kCreate).error().code, Code::insufficient_permissions);
  EXPECT_EQ(given({}).by(Integrator{ApiKeyId{1}, kOwner.account}).when(kCreate)->events, std::vector<Event>{kCreated});
  EXPECT_TRUE(given({kCreated}).by(Integrator{ApiKeyId{1}, kOwner.account}).when(RotateSiteToken{"st_2"}));
  EXPECT_EQ(given({kCreated}).by(Integrator{ApiKeyId{1}, kStranger.account}).when(RotateSiteToken{"st_2"}).error().code, Code::assistant_not_found);
}
TEST(Create, never_meets_an_assistant) {
  EXPECT_EQ(given({kCreated}).by(kOwner).when(kCreate).error().code, Code::version_conflict);
  EXPECT_EQ(given({kCreated, Deleted{}}).by(kOwner).when(kCreate).error().code, Code::version_conflict);
}

TEST(Update, changes_what_is_named_and_nothing_else) {
  const auto decision = given({kCreated}).by(kOwner).when(kRename);
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{Updated{.name = "Sales"}});
  auto expected = after({kCreated});
  expected.name = "Sales";
  EXPECT_EQ(std::get<AssistantChanged>(decision->answer), (AssistantChanged{kId, expected}));
  EXPECT_EQ(after({kCreated, Updated{.name = "Sales"}}), expected);
}
TEST(Update, tells_what_is_cleared_from_what_stays) {
  const Updated cleared{.system_prompt = {std::nullopt}};
  EXPECT_FALSE(after({kCreated, cleared}).system_prompt);
  EXPECT_EQ(after({kCreated, Updated{}}).system_prompt, "Be kind");
  EXPECT_EQ(given({kCreated}).by(kOwner).when(Update{cleared})->events, std::vector<Event>{cleared});
}
TEST(Update, of_what_is_so_already_is_no_event) {
  const Update same{{.name = "Support",
                     .description = {std::nullopt},
                     .system_prompt = {"Be kind"},
                     .ai_model = "gpt-4o-mini",
                     .is_active = true,
                     .telegram_bot_token = {std::nullopt},
                     .website_integration = true,
                     .allowed_domains = std::vector<std::string>{"example.com"}}};
  for (const auto& command : {same, Update{}}) {
    const auto decision = given({kCreated}).by(kOwner).when(command);
    ASSERT_TRUE(decision);
    EXPECT_TRUE(decision->events.empty());
    EXPECT_EQ(std::get<AssistantChanged>(decision->answer).now, after({kCreated}));
  }
  auto one_new = same;
  one_new.change.is_active = false;
  EXPECT_EQ(given({kCreated}).by(kOwner).when(one_new)->events, std::vector<Event>{Updated{.is_active = false}});
}
TEST(Update, every_part_can_be_set) {
  const Updated all{.name = "n",
                    .description = {"d"},
                    .system_prompt = {"p"},
                    .ai_model = "m",
                    .is_active = false,
                    .telegram_bot_token = {Sealed{"k1.x"}},
                    .website_integration = false,
                    .allowed_domains = std::vector<std::string>{}};
  EXPECT_EQ(given({kCreated}).by(kOwner).when(Update{all})->events, std::vector<Event>{all});
  EXPECT_EQ(after({kCreated, all}), (Assistant{kOwner.account, "n", "d", "p", "m", false, Sealed{"k1.x"}, false, {}, "st_1", kNow}));
}

TEST(RotateSiteToken, replaces_the_token) {
  const auto decision = given({kCreated}).by(kOwner).when(RotateSiteToken{"st_2"});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{SiteTokenRotated{"st_2"}});
  EXPECT_EQ(std::get<AssistantChanged>(decision->answer).now.site_token, "st_2");
  EXPECT_EQ(after({kCreated, SiteTokenRotated{"st_2"}}).site_token, "st_2");
}

TEST(Delete, is_for_good) {
  const auto decision = given({kCreated}).by(kOwner).when(Delete{});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{Deleted{}});
  EXPECT_EQ(std::get<AssistantDeleted>(decision->answer), AssistantDeleted{kId});
  const auto gone = given({kCreated, Deleted{}}).by(kOwner);
  EXPECT_EQ(gone.when(kRename).error().code, Code::assistant_not_found);
  EXPECT_EQ(gone.when(RotateSiteToken{"st_3"}).error().code, Code::assistant_not_found);
  EXPECT_EQ(gone.when(Delete{}).error().code, Code::assistant_not_found);
  EXPECT_EQ(given({kCreated, Deleted{}, Updated{.name = "n"}, SiteTokenRotated{"st_4"}}).state, State{DeletedAssistant{}});
}

TEST(Changes, somebody_else_is_told_that_there_is_no_assistant) {
  for (const auto& who : {Principal{kStranger}, Principal{Anonymous{}}, Principal{Visitor{kId}}, Principal{Operator{AccountId{1}, kOwner.account}},
                          Principal{Admin{AccountId{1}}}}) {
    const auto stranger = given({kCreated}).by(who);
    EXPECT_EQ(stranger.when(kRename).error().code, Code::assistant_not_found);
    EXPECT_EQ(stranger.when(RotateSiteToken{"st_2"}).error().code, Code::assistant_not_found);
    EXPECT_EQ(stranger.when(Delete{}).error().code, Code::assistant_not_found);
  }
}
TEST(Changes, need_an_assistant) {
  EXPECT_EQ(given({}).by(kOwner).when(kRename).error().code, Code::assistant_not_found);
  EXPECT_EQ(given({}).by(kOwner).when(RotateSiteToken{"st_2"}).error().code, Code::assistant_not_found);
  EXPECT_EQ(given({}).by(kOwner).when(Delete{}).error().code, Code::assistant_not_found);
  EXPECT_EQ(given({Updated{.name = "n"}, SiteTokenRotated{"st_2"}, Deleted{}}).state, State{NoAssistant{}});
}

}  // namespace
}  // namespace parley::assistants
