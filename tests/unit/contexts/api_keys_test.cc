#include "domain/accounts/accounts.h"
#include "tests/unit/contexts/given.h"

namespace parley::accounts {
namespace {

using namespace std::chrono_literals;

constexpr AccountId kSelf{5 * kSlots + 7}, kStranger{2049};
constexpr ApiKeyId kKey{1025}, kOtherKey{2049};
const Principal kMe = Owner{kSelf};
const Registered kRegistered{Personal{"anna@example.com"}, "ab12", std::nullopt, std::nullopt, Sealed{"k1.box"}};
const std::vector<Scope> kScopes{Scope{"dialogs:read"}};
const CreateApiKey kCreate{"CRM", kScopes, "d1", "wxyz", Sealed{"k1.key"}};
const ApiKeyCreated kCreated{kKey, "CRM", kScopes, "d1", "wxyz"};

auto given(std::initializer_list<Event> events) { return given_events<State, Event>(events); }
template <class G>
const ApiKeys& keys(const G& g) {
  return std::get<Account>(g.state).api_keys;
}

TEST(CreateApiKey, gives_a_key_whose_digest_is_in_the_log_and_whose_secret_is_in_the_answer_alone) {
  const auto decision = given({kRegistered}).by(kMe).when(kCreate);
  ASSERT_TRUE(decision);
  ASSERT_EQ(decision->events.size(), 1U);
  const auto& event = std::get<ApiKeyCreated>(decision->events[0]);
  EXPECT_EQ(event, (ApiKeyCreated{event.key, "CRM", kScopes, "d1", "wxyz"}));
  EXPECT_EQ(slot_of(event.key.value), slot_of(kSelf.value)) << "its id says where its account is";
  EXPECT_EQ(decision->answer, Answer(NewApiKey{event.key, "CRM", kScopes, "wxyz", Sealed{"k1.key"}}));
}
TEST(CreateApiKey, is_for_the_owner_in_person) {
  for (const Principal& who : {Principal{Owner{kStranger}}, Principal{Operator{kStranger, kSelf}},
                               Principal{Operator{kSelf, kStranger}}, Principal{Admin{kSelf}},
                               Principal{ApiClient{kKey, kSelf}}, Principal{Anonymous{}}, Principal{ConsoleOperator{}}})
    EXPECT_EQ(given({kRegistered, kCreated}).by(who).when(kCreate).error().code, kInsufficientPermissions)
        << to_string(who);
  EXPECT_EQ(given({}).by(kMe).when(kCreate).error().code, kNotFound);
}
TEST(CreateApiKey, an_account_has_as_many_as_it_may_and_no_more) {
  auto full = given({kRegistered});
  for (std::size_t i = 0; i < kApiKeysMax; ++i) {
    EXPECT_TRUE(full.by(kMe).when(kCreate)) << i;
    const ApiKeyId id{static_cast<std::int64_t>(i + 1) * kSlots + 7};
    full.state = evolve(full.state, ApiKeyCreated{id, "CRM", kScopes, "d" + std::to_string(i), "wxyz"}, {kNow, 0});
  }
  EXPECT_EQ(full.by(kMe).when(kCreate).error().code, kApiKeyLimitReached);
  full.state = evolve(full.state, ApiKeyRevoked{{kSlots + 7}}, {kNow, 0});
  EXPECT_TRUE(full.by(kMe).when(kCreate));
}
TEST(RevokeApiKey, ends_that_key_and_no_other) {
  const ApiKeyCreated other{kOtherKey, "Reports", kScopes, "d2", "abcd"};
  const auto g = given({kRegistered, kCreated, other});
  const auto decision = g.by(kMe).when(RevokeApiKey{kKey});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{ApiKeyRevoked{kKey}});
  EXPECT_EQ(decision->answer, Answer{EndedApiKey{kKey}});
  const auto after = given({kRegistered, kCreated, other, ApiKeyRevoked{kKey}});
  EXPECT_EQ(keys(after).find(kKey), nullptr);
  EXPECT_NE(keys(after).find(kOtherKey), nullptr);
}
TEST(RevokeApiKey, of_a_key_that_is_none_or_is_not_ones_own_is_refused) {
  EXPECT_EQ(given({kRegistered}).by(kMe).when(RevokeApiKey{kKey}).error().code, kApiKeyNotFound);
  EXPECT_EQ(given({kRegistered, kCreated, ApiKeyRevoked{kKey}}).by(kMe).when(RevokeApiKey{kKey}).error().code,
            kApiKeyNotFound);
  for (const Principal& who : {Principal{Owner{kStranger}}, Principal{ApiClient{kKey, kSelf}}})
    EXPECT_EQ(given({kRegistered, kCreated}).by(who).when(RevokeApiKey{kKey}).error().code, kInsufficientPermissions)
        << to_string(who);
}
TEST(NoteApiKeyUse, is_an_event_once_in_an_hour_of_the_clock) {
  const Principal program = ApiClient{kKey, kSelf};
  const auto first = given({kRegistered, kCreated}).by(program).when(NoteApiKeyUse{});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->events, std::vector<Event>{ApiKeyUsed{kKey}});
  EXPECT_EQ(first->answer, Answer{Changed{kSelf}});
  const auto used_at = [&](Timestamp time) {
    auto g = given({kRegistered, kCreated});
    g.state = evolve(g.state, ApiKeyUsed{kKey}, {time, 3});
    return g.by(program).when(NoteApiKeyUse{});
  };
  const auto hour = std::chrono::floor<UsePeriod>(kNow);
  EXPECT_TRUE(used_at(kNow)->events.empty());
  EXPECT_TRUE(used_at(hour)->events.empty());
  EXPECT_TRUE(used_at(kNow + 2h)->events.empty())
      << "a decider's time does not go back, but nobody has to rely on it here";
  EXPECT_EQ(used_at(hour - 1ms)->events.size(), 1U);
}
TEST(NoteApiKeyUse, is_of_a_key_that_is_good_and_by_itself) {
  const auto g = given({kRegistered, kCreated});
  EXPECT_EQ(g.by(ApiClient{kOtherKey, kSelf}).when(NoteApiKeyUse{}).error().code, kApiKeyNotFound);
  EXPECT_EQ(g.by(ApiClient{kKey, kStranger}).when(NoteApiKeyUse{}).error().code, kInsufficientPermissions);
  EXPECT_EQ(g.by(kMe).when(NoteApiKeyUse{}).error().code, kInsufficientPermissions);
}
TEST(ApiKeys, outlive_passwords_and_sessions) {
  const auto after = given({kRegistered, kCreated, PasswordChanged{Sealed{"k1.new"}, {}}, LoggedOut{{"one", 2, kNow}}});
  EXPECT_NE(keys(after).find(kKey), nullptr);
}
TEST(ApiClients, do_what_their_owner_may_and_are_not_the_account) {
  const Principal program = ApiClient{kKey, kSelf};
  EXPECT_EQ(owner_behind(program), kSelf);
  EXPECT_EQ(asking_owner(program), kSelf);
  EXPECT_EQ(account_behind(program), std::nullopt);
  EXPECT_EQ(asking_owner(Operator{kStranger, kSelf}), std::nullopt);
  const auto g = given({kRegistered, kCreated});
  EXPECT_EQ(g.by(program).when(ChangeProfile{{}, {}, true}).error().code, kInsufficientPermissions);
  EXPECT_EQ(g.by(program).when(LogOut{{"one", 1, kNow}}).error().code, kInsufficientPermissions);
  EXPECT_EQ(given({})
                .by(program)
                .when(AddOperator{Personal{"o@example.com"}, "cd", Personal{"O"}, Sealed{"k1.b"}})
                .error()
                .code,
            kInsufficientPermissions);
}

}  // namespace
}  // namespace parley::accounts
