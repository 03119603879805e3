#include "domain/assistants/assistants.h"
#include "tests/unit/contexts/frozen.h"
#include "tests/unit/contexts/given.h"

namespace parley::assistants {
namespace {

const Owner kOwner{AccountId{3 * kSlots + 1}}, kStranger{AccountId{8 * kSlots + 1}};
const AssistantId kId{5 * kSlots + 7};
const Create kCreate{"Support", std::nullopt, "Be kind", "gpt-4o-mini", "st_1", std::nullopt, true, {"example.com"}};
const Created kCreated{kOwner.account, "Support",    std::nullopt, "Be kind",      "gpt-4o-mini",
                       "st_1",         std::nullopt, true,         {"example.com"}};
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
  EXPECT_EQ(given({}).when(kCreate).error().code, kInsufficientPermissions);
  EXPECT_EQ(given({}).by(Visitor{AssistantId{1}}).when(kCreate).error().code, kInsufficientPermissions);
  EXPECT_EQ(given({}).by(Operator{AccountId{1}, kOwner.account}).when(kCreate).error().code, kInsufficientPermissions);
  EXPECT_EQ(given({}).by(ApiClient{ApiKeyId{1}, kOwner.account}).when(kCreate)->events, std::vector<Event>{kCreated});
  EXPECT_TRUE(given({kCreated}).by(ApiClient{ApiKeyId{1}, kOwner.account}).when(RotateSiteToken{"st_2"}));
  EXPECT_EQ(given({kCreated}).by(ApiClient{ApiKeyId{1}, kStranger.account}).when(RotateSiteToken{"st_2"}).error().code,
            kAssistantNotFound);
}
TEST(Create, is_refused_when_the_owner_has_as_many_as_it_may) {
  auto create = kCreate;
  create.owner_is_full = true;
  EXPECT_EQ(given({}).by(kOwner).when(create).error().code, kAssistantLimitReached);
  create.telegram_bot_token = Sealed{"token"};
  create.bot_index = "bot";
  EXPECT_EQ(given({}).by(kOwner).when(create).error().code, kAssistantLimitReached) << "no bot is asked for either";
  EXPECT_EQ(given({}).when(create).error().code, kInsufficientPermissions);
}
TEST(Create, never_meets_an_assistant) {
  EXPECT_EQ(given({kCreated}).by(kOwner).when(kCreate).error().code, kVersionConflict);
  EXPECT_EQ(given({kCreated, Deleted{}}).by(kOwner).when(kCreate).error().code, kVersionConflict);
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
  EXPECT_EQ(after({kCreated, all}),
            (Assistant{kOwner.account, "n", "d", "p", "m", false, Sealed{"k1.x"}, false, {}, "st_1", kNow}));
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
  EXPECT_EQ(gone.when(kRename).error().code, kAssistantNotFound);
  EXPECT_EQ(gone.when(RotateSiteToken{"st_3"}).error().code, kAssistantNotFound);
  EXPECT_EQ(gone.when(Delete{}).error().code, kAssistantNotFound);
  EXPECT_EQ(given({kCreated, Deleted{}, Updated{.name = "n"}, SiteTokenRotated{"st_4"}}).state,
            State{DeletedAssistant{}});
}

// An assistant and its bot.

const std::string kCommand(kCommandId), kProcess = std::to_string(42 * kSlots +
                                                                  7);  // the next id of the slot, after given()'s last
const Create kCreateWithBot{"Support",      std::nullopt, "Be kind",       "gpt-4o-mini", "st_1",
                            Sealed{"k1.a"}, true,         {"example.com"}, "b1"};
const Created kCreatedWithBot{kOwner.account, "Support",      std::nullopt, "Be kind",      "gpt-4o-mini",
                              "st_1",         Sealed{"k1.a"}, true,         {"example.com"}};
const CreationRequested kWanted{
    kProcess,
    kCommand,
    "b1",
    Sealed{"k1.a"},
    {kOwner.account, "Support", std::nullopt, "Be kind", "gpt-4o-mini", "st_1", std::nullopt, true, {"example.com"}}};
const std::initializer_list<Event> kWithBot{kWanted, kCreatedWithBot, BotClaimed{kProcess, "b1"}};
const Updated kOtherToken{.name = "Sales", .telegram_bot_token = {Sealed{"k1.b"}}};
const UpdateRequested kOtherBotWanted{"p2", "c2", "b2", Sealed{"k1.b"}, {.name = "Sales"}};
using Events = std::vector<Event>;

/// Of a decision that ends a process: what the command that began it is answered.
template <class D>
std::variant<Answer, Error> closing(const D& decision, const std::string& command) {
  EXPECT_TRUE(decision && decision->closing);
  if (!decision || !decision->closing) return Error{};
  EXPECT_EQ(decision->closing->command_id, command);
  return decision->closing->result;
}
template <class D>
Code refusal(const D& decision, const std::string& command) {
  const auto result = closing(decision, command);
  return std::holds_alternative<Error>(result) ? std::get<Error>(result).code : Code{};
}
auto and_then(std::initializer_list<Event> before, std::initializer_list<Event> events) {
  State state = given(before).state;
  for (const auto& event : events) state = evolve(state, event, {kNow, 0});
  return Given<State, Event>{state};
}
auto with_bot(std::initializer_list<Event> events = {}) { return and_then(kWithBot, events).by(kOwner); }
auto reactor(std::initializer_list<Event> before, std::initializer_list<Event> events = {}) {
  return and_then(before, events).by(Reactor{});
}

TEST(CreateWithABot, is_under_way_until_the_bot_is_reserved_and_nobody_knows_of_it) {
  const auto decision = given({}).by(kOwner).when(kCreateWithBot);
  ASSERT_TRUE(decision);
  EXPECT_TRUE(decision->is_deferred);
  EXPECT_EQ(decision->events, Events{kWanted});
  const auto wanted = given({kWanted}).by(kOwner);
  EXPECT_EQ(wanted.when(kRename).error().code, kAssistantNotFound);
  EXPECT_EQ(wanted.when(RotateSiteToken{"st_2"}).error().code, kAssistantNotFound);
  EXPECT_EQ(wanted.when(Delete{}).error().code, kAssistantNotFound);
  EXPECT_EQ(wanted.when(kCreate).error().code, kVersionConflict);
  EXPECT_EQ(given({}).when(kCreateWithBot).error().code, kInsufficientPermissions);
}
TEST(CreateWithABot, ends_with_an_assistant_that_has_it) {
  const auto decision = reactor({kWanted}).when(FinishBotChange{kProcess, "b1", true});
  EXPECT_EQ(decision->events, (Events{kCreatedWithBot, BotClaimed{kProcess, "b1"}}));
  EXPECT_EQ(closing(decision, kCommand), (std::variant<Answer, Error>(Answer{AssistantCreated{kId, kCreatedWithBot}})));
  EXPECT_EQ(after(kWithBot).bot, (Bot{kProcess, "b1"}));
}
TEST(CreateWithABot, that_is_anothers_ends_with_nothing) {
  const auto decision = reactor({kWanted}).when(FinishBotChange{kProcess, "b1", false});
  EXPECT_EQ(decision->events, (Events{CreationRefused{kProcess, "b1"}}));
  EXPECT_EQ(refusal(decision, kCommand), kBotAlreadyExists);
  EXPECT_EQ(given({kWanted, CreationRefused{kProcess, "b1"}}).state, State{NoAssistant{}});
}
TEST(CreateWithABot, that_an_earlier_build_asks_for_claims_nothing) {
  auto command = kCreateWithBot;
  command.bot_index.reset();
  const auto decision = given({}).by(kOwner).when(command);
  EXPECT_FALSE(decision->is_deferred);
  EXPECT_EQ(decision->events, Events{kCreatedWithBot});
}
TEST(UpdateOfABot, another_token_of_the_same_one_simply_changes) {
  const auto decision = with_bot().when(Update{kOtherToken, "b1"});
  EXPECT_FALSE(decision->is_deferred);
  EXPECT_EQ(decision->events, Events{kOtherToken});
  EXPECT_EQ(std::get<AssistantChanged>(decision->answer).now.telegram_bot_token, Sealed{"k1.b"});
  EXPECT_EQ(after({kWanted, kCreatedWithBot, BotClaimed{kProcess, "b1"}, kOtherToken}).bot, (Bot{kProcess, "b1"}));
}
TEST(UpdateOfABot, another_one_is_under_way_and_nothing_changes_before_it_has_ended) {
  const auto decision = with_bot().when(Update{kOtherToken, "b2"});
  EXPECT_TRUE(decision->is_deferred);
  EXPECT_EQ(decision->events, (Events{UpdateRequested{kProcess, kCommand, "b2", Sealed{"k1.b"}, {.name = "Sales"}}}));
  auto expected = after(kWithBot);
  expected.pending_update = PendingUpdate{"p2", "c2", "b2", kOtherToken};
  EXPECT_EQ(with_bot({kOtherBotWanted}).state, State{expected});
  EXPECT_TRUE(given({kCreated}).by(kOwner).when(Update{kOtherToken, "b2"})->is_deferred);
}
TEST(UpdateOfABot, a_token_from_before_bots_were_claimed_is_claimed_with_the_next) {
  EXPECT_TRUE(given({kCreatedWithBot}).by(kOwner).when(Update{kOtherToken, "b1"})->is_deferred);
}
TEST(UpdateOfABot, ends_with_all_of_the_change_and_lets_the_one_before_go) {
  const auto decision = reactor(kWithBot, {kOtherBotWanted}).when(FinishBotChange{"p2", "b2", true});
  EXPECT_EQ(decision->events, (Events{kOtherToken, BotClaimed{"p2", "b2"}, BotReleased{kProcess, "b1"}}));
  auto now = after(kWithBot);
  now.name = "Sales";
  now.telegram_bot_token = Sealed{"k1.b"};
  now.bot.reset();  // nobody's business
  EXPECT_EQ(closing(decision, "c2"), (std::variant<Answer, Error>(Answer{AssistantChanged{kId, now}})));
  now.bot = Bot{"p2", "b2"};
  EXPECT_EQ(with_bot({kOtherBotWanted, kOtherToken, BotClaimed{"p2", "b2"}, BotReleased{kProcess, "b1"}}).state,
            State{now});
  EXPECT_EQ(reactor({kCreated, kOtherBotWanted}).when(FinishBotChange{"p2", "b2", true})->events,
            (Events{kOtherToken, BotClaimed{"p2", "b2"}}));
}
TEST(UpdateOfABot, that_is_anothers_changes_nothing) {
  const auto decision = reactor(kWithBot, {kOtherBotWanted}).when(FinishBotChange{"p2", "b2", false});
  EXPECT_EQ(decision->events, (Events{UpdateRefused{"p2"}}));
  EXPECT_EQ(refusal(decision, "c2"), kBotAlreadyExists);
  EXPECT_EQ(with_bot({kOtherBotWanted, UpdateRefused{"p2"}}).state, with_bot().state);
}
TEST(UpdateOfABot, is_given_up_by_every_other_change) {
  const auto pending = with_bot({kOtherBotWanted});
  EXPECT_EQ(refusal(pending.when(kRename), "c2"), kVersionConflict);
  EXPECT_EQ(refusal(pending.when(RotateSiteToken{"st_2"}), "c2"), kVersionConflict);
  EXPECT_EQ(refusal(pending.when(Update{kOtherToken, "b3"}), "c2"), kVersionConflict);
  EXPECT_EQ(refusal(pending.when(Delete{}), "c2"), kAssistantNotFound);
  for (const auto& event : {Event{Updated{.name = "n"}}, Event{SiteTokenRotated{"st_2"}}}) {
    EXPECT_FALSE(std::get<Assistant>(with_bot({kOtherBotWanted, event}).state).pending_update);
  }
  const auto nothing_new = pending.when(Update{{.name = "Support"}});
  EXPECT_FALSE(nothing_new->closing);
  EXPECT_FALSE(std::get<AssistantChanged>(nothing_new->answer).now.pending_update);
}
TEST(UpdateOfABot, without_a_token_or_deleted_lets_it_go) {
  const Updated cleared{.telegram_bot_token = {std::nullopt}};
  EXPECT_EQ(with_bot().when(Update{cleared})->events, (Events{cleared, BotReleased{kProcess, "b1"}}));
  EXPECT_EQ(with_bot().when(Delete{})->events, (Events{Deleted{}, BotReleased{kProcess, "b1"}}));
  EXPECT_EQ(with_bot({Deleted{}, BotReleased{kProcess, "b1"}}).state, State{DeletedAssistant{}});
  EXPECT_EQ(given({kCreatedWithBot}).by(kOwner).when(Update{cleared})->events, Events{cleared});
  EXPECT_EQ(with_bot().when(Update{kOtherToken})->events, (Events{kOtherToken, BotReleased{kProcess, "b1"}}))
      << "whose token that is nobody knows";
}
TEST(FinishBotChange, that_comes_again_changes_nothing) {
  for (const auto is_reserved : {true, false}) {
    EXPECT_TRUE(reactor(kWithBot).when(FinishBotChange{kProcess, "b1", is_reserved})->events.empty());
    EXPECT_FALSE(reactor(kWithBot, {kOtherBotWanted}).when(FinishBotChange{kProcess, "b1", is_reserved})->closing);
  }
  EXPECT_TRUE(reactor(kWithBot, {kOtherBotWanted, UpdateRefused{"p2"}})
                  .when(FinishBotChange{"p2", "b2", false})
                  ->events.empty());
}
TEST(FinishBotChange, of_what_nobody_waits_for_lets_the_reservation_go) {
  const FinishBotChange late{"p2", "b2", true}, refused{"p2", "b2", false};
  EXPECT_EQ(reactor(kWithBot).when(late)->events, (Events{BotReleased{"p2", "b2"}}));
  EXPECT_EQ(with_bot({BotReleased{"p2", "b2"}}).state, with_bot().state);
  EXPECT_EQ(reactor(kWithBot, {Deleted{}}).when(late)->events, (Events{BotReleased{"p2", "b2"}}));
  EXPECT_EQ(reactor({kWanted, CreationRefused{kProcess, "b1"}}).when(FinishBotChange{kProcess, "b1", true})->events,
            (Events{CreationRefused{kProcess, "b1"}}));
  EXPECT_TRUE(reactor(kWithBot, {Deleted{}}).when(refused)->events.empty());
  EXPECT_TRUE(
      reactor({kWanted, CreationRefused{kProcess, "b1"}}).when(FinishBotChange{kProcess, "b1", false})->events.empty());
}
TEST(CreateWithABot, has_a_process_of_its_own_when_a_forgotten_command_comes_again) {
  const auto first = given({}).by(kOwner).when(kCreateWithBot),
             second = given({kCreated}).by(kOwner).when(Update{kOtherToken, "b1"});
  IdSource ids{7, 100};
  Context later{kOwner, kNow, 6 * kSlots + 7, ids, kCommandId};
  const auto again = decide(State{}, Command{kCreateWithBot}, later);
  EXPECT_EQ(std::get<CreationRequested>(again->events[0]).command_id, kCommand);
  EXPECT_NE(std::get<CreationRequested>(again->events[0]).process_id,
            std::get<CreationRequested>(first->events[0]).process_id);
  EXPECT_EQ(std::get<UpdateRequested>(second->events[0]).command_id, kCommand);
}
TEST(FinishBotChange, is_for_a_reactor_alone) {
  EXPECT_EQ(given({kWanted}).by(kOwner).when(FinishBotChange{kProcess, "b1", true}).error().code,
            kInsufficientPermissions);
  EXPECT_EQ(with_bot().when(FinishBotChange{"p2", "b2", true}).error().code, kInsufficientPermissions);
}

TEST(Changes, somebody_else_is_told_that_there_is_no_assistant) {
  for (const auto& who : {Principal{kStranger}, Principal{Anonymous{}}, Principal{Visitor{kId}},
                          Principal{Operator{AccountId{1}, kOwner.account}}, Principal{Admin{AccountId{1}}}}) {
    const auto stranger = given({kCreated}).by(who);
    EXPECT_EQ(stranger.when(kRename).error().code, kAssistantNotFound);
    EXPECT_EQ(stranger.when(RotateSiteToken{"st_2"}).error().code, kAssistantNotFound);
    EXPECT_EQ(stranger.when(Delete{}).error().code, kAssistantNotFound);
  }
}
TEST(Changes, need_an_assistant) {
  EXPECT_EQ(given({}).by(kOwner).when(kRename).error().code, kAssistantNotFound);
  EXPECT_EQ(given({}).by(kOwner).when(RotateSiteToken{"st_2"}).error().code, kAssistantNotFound);
  EXPECT_EQ(given({}).by(kOwner).when(Delete{}).error().code, kAssistantNotFound);
  EXPECT_EQ(given({Updated{.name = "n"}, SiteTokenRotated{"st_2"}, Deleted{}}).state, State{NoAssistant{}});
}

}  // namespace

// Add lines, never edit one.
std::vector<FrozenEvent> frozen() {
  return frozen_events<Event>({
      {Created{AccountId{1025}, "Support", "d", "p", "gpt-4o-mini", "st_1", Sealed{"k1.y"}, true, {"example.com"}},
       "parley.assistant.created.v1",
       R"({"owner_id":1025,"name":"Support","description":"d","system_prompt":"p","ai_model":"gpt-4o-mini","site_token":"st_1","telegram_bot_token":"k1.y","website_integration":true,"allowed_domains":["example.com"]})"},
      {Updated{.name = "Sales",
               .description = {std::nullopt},
               .is_active = false,
               .telegram_bot_token = {Sealed{"k1.z"}},
               .allowed_domains = std::vector<std::string>{}},
       "parley.assistant.updated.v1",
       R"({"name":"Sales","description":null,"is_active":false,"telegram_bot_token":"k1.z","allowed_domains":[]})"},
      {SiteTokenRotated{"st_2"}, "parley.assistant.site_token_rotated.v1", R"({"site_token":"st_2"})"},
      {Deleted{}, "parley.assistant.deleted.v1", R"({})"},
      {CreationRequested{
           "p2",
           "c2",
           "b1",
           Sealed{"k1.y"},
           {AccountId{1025}, "Support", "d", "p", "gpt-4o-mini", "st_1", std::nullopt, true, {"example.com"}}},
       "parley.assistant.creation_requested.v1",
       R"({"process_id":"p2","command_id":"c2","bot_index":"b1","telegram_bot_token":"k1.y","assistant":{"owner_id":1025,"name":"Support","description":"d","system_prompt":"p","ai_model":"gpt-4o-mini","site_token":"st_1","website_integration":true,"allowed_domains":["example.com"]}})"},
      {CreationRefused{"p2", "b1"}, "parley.assistant.creation_refused.v1", R"({"process_id":"p2","bot_index":"b1"})"},
      {UpdateRequested{"p3", "c3", "b2", Sealed{"k1.z"}, {.description = {std::nullopt}}},
       "parley.assistant.update_requested.v1",
       R"({"process_id":"p3","command_id":"c3","bot_index":"b2","telegram_bot_token":"k1.z","change":{"description":null}})"},
      {UpdateRefused{"p3"}, "parley.assistant.update_refused.v1", R"({"process_id":"p3"})"},
      {BotClaimed{"p3", "b2"}, "parley.assistant.bot_claimed.v1", R"({"process_id":"p3","bot_index":"b2"})"},
      {BotReleased{"p2", "b1"}, "parley.assistant.bot_released.v1", R"({"process_id":"p2","bot_index":"b1"})"},
  });
}

}  // namespace parley::assistants
