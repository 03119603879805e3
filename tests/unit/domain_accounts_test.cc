#include "tests/unit/domain_given.h"

namespace parley::accounts {
namespace {

const Register kRegister{Personal{"anna@example.com"}, "ab12", Personal{"Анна"}, std::nullopt, Sealed{"k1.box"}};
const Registered kRegistered{Personal{"anna@example.com"}, "ab12", Personal{"Анна"}, std::nullopt, Sealed{"k1.box"}};

auto given(std::initializer_list<Event> events) { return given_events<State, Event>(events); }

TEST(Register, gives_an_account_with_a_welcome_bonus) {
  const auto decision = given({}).when(kRegister);
  ASSERT_TRUE(decision);
  ASSERT_EQ(decision->events.size(), 2u);
  EXPECT_EQ(std::get<Registered>(decision->events[0]), kRegistered);
  EXPECT_EQ(std::get<WelcomeBonusGranted>(decision->events[1]).amount, kWelcomeBonus);
  EXPECT_EQ(std::get<SignedIn>(decision->answer), (SignedIn{AccountId{5 * kSlots + 7}, Personal{"anna@example.com"}, kWelcomeBonus}));
}
TEST(Register, an_email_has_one_account) {
  EXPECT_EQ(given({kRegistered, WelcomeBonusGranted{kWelcomeBonus}}).when(kRegister).error().code, Code::email_taken);
}
TEST(LogIn, is_an_event_and_answers_the_balance) {
  const auto decision = given({kRegistered, WelcomeBonusGranted{kWelcomeBonus}}).when(LogIn{true});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{LoggedIn{}});
  EXPECT_EQ(std::get<SignedIn>(decision->answer).balance, kWelcomeBonus);
}
TEST(LogIn, a_wrong_password_and_an_unknown_email_are_refused_alike) {
  const auto wrong = given({kRegistered}).when(LogIn{false});
  const auto unknown = given({}).when(LogIn{false});
  EXPECT_EQ(wrong.error(), unknown.error());
  EXPECT_EQ(wrong.error().code, Code::invalid_credentials);
}
TEST(LogIn, nobody_is_let_in_without_an_account) { EXPECT_EQ(given({}).when(LogIn{true}).error().code, Code::invalid_credentials); }
TEST(Fold, of_accounts_is_total) { EXPECT_EQ(given({WelcomeBonusGranted{kWelcomeBonus}, LoggedIn{}}).state, State{NoAccount{}}); }

}  // namespace
}  // namespace parley::accounts
