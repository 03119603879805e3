#include "domain/accounts/accounts.h"
#include "tests/unit/contexts/frozen.h"
#include "tests/unit/contexts/given.h"

namespace parley::accounts {
namespace {

using namespace std::chrono_literals;

const Sealed kVerifier{"k1.box"}, kNewVerifier{"k1.new"};
const Register kRegister{Personal{"anna@example.com"}, "ab12", Personal{"Анна"}, std::nullopt, kVerifier};
const Registered kRegistered{Personal{"anna@example.com"}, "ab12", Personal{"Анна"}, std::nullopt, kVerifier};
const Registered kRegisteredOperator{Personal{"olga@example.com"}, "cd34", std::nullopt, std::nullopt, kVerifier};
constexpr AccountId kSelf{5 * kSlots + 7}, kOwner{1025}, kStranger{2049};
const Principal kMe = Owner{kSelf};
const JoinedTeam kJoined{kOwner, Personal{"Ольга"}};

auto given(std::initializer_list<Event> events) { return given_events<State, Event>(events); }
template <class Given>
const Account& account(const Given& g) {
  return std::get<Account>(g.state);
}
Session session(std::string id, std::int64_t version, Timestamp began = kNow) {
  return {std::move(id), version, began + kSessionLifetime};
}
const Session kSession{"mine", 2, kNow + kSessionLifetime};
const EmailChangeRequested kRequested{"p0", "c0", Personal{"new@example.com"}, "ef56", kSession};
const EmailChanged kChanged{"p0", Personal{"new@example.com"}, "ef56", "ab12", std::nullopt, "mine"};

// Signing up and in.

TEST(Register, gives_an_account_with_a_welcome_bonus) {
  const auto decision = given({}).when(kRegister);
  ASSERT_TRUE(decision);
  ASSERT_EQ(decision->events.size(), 2u);
  EXPECT_EQ(std::get<Registered>(decision->events[0]), kRegistered);
  EXPECT_EQ(std::get<WelcomeBonusGranted>(decision->events[1]).amount, kWelcomeBonus);
  EXPECT_EQ(std::get<SignedIn>(decision->answer), (SignedIn{kSelf, Personal{"anna@example.com"}, kWelcomeBonus}));
}
TEST(Register, an_email_has_one_account) {
  EXPECT_EQ(given({kRegistered, WelcomeBonusGranted{kWelcomeBonus}}).when(kRegister).error().code, kEmailTaken);
  EXPECT_EQ(given({kRegisteredOperator, kJoined}).when(kRegister).error().code, kEmailTaken);
}
TEST(LogIn, is_an_event_and_answers_the_balance) {
  const auto decision = given({kRegistered, WelcomeBonusGranted{kWelcomeBonus}}).when(LogIn{true, kVerifier});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{LoggedIn{}});
  EXPECT_EQ(std::get<SignedIn>(decision->answer), (SignedIn{kSelf, Personal{"anna@example.com"}, kWelcomeBonus}));
}
TEST(LogIn, a_wrong_password_and_an_unknown_email_are_refused_alike) {
  const auto wrong = given({kRegistered}).when(LogIn{false, kVerifier});
  const auto unknown = given({}).when(LogIn{false});
  EXPECT_EQ(wrong.error(), unknown.error());
  EXPECT_EQ(wrong.error().code, kInvalidCredentials);
}
TEST(LogIn, nobody_is_let_in_without_an_account) {
  EXPECT_EQ(given({}).when(LogIn{true}).error().code, kInvalidCredentials);
}
TEST(LogIn, with_a_password_that_has_been_changed_meanwhile_is_refused) {
  EXPECT_EQ(given({kRegistered, PasswordChanged{kNewVerifier, {}}}).when(LogIn{true, kVerifier}).error().code,
            kInvalidCredentials);
  EXPECT_TRUE(given({kRegistered, PasswordChanged{kNewVerifier, {}}}).when(LogIn{true, kNewVerifier}));
}
TEST(LogIn, answers_what_the_account_is) {
  const auto of = [](std::initializer_list<Event> events) {
    return std::get<SignedIn>(given(events).when(LogIn{true, kVerifier})->answer);
  };
  EXPECT_EQ(of({kRegisteredOperator, kJoined}),
            (SignedIn{kSelf, Personal{"olga@example.com"}, {}, Role::operator_, kOwner}));
  EXPECT_EQ(of({kRegisteredOperator, AdminAppointed{}}),
            (SignedIn{kSelf, Personal{"olga@example.com"}, {}, Role::admin, std::nullopt}));
}
TEST(LogIn, of_an_operator_who_may_not_work_is_refused_when_the_password_is_right) {
  for (const auto& g : {given({kRegisteredOperator, kJoined, TeamMemberChanged{std::nullopt, false}}),
                        given({kRegisteredOperator, kJoined, LeftTeam{}})}) {
    EXPECT_EQ(g.when(LogIn{true, kVerifier}).error().code, kInsufficientPermissions);
    EXPECT_EQ(g.when(LogIn{false, kVerifier}).error().code, kInvalidCredentials);
  }
}

TEST(LogIn, with_an_email_that_is_not_the_accounts_any_more_is_refused) {
  EXPECT_TRUE(given({kRegistered}).when(LogIn{true, kVerifier, "ab12"}));
  EXPECT_EQ(given({kRegistered, kChanged}).when(LogIn{true, kVerifier, "ab12"}).error().code, kInvalidCredentials);
  EXPECT_TRUE(given({kRegistered, kChanged}).when(LogIn{true, kVerifier, "ef56"}));
}
TEST(Register, with_an_email_that_a_claim_holds_is_refused) {
  EXPECT_EQ(given({}).taken().when(kRegister).error().code, kEmailTaken);
  EXPECT_EQ(given({})
                .taken()
                .by(Owner{kOwner})
                .when(AddOperator{Personal{"a"}, "ab12", Personal{"Ольга"}, kVerifier})
                .error()
                .code,
            kEmailTaken);
  EXPECT_EQ(given({}).taken().by(ConsoleOperator{}).when(CreateAdmin{Personal{"a"}, "ab12", kVerifier}).error().code,
            kEmailTaken);
}

// Another e-mail.

const ChangeEmail kChange{Personal{"new@example.com"}, "ef56", true, kVerifier, kSession};
const Closing<Answer> kConflict{"c0", Error{kVersionConflict, {}}};

TEST(ChangeEmail, begins_and_is_answered_later) {
  const auto decision = given({kRegistered}).by(kMe).when(kChange);
  ASSERT_TRUE(decision);
  EXPECT_TRUE(decision->is_deferred);
  EXPECT_EQ(decision->events,
            std::vector<Event>{(EmailChangeRequested{std::to_string(42 * kSlots + 7), std::string(kCommandId),
                                                     kChange.email, "ef56", kSession})});
}
TEST(ChangeEmail, needs_the_current_password_and_a_session_of_the_account) {
  const auto g = given({kRegistered, LoggedIn{}});
  auto wrong = kChange, stale = kChange;
  wrong.password_matches = false;
  stale.compared_with = kNewVerifier;
  for (const auto& command : {wrong, stale}) {
    const auto decision = g.by(kMe).when(command);
    ASSERT_FALSE(decision);
    EXPECT_EQ(decision.error(),
              (Error{kValidationError, InvalidField{"current_password", "must be the current password"}}));
  }
  EXPECT_EQ(g.by(Owner{kStranger}).when(kChange).error().code, kInsufficientPermissions);
  EXPECT_EQ(given({kRegistered, LoggedIn{}, LoggedOut{kSession}}).by(kMe).when(kChange).error().code,
            kNotAuthenticated);
}
TEST(ChangeEmail, to_ones_own_is_no_change) {
  auto same = kChange;
  same.email_index = "ab12";
  const auto decision = given({kRegistered}).by(kMe).when(same);
  ASSERT_TRUE(decision);
  EXPECT_TRUE(decision->events.empty() && !decision->is_deferred);
  EXPECT_EQ(std::get<Profile>(decision->answer).email, kRegistered.email);
}
TEST(ChangeEmail, that_is_under_way_gives_way_to_a_later_one) {
  const auto decision = given({kRegistered, kRequested}).by(kMe).when(kChange);
  ASSERT_TRUE(decision && decision->closing);
  EXPECT_EQ(decision->closing->command_id, kConflict.command_id);
  EXPECT_EQ(decision->closing->result, kConflict.result);
}
TEST(ChangeEmail, whose_command_comes_again_when_it_has_been_forgotten_is_not_told_that_it_gave_way_to_itself) {
  auto requested = kRequested;
  requested.command_id = kCommandId;
  const auto decision = given({kRegistered, requested}).by(kMe).when(kChange);
  ASSERT_TRUE(decision);
  EXPECT_TRUE(decision->is_deferred && !decision->closing);
}
const ChangeEmail kReindex{kRegistered.email, "ef56", false, {}, {}};

TEST(ChangeEmail, to_the_same_one_by_another_index_is_the_console_operators_and_begins_the_same_process) {
  const auto decision = given({kRegistered, LoggedIn{}}).by(ConsoleOperator{}).when(kReindex);
  ASSERT_TRUE(decision);
  EXPECT_TRUE(decision->is_deferred);
  EXPECT_EQ(decision->events,
            std::vector<Event>{(EmailChangeRequested{std::to_string(42 * kSlots + 7), std::string(kCommandId),
                                                     kRegistered.email, "ef56", Session{}})});
  auto same = kReindex;
  same.email_index = "ab12";
  EXPECT_TRUE(given({kRegistered}).by(ConsoleOperator{}).when(same)->events.empty());
}
TEST(ChangeEmail, by_the_console_operator_is_never_to_another_one_nor_in_the_way_of_the_owners) {
  EXPECT_EQ(given({kRegistered}).by(ConsoleOperator{}).when(kChange).error().code, kVersionConflict);
  EXPECT_EQ(given({kRegistered, kRequested}).by(ConsoleOperator{}).when(kReindex).error().code, kVersionConflict);
  EXPECT_EQ(given({}).by(ConsoleOperator{}).when(kReindex).error().code, kNotFound);
  EXPECT_FALSE(given({kRegistered, LoggedIn{}}).by(kMe).when(kReindex)) << "its owner needs the password for it too";
}
TEST(FinishEmailChange, to_the_same_one_changes_the_index_and_ends_no_session) {
  const EmailChangeRequested requested{"p0", "c0", kRegistered.email, "ef56", Session{}};
  const auto decision =
      given({kRegistered, LoggedIn{}, requested}).by(Reactor{}).when(FinishEmailChange{"p0", "ef56", true});
  ASSERT_TRUE(decision);
  const EmailChanged reindexed{"p0", kRegistered.email, "ef56", "ab12", std::nullopt, std::nullopt};
  EXPECT_EQ(decision->events, std::vector<Event>{reindexed});
  const auto after = given({kRegistered, LoggedIn{}, requested, reindexed});
  EXPECT_EQ(account(after).email_index, "ef56");
  EXPECT_FALSE(account(after).pending_email);
  EXPECT_FALSE(account(after).sessions.is_over(session("any", 2)));
}
TEST(FinishEmailChange, answers_the_command_by_which_an_older_event_names_its_process) {
  auto requested = kRequested;
  requested.command_id.reset();
  const auto decision = given({kRegistered, requested}).by(Reactor{}).when(FinishEmailChange{"p0", "ef56", false});
  ASSERT_TRUE(decision && decision->closing);
  EXPECT_EQ(decision->closing->command_id, "p0");
}
TEST(FinishEmailChange, of_a_reserved_email_changes_it_keeps_the_session_and_answers_who_began) {
  const auto g = given({kRegistered, LoggedIn{}, LoggedIn{}, kRequested});
  const auto decision = g.by(Reactor{}).when(FinishEmailChange{"p0", "ef56", true});
  ASSERT_TRUE(decision && decision->closing);
  EXPECT_EQ(decision->events, std::vector<Event>{kChanged});
  EXPECT_EQ(decision->closing->command_id, "c0");
  EXPECT_EQ(std::get<Profile>(std::get<Answer>(decision->closing->result)).email, kChange.email);
  const auto after = given({kRegistered, LoggedIn{}, LoggedIn{}, kRequested, kChanged});
  EXPECT_EQ(account(after).email_index, "ef56");
  EXPECT_FALSE(account(after).pending_email);
  EXPECT_FALSE(account(after).sessions.is_over(kSession));
  EXPECT_TRUE(account(after).sessions.is_over(session("other", 3)));
}
TEST(FinishEmailChange, of_an_email_that_is_somebody_elses_refuses_and_answers_so) {
  const auto decision = given({kRegistered, kRequested}).by(Reactor{}).when(FinishEmailChange{"p0", "ef56", false});
  ASSERT_TRUE(decision && decision->closing);
  EXPECT_EQ(decision->events, std::vector<Event>{EmailChangeRefused{"p0"}});
  EXPECT_EQ(std::get<Error>(decision->closing->result).code, kEmailTaken);
  EXPECT_FALSE(account(given({kRegistered, kRequested, EmailChangeRefused{"p0"}})).pending_email);
}
TEST(FinishEmailChange, of_a_change_that_was_given_up_lets_the_reservation_go) {
  const std::vector<Event> declined{EmailReservationDeclined{"p0", "ef56"}};
  for (const auto& g :
       {given({kRegistered}),
        given({kRegistered, kRequested, EmailChangeRequested{"p1", "c1", Personal{"b"}, "b", kSession}}),
        given({kRegistered, kRequested, PasswordChanged{kNewVerifier, {}}})}) {
    const auto decision = g.by(Reactor{}).when(FinishEmailChange{"p0", "ef56", true});
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->events, declined);
    EXPECT_FALSE(decision->closing);
    EXPECT_TRUE(g.by(Reactor{}).when(FinishEmailChange{"p0", "ef56", false})->events.empty());
  }
}
TEST(FinishEmailChange, that_comes_again_changes_nothing) {
  const auto g = given({kRegistered, kRequested, kChanged});
  for (const bool is_reserved : {true, false})
    EXPECT_TRUE(g.by(Reactor{}).when(FinishEmailChange{"p0", "ef56", is_reserved})->events.empty());
}
TEST(FinishEmailChange, is_no_ones_but_a_reactors) {
  for (const auto& who : {kMe, Principal{ConsoleOperator{}}, Principal{Anonymous{}}}) {
    EXPECT_EQ(given({kRegistered, kRequested}).by(who).when(FinishEmailChange{"p0", "ef56", true}).error().code,
              kInsufficientPermissions);
  }
}
TEST(Account, what_ends_all_sessions_gives_up_a_change_of_the_email_and_tells_who_began_it) {
  const auto changed =
      given({kRegistered, kRequested}).by(kMe).when(ChangePassword{true, kVerifier, kNewVerifier, kSession});
  const auto reset = given({kRegistered, kRequested}).by(ConsoleOperator{}).when(ResetPassword{kNewVerifier});
  for (const auto* decision : {&changed, &reset}) {
    ASSERT_TRUE(*decision && (*decision)->closing);
    EXPECT_EQ((*decision)->closing->command_id, "c0");
    EXPECT_EQ((*decision)->closing->result, kConflict.result);
  }
  EXPECT_FALSE(given({kRegistered, kRequested}).when(LogIn{true, kVerifier})->closing);
}

// Sessions.

TEST(LogOut, ends_the_session_that_is_named) {
  const auto one = session("one", 2), other = session("other", 3);
  const auto decision = given({kRegistered, LoggedIn{}, LoggedIn{}}).by(kMe).when(LogOut{one});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{LoggedOut{one}});
  EXPECT_EQ(decision->answer, Answer{Changed{kSelf}});
  const auto after = given({kRegistered, LoggedIn{}, LoggedIn{}, LoggedOut{one}});
  EXPECT_TRUE(account(after).sessions.is_over(one));
  EXPECT_FALSE(account(after).sessions.is_over(other));
}
TEST(LogOut, of_a_session_that_is_over_is_refused) {
  const auto one = session("one", 2);
  EXPECT_EQ(given({kRegistered, LoggedIn{}, LoggedOut{one}}).by(kMe).when(LogOut{one}).error().code, kNotAuthenticated);
  EXPECT_EQ(given({kRegistered, LoggedIn{}, PasswordChanged{kNewVerifier, {}}}).by(kMe).when(LogOut{one}).error().code,
            kNotAuthenticated);
}
TEST(LogOut, of_somebody_else_or_of_nobody_is_refused) {
  EXPECT_EQ(given({kRegistered}).by(Owner{kStranger}).when(LogOut{session("one", 2)}).error().code,
            kInsufficientPermissions);
  EXPECT_EQ(given({kRegistered}).when(LogOut{session("one", 2)}).error().code, kInsufficientPermissions);
  EXPECT_EQ(given({}).by(kMe).when(LogOut{session("one", 2)}).error().code, kNotFound);
}
TEST(ChangePassword, ends_all_sessions_but_the_callers) {
  const auto mine = session("mine", 2), other = session("other", 3);
  const auto decision =
      given({kRegistered, LoggedIn{}, LoggedIn{}}).by(kMe).when(ChangePassword{true, kVerifier, kNewVerifier, mine});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, (std::vector<Event>{PasswordChanged{kNewVerifier, "mine"}}));
  const auto after = given({kRegistered, LoggedIn{}, LoggedIn{}, PasswordChanged{kNewVerifier, "mine"}});
  EXPECT_EQ(account(after).password_verifier, kNewVerifier);
  EXPECT_FALSE(account(after).sessions.is_over(mine));
  EXPECT_TRUE(account(after).sessions.is_over(other));
  EXPECT_FALSE(account(after).sessions.is_over(session("later", 5)));
}
TEST(ChangePassword, with_a_wrong_password_or_one_changed_meanwhile_names_the_field) {
  const auto mine = session("mine", 2);
  const Error expected{kValidationError, InvalidField{"current_password", "must be the current password"}};
  const auto g = given({kRegistered, LoggedIn{}, PasswordChanged{kNewVerifier, "mine"}}).by(kMe);
  EXPECT_EQ(g.when(ChangePassword{false, kNewVerifier, kVerifier, mine}).error(), expected);
  EXPECT_EQ(g.when(ChangePassword{true, kVerifier, kVerifier, mine}).error(), expected);
}
TEST(ChangePassword, of_somebody_else_or_in_a_session_that_is_over_is_refused) {
  const auto mine = session("mine", 2);
  const ChangePassword change{true, kVerifier, kNewVerifier, mine};
  EXPECT_EQ(given({kRegistered}).by(Owner{kStranger}).when(change).error().code, kInsufficientPermissions);
  EXPECT_EQ(given({kRegistered, LoggedOut{mine}}).by(kMe).when(change).error().code, kNotAuthenticated);
  EXPECT_EQ(given({}).by(kMe).when(change).error().code, kNotFound);
}
TEST(Sessions, that_are_kept_end_when_they_log_out_or_when_another_is_kept) {
  Sessions sessions;
  const auto kept = session("kept", 2), next = session("next", 6);
  sessions.end_all({kNow, 5}, "kept");
  EXPECT_FALSE(sessions.is_over(kept));
  auto left = sessions;
  left.end(kept, kNow);
  EXPECT_TRUE(left.is_over(kept));
  EXPECT_TRUE(left.ended.empty()) << "what is over with the others needs no place of its own";
  sessions.end_all({kNow, 8}, "next");
  EXPECT_TRUE(sessions.is_over(kept));
  EXPECT_FALSE(sessions.is_over(next));
}
TEST(Sessions, are_remembered_until_their_tokens_have_expired_and_clocks_agree) {
  Sessions sessions;
  sessions.end(session("one", 2), kNow + 1h);
  sessions.end_all({kNow + 2h, 5}, "kept");
  sessions.end(session("later", 6, kNow + 3h), kNow + 4h);
  sessions.forget(kNow + 2h + kSessionLifetime + kClocksDifferMax - 1ms);
  EXPECT_TRUE(sessions.is_over(session("one", 2)));
  sessions.forget(kNow + 2h + kSessionLifetime + kClocksDifferMax);
  EXPECT_EQ(sessions.over_through, 0);
  EXPECT_EQ(sessions.ended.size(), 1u);
  sessions.forget(kNow + 3h + kSessionLifetime + kClocksDifferMax);
  EXPECT_TRUE(sessions.is_empty());
  EXPECT_EQ(sessions, Sessions{});
}
TEST(Sessions, that_are_too_many_to_be_remembered_take_along_what_began_before) {
  Sessions sessions;
  const auto older = session("older", 1);
  const auto first = static_cast<std::int64_t>(kEndedSessionsMax) + 10;
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(kEndedSessionsMax); ++i) {
    EXPECT_FALSE(sessions.is_over(older)) << i;
    sessions.end(session(std::to_string(i), first - i),
                 kNow);  // the latest begins first: order of ends is not order of beginnings
  }
  EXPECT_EQ(sessions.ended.size(), kEndedSessionsMax);
  EXPECT_EQ(sessions.over_through, first - static_cast<std::int64_t>(kEndedSessionsMax));
  EXPECT_TRUE(sessions.is_over(older));
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(kEndedSessionsMax); ++i)
    EXPECT_TRUE(sessions.is_over(session(std::to_string(i), first - i)));
  EXPECT_FALSE(sessions.is_over(session("goes on", first - 1)));
}
TEST(Sessions, whose_tokens_name_no_version_are_the_oldest_ones) {
  Sessions sessions;
  const auto old_one = session("old", 0), other = session("other", 0);
  EXPECT_FALSE(sessions.is_over(old_one));
  sessions.end(old_one, kNow);
  EXPECT_TRUE(sessions.is_over(old_one));
  EXPECT_FALSE(sessions.is_over(other));
  for (std::size_t i = 0; i < kEndedSessionsMax; ++i) sessions.end(session(std::to_string(i), 9), kNow);
  EXPECT_TRUE(sessions.is_over(old_one));
  EXPECT_TRUE(sessions.is_over(other));
  EXPECT_FALSE(sessions.is_over(session("new", 10)));
}
TEST(Sessions, logging_in_forgets_what_has_expired) {
  State state = account(given({kRegistered, LoggedOut{session("one", 2)}}));
  state = evolve(state, LoggedIn{}, {kNow + 48h, 4});
  EXPECT_TRUE(std::get<Account>(state).sessions.is_empty());
}

// The profile.

TEST(ChangeProfile, changes_what_is_sent_and_answers_all_of_it) {
  const auto g = given({kRegistered, WelcomeBonusGranted{kWelcomeBonus}}).by(kMe);
  const auto decision = g.when(ChangeProfile{std::optional<Personal>(), Patch<Personal>(Personal{"Смит"}), true});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events,
            (std::vector<Event>{ProfileChanged{std::optional<Personal>(), Patch<Personal>(Personal{"Смит"}), true}}));
  const auto& answer = std::get<Profile>(decision->answer);
  EXPECT_EQ(answer, (Profile{kSelf, Personal{"anna@example.com"}, kNow, Role::owner, std::nullopt, Personal{"Смит"},
                             true, kWelcomeBonus, kWelcomeBonus}));
}
TEST(ChangeProfile, that_changes_nothing_is_no_event) {
  const auto g = given({kRegistered}).by(kMe);
  for (const auto& command :
       {ChangeProfile{}, ChangeProfile{Patch<Personal>(Personal{"Анна"}), std::optional<Personal>(), false}}) {
    const auto decision = g.when(command);
    ASSERT_TRUE(decision);
    EXPECT_TRUE(decision->events.empty());
    EXPECT_EQ(std::get<Profile>(decision->answer).first_name, Personal{"Анна"});
  }
}
TEST(ChangeProfile, of_somebody_else_or_of_nobody_is_refused) {
  EXPECT_EQ(given({kRegistered}).by(Owner{kStranger}).when(ChangeProfile{}).error().code, kInsufficientPermissions);
  EXPECT_EQ(given({}).by(kMe).when(ChangeProfile{}).error().code, kNotFound);
}

// A team.

const AddOperator kAdd{Personal{"olga@example.com"}, "cd34", Personal{"Ольга"}, kVerifier};

TEST(AddOperator, gives_an_account_in_the_owners_team) {
  const auto decision = given({}).by(Owner{kOwner}).when(kAdd);
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, (std::vector<Event>{kRegisteredOperator, kJoined}));
  EXPECT_EQ(decision->answer, (Answer{TeamMember{kSelf, Personal{"olga@example.com"}, kNow, Personal{"Ольга"}, true}}));
  const auto g = given({kRegisteredOperator, kJoined});
  EXPECT_EQ(account(g).role, Role::operator_);
  EXPECT_EQ(account(g).balance, Kopecks{});
}
TEST(AddOperator, an_email_has_one_account) {
  for (const auto& g :
       {given({kRegistered}), given({kRegisteredOperator, kJoined}), given({kRegisteredOperator, AdminAppointed{}})})
    EXPECT_EQ(g.by(Owner{kOwner}).when(kAdd).error().code, kEmailTaken);
}
TEST(AddOperator, whoever_has_left_may_join_any_team_with_another_password) {
  const auto decision = given({kRegisteredOperator, kJoined, LeftTeam{}})
                            .by(Owner{kStranger})
                            .when(AddOperator{kAdd.email, "cd34", Personal{"О."}, kNewVerifier});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events,
            (std::vector<Event>{PasswordChanged{kNewVerifier, {}}, JoinedTeam{kStranger, Personal{"О."}}}));
}
TEST(AddOperator, is_an_owners_right) {
  for (const Principal& who : {Principal{Anonymous{}}, Principal{Operator{kSelf, kOwner}}, Principal{Admin{kSelf}},
                               Principal{ConsoleOperator{}}}) {
    EXPECT_EQ(given({}).by(who).when(kAdd).error().code, kInsufficientPermissions);
    EXPECT_EQ(given({kRegistered}).by(who).when(kAdd).error().code, kInsufficientPermissions);
  }
}
TEST(ChangeOperator, changes_what_is_sent) {
  const auto g = given({kRegisteredOperator, kJoined}).by(Owner{kOwner});
  const auto decision = g.when(ChangeOperator{Personal{"О."}, false, kNewVerifier});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events,
            (std::vector<Event>{TeamMemberChanged{Personal{"О."}, false}, PasswordChanged{kNewVerifier, {}}}));
  EXPECT_EQ(std::get<TeamMember>(decision->answer),
            (TeamMember{kSelf, Personal{"olga@example.com"}, kNow, Personal{"О."}, false}));
  EXPECT_TRUE(g.when(ChangeOperator{Personal{"Ольга"}, true, {}})->events.empty());
}
TEST(ChangeOperator, who_is_not_active_has_no_sessions_any_more) {
  const auto before = session("one", 3);
  const auto g =
      given({kRegisteredOperator, kJoined, LoggedIn{}, TeamMemberChanged{{}, false}, TeamMemberChanged{{}, true}});
  EXPECT_TRUE(account(g).sessions.is_over(before)) << "not when work goes on either";
  EXPECT_FALSE(account(given({kRegisteredOperator, kJoined, LoggedIn{}, TeamMemberChanged{Personal{"О."}, {}}}))
                   .sessions.is_over(before));
  EXPECT_TRUE(account(given({kRegisteredOperator, kJoined, LoggedIn{}, LeftTeam{}})).sessions.is_over(before));
  EXPECT_TRUE(account(given({kRegisteredOperator, kJoined, LoggedIn{}, PasswordChanged{kNewVerifier, {}}}))
                  .sessions.is_over(before));
}
TEST(Operators, of_others_are_not_there) {
  for (const Principal& who : {Principal{Owner{kStranger}}, Principal{Operator{kSelf, kOwner}}, Principal{Admin{kSelf}},
                               Principal{Anonymous{}}}) {
    const auto g = given({kRegisteredOperator, kJoined}).by(who);
    EXPECT_EQ(g.when(ChangeOperator{{}, false, {}}).error().code, kOperatorNotFound);
    EXPECT_EQ(g.when(RemoveOperator{}).error().code, kOperatorNotFound);
  }
  for (const auto& g : {given({}), given({kRegistered}), given({kRegisteredOperator, kJoined, LeftTeam{}})}) {
    EXPECT_EQ(g.by(Owner{kOwner}).when(ChangeOperator{{}, false, {}}).error().code, kOperatorNotFound);
    EXPECT_EQ(g.by(Owner{kOwner}).when(RemoveOperator{}).error().code, kOperatorNotFound);
  }
}
TEST(RemoveOperator, ends_membership) {
  const auto decision = given({kRegisteredOperator, kJoined}).by(Owner{kOwner}).when(RemoveOperator{});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, std::vector<Event>{LeftTeam{}});
  EXPECT_FALSE(account(given({kRegisteredOperator, kJoined, LeftTeam{}})).team);
}

// The console.

const CreateAdmin kCreateAdmin{Personal{"olga@example.com"}, "cd34", kVerifier};

TEST(CreateAdmin, is_the_console_operators_and_makes_an_account) {
  const auto decision = given({}).by(ConsoleOperator{}).when(kCreateAdmin);
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, (std::vector<Event>{kRegisteredOperator, AdminAppointed{}}));
  EXPECT_EQ(account(given({kRegisteredOperator, AdminAppointed{}})).role, Role::admin);
  EXPECT_EQ(given({kRegistered}).by(ConsoleOperator{}).when(kCreateAdmin).error().code, kEmailTaken);
  for (const Principal& who : {Principal{Anonymous{}}, Principal{Owner{kSelf}}, Principal{Admin{kSelf}}}) {
    EXPECT_EQ(given({}).by(who).when(kCreateAdmin).error().code, kInsufficientPermissions);
    EXPECT_EQ(given({kRegistered}).by(who).when(kCreateAdmin).error().code, kInsufficientPermissions);
  }
}
TEST(ResetPassword, is_the_console_operators_and_ends_all_sessions) {
  const auto decision = given({kRegistered}).by(ConsoleOperator{}).when(ResetPassword{kNewVerifier});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->events, (std::vector<Event>{PasswordChanged{kNewVerifier, {}}}));
  EXPECT_EQ(given({}).by(ConsoleOperator{}).when(ResetPassword{kNewVerifier}).error().code, kNotFound);
  EXPECT_EQ(given({kRegistered}).by(kMe).when(ResetPassword{kNewVerifier}).error().code, kInsufficientPermissions);
}

TEST(Fold, of_accounts_is_total) {
  const auto g = given({WelcomeBonusGranted{kWelcomeBonus}, LoggedIn{}, LoggedOut{}, PasswordChanged{},
                        ProfileChanged{}, kJoined, TeamMemberChanged{}, LeftTeam{}, AdminAppointed{}});
  EXPECT_EQ(g.state, State{NoAccount{}});
  EXPECT_FALSE(account(given({kRegistered, TeamMemberChanged{Personal{"x"}, true}})).team);
}

}  // namespace

// Add lines, never edit one.
std::vector<FrozenEvent> frozen() {
  return frozen_events<Event>({
      {Registered{Personal{"a@b.c"}, "ab", Personal{"Анна"}, std::nullopt, Sealed{"k1.x"}},
       "parley.account.registered.v1",
       R"({"email":"a@b.c","email_index":"ab","first_name":"Анна","password_verifier":"k1.x"})"},
      {WelcomeBonusGranted{Kopecks{50'000}}, "parley.account.welcome_bonus_granted.v1", R"({"amount_kopecks":50000})"},
      {LoggedIn{}, "parley.account.logged_in.v2", R"({"method":"password"})"},
      {LoggedOut{{"c0ffee", 3, Timestamp{std::chrono::milliseconds{1'763'806'620'000}}}},
       "parley.account.logged_out.v1",
       R"({"session":{"id":"c0ffee","version":3,"expires_at":"2025-11-22T10:17:00.000Z"}})"},
      {PasswordChanged{Sealed{"k1.z"}, "c0ffee"}, "parley.account.password_changed.v1",
       R"({"password_verifier":"k1.z","kept_session":"c0ffee"})"},
      {ProfileChanged{std::optional<Personal>(), Patch<Personal>(Personal{"Смит"}), true},
       "parley.account.profile_changed.v1", R"({"first_name":null,"last_name":"Смит","onboarding_completed":true})"},
      {JoinedTeam{AccountId{1025}, Personal{"Ольга"}}, "parley.account.joined_team.v1",
       R"({"owner_id":1025,"name":"Ольга"})"},
      {TeamMemberChanged{std::nullopt, false}, "parley.account.team_member_changed.v1", R"({"is_active":false})"},
      {LeftTeam{}, "parley.account.left_team.v1", R"({})"},
      {AdminAppointed{}, "parley.account.admin_appointed.v1", R"({})"},
      {ApiKeyCreated{ApiKeyId{2049}, "CRM", {Scope{"dialogs:read"}, Scope{"assistants:write"}}, "d1", "wxyz"},
       "parley.account.api_key_created.v1",
       R"({"key_id":2049,"name":"CRM","scopes":["dialogs:read","assistants:write"],"digest":"d1","hint":"wxyz"})"},
      {ApiKeyUsed{ApiKeyId{2049}}, "parley.account.api_key_used.v1", R"({"key_id":2049})"},
      {ApiKeyRevoked{ApiKeyId{2049}}, "parley.account.api_key_revoked.v1", R"({"key_id":2049})"},
      {EmailChangeRequested{
           "p1", "c1", Personal{"c@d.e"}, "cd", {"c0ffee", 3, Timestamp{std::chrono::milliseconds{1'763'806'620'000}}}},
       "parley.account.email_change_requested.v1",
       R"({"process_id":"p1","command_id":"c1","email":"c@d.e","email_index":"cd","session":{"id":"c0ffee","version":3,"expires_at":"2025-11-22T10:17:00.000Z"}})"},
      {EmailChanged{"p1", Personal{"c@d.e"}, "cd", "ab", "p0", "c0ffee"}, "parley.account.email_changed.v1",
       R"({"process_id":"p1","email":"c@d.e","email_index":"cd","previous_email_index":"ab","previous_process_id":"p0","kept_session":"c0ffee"})"},
      {EmailChangeRefused{"p1"}, "parley.account.email_change_refused.v1", R"({"process_id":"p1"})"},
      {EmailReservationDeclined{"p1", "cd"}, "parley.account.email_reservation_declined.v1",
       R"({"process_id":"p1","email_index":"cd"})"},
      // Not written any more, and read as what they mean today.
      {LoggedIn{LoginMethod::password}, "parley.account.logged_in.v1", R"({})"},
  });
}

}  // namespace parley::accounts
