#include "tests/unit/domain_given.h"

namespace parley::assistants {
namespace {

const Owner kOwner{AccountId{3 * kSlots + 1}};
const Create kCreate{"Support", std::nullopt, "Be kind", "gpt-4o-mini", "st_1", std::nullopt, true, {"example.com"}};

auto given(std::initializer_list<Event> events) { return given_events<State, Event>(events); }

TEST(Create, belongs_to_the_account_that_asks) {
  const auto decision = given({}).by(kOwner).when(kCreate);
  ASSERT_TRUE(decision);
  const auto& created = std::get<Created>(decision->events.at(0));
  EXPECT_EQ(created.owner, kOwner.account);
  EXPECT_EQ(created.allowed_domains, kCreate.allowed_domains);
  EXPECT_EQ(std::get<AssistantCreated>(decision->answer), (AssistantCreated{AssistantId{5 * kSlots + 7}, created}));
}
TEST(Create, is_for_accounts_alone) {
  EXPECT_EQ(given({}).when(kCreate).error().code, Code::insufficient_permissions);
  EXPECT_EQ(given({}).by(Visitor{AssistantId{1}}).when(kCreate).error().code, Code::insufficient_permissions);
}

}  // namespace
}  // namespace parley::assistants
