// projections/: events -> rows -> answers, on a real PostgreSQL, without Kafka.
#include <gmock/gmock.h>

#include <random>

#include "platform/postgres/migrator.h"
#include "projections/contexts/accounts.h"
#include "projections/contexts/api_keys.h"
#include "projections/contexts/assistants.h"
#include "projections/contexts/team.h"
#include "projections/engine/batch.h"
#include "projections/engine/checkpoints.h"
#include "projections/queries.h"
#include "projections/schema.h"
#include "projections/stream_history.h"
#include "tests/integration/event_log.h"
#include "tests/integration/postgres_fixture.h"

namespace parley::projections {
namespace {

using namespace std::chrono_literals;
using parley::testing::AnyEvent;
using parley::testing::assistant_created;
using parley::testing::EventLog;
using parley::testing::message;
using parley::testing::opened;
using parley::testing::registered;
using ::testing::ElementsAre;

constexpr AccountId kAnna{1024}, kBoris{2048};
constexpr AssistantId kAssistant{1025}, kOther{1026};
constexpr std::int32_t kPartition = 3;

/// Types of events that a surface may show.
const std::vector<std::string> kShown{"parley.dialog.opened.v1", "parley.dialog.message_created.v1",
                                      "parley.dialog.archived.v1"};

Stream dialog_stream(std::int64_t id) { return {Kind::dialog, id}; }

class ReadModels : public postgres::testing::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    const auto migrated = postgres::migrate(session(), migrations());
    ASSERT_TRUE(migrated) << migrated.error().detail;
    pool_.emplace(postgres::PoolOptions{.session = session(), .connections_max = 2});
    lease_.emplace(std::move(*pool_->lease(5s)));
  }
  void TearDown() override {
    lease_.reset();
    pool_.reset();
    PostgresTest::TearDown();
  }

  /// Each event in a batch of its own, or all in one.
  void given(const std::vector<std::pair<Stream, AnyEvent>>& events, bool one_batch = false) {
    Batch all;
    for (const auto& [stream, event] : events) {
      const auto written = log_.event(stream, event);
      Batch one;
      Batch& batch = one_batch ? all : one;
      const auto added = batch.add(written.envelope, written.value, kPartition, offset_++);
      ASSERT_TRUE(added) << added.error();
      if (!one_batch) {
        ASSERT_TRUE(write(one));
      }
    }
    if (one_batch) {
      ASSERT_TRUE(write(all));
    }
  }
  postgres::Result<void> write(const Batch& batch) {
    auto transaction = lease_->transaction();
    if (!transaction) return std::unexpected(transaction.error());
    if (auto rows = batch.write(*transaction); !rows) return rows;
    return transaction->commit();
  }
  template <class T>
  T ok(postgres::Result<T> result) {
    EXPECT_TRUE(result) << result.error().detail;
    return std::move(*result);
  }
  std::vector<std::pair<Stream, AnyEvent>> a_dialog() {
    return {{dialog_stream(5), opened(kAssistant, kAnna)},
            {dialog_stream(5), message(11, "Здравствуйте")},
            {dialog_stream(5), message(12, "Добрый день", dialogs::Sender::operator_)}};
  }

  EventLog log_;
  std::int64_t offset_ = 0;
  std::optional<postgres::Pool> pool_;
  std::optional<postgres::Lease> lease_;
};

TEST_F(ReadModels, AnAccountIsTheFoldOfItsEvents) {
  const Stream stream{Kind::account, kAnna.value};
  given({{stream, registered("anna@example.com")},
         {stream, accounts::WelcomeBonusGranted{{500'00}}},
         {stream, accounts::LoggedIn{}}});
  const auto row = ok(account(*lease_, kAnna));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->email.text, "anna@example.com");
  EXPECT_EQ(row->first_name, Personal{"Анна"});
  EXPECT_EQ(row->last_name, std::nullopt);
  EXPECT_EQ(row->balance, Kopecks{500'00});
  EXPECT_EQ(row->welcome_bonus, Kopecks{500'00});
  EXPECT_EQ(row->version, 3);
  ASSERT_TRUE(row->last_login_at);
  EXPECT_EQ(*row->last_login_at - row->created_at, 2ms);
  EXPECT_FALSE(ok(account(*lease_, kBoris)));
}

TEST_F(ReadModels, OneBatchOrManyGiveTheSameRows) {
  const Stream stream{Kind::account, kAnna.value};
  auto events = a_dialog();
  events.insert(
      events.end(),
      {{stream, registered("a@b.c")}, {stream, accounts::WelcomeBonusGranted{{1}}}, {stream, accounts::LoggedIn{}}});
  given(events, true);
  const auto together = ok(dialog(*lease_, Owner{kAnna}, {5}));
  ASSERT_TRUE(together);
  EXPECT_EQ(together->version, 3);
  EXPECT_EQ(together->message_count, 2);
  EXPECT_EQ(together->last_message, Personal{"Добрый день"});
  EXPECT_EQ(ok(account(*lease_, kAnna))->balance, Kopecks{1});
  EXPECT_EQ(ok(messages(*lease_, Owner{kAnna}, {5}))->rows.size(), 2U);
}

TEST_F(ReadModels, AProfileIsWhatItsEventsLeave) {
  const Stream stream{Kind::account, kAnna.value};
  for (const bool in_one_batch : {true, false}) {
    SCOPED_TRACE(in_one_batch);
    const Stream own = in_one_batch ? stream : Stream{Kind::account, kBoris.value};
    given({{own, registered("anna@example.com")},
           {own, accounts::ProfileChanged{std::optional<Personal>(), Patch<Personal>(Personal{"Смит"}), true}},
           {own, accounts::LoggedOut{{"s", 1, {}}}},
           {own, accounts::ProfileChanged{{}, {}, false}}},
          in_one_batch);
    const auto row = ok(account(*lease_, {own.id}));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->first_name, std::nullopt);
    EXPECT_EQ(row->last_name, Personal{"Смит"});
    EXPECT_FALSE(row->onboarding_completed);
    EXPECT_EQ(row->role, accounts::Role::owner);
    EXPECT_EQ(row->plan, accounts::Plan::trial);
    EXPECT_EQ(row->version, 4);
  }
}

TEST_F(ReadModels, ATeamIsItsOwnersAlone) {
  const AccountId one{9 * kSlots}, other{10 * kSlots};
  for (const auto& [id, in_one_batch] : {std::pair{one, true}, std::pair{other, false}}) {
    const Stream stream{Kind::account, id.value};
    given({{stream, registered("o@example.com")},
           {stream, accounts::JoinedTeam{kAnna, Personal{"Ольга"}}},
           {stream, accounts::TeamMemberChanged{Personal{"О."}, std::nullopt}},
           {stream, accounts::TeamMemberChanged{std::nullopt, false}}},
          in_one_batch);
  }
  const auto team = ok(operators_of(*lease_, kAnna)).rows;
  ASSERT_EQ(team.size(), 2U);
  for (const auto& member : team) {
    EXPECT_EQ(member.name, Personal{"О."});
    EXPECT_FALSE(member.is_active);
    EXPECT_EQ(member.version, 4);
  }
  EXPECT_EQ(ok(account(*lease_, one))->role, accounts::Role::operator_);
  EXPECT_TRUE(ok(operators_of(*lease_, kBoris)).rows.empty());
  EXPECT_FALSE(ok(operator_of(*lease_, kBoris, one)));
  given({{{Kind::account, one.value}, accounts::LeftTeam{}}});
  EXPECT_FALSE(ok(operator_of(*lease_, kAnna, one)));
  EXPECT_TRUE(ok(operator_of(*lease_, kAnna, other)));
}

TEST_F(ReadModels, ApiKeysThatAreGoodAreTheirOwnersAlone) {
  const auto created = [](ApiKeyId id, const char* name) {
    return accounts::ApiKeyCreated{id,
                                   name,
                                   {accounts::Scope{"dialogs:read"}, accounts::Scope{"assistants:write"}},
                                   "digest of " + std::string(name),
                                   "wxyz"};
  };
  for (const bool in_one_batch : {true, false}) {
    SCOPED_TRACE(in_one_batch);
    const AccountId owner = in_one_batch ? kAnna : kBoris, other = in_one_batch ? kBoris : kAnna;
    const Stream own{Kind::account, owner.value};
    const auto id = [&](std::int64_t n) { return ApiKeyId{n * kSlots + (in_one_batch ? 1 : 2)}; };
    given({{own, registered("k@example.com")},
           {own, created(id(1), "unused")},
           {own, created(id(2), "used")},
           {own, created(id(3), "revoked")},
           {own, accounts::ApiKeyUsed{id(2)}},
           {own, accounts::ApiKeyUsed{id(3)}},
           {own, accounts::ApiKeyRevoked{id(3)}}},
          in_one_batch);
    const auto keys = ok(api_keys_of(*lease_, owner));
    ASSERT_EQ(keys.size(), 2U);
    EXPECT_EQ(keys[0].name, "unused");
    EXPECT_EQ(keys[0].last_used_at, std::nullopt);
    EXPECT_THAT(keys[0].scopes, ElementsAre("dialogs:read", "assistants:write"));
    EXPECT_EQ(keys[0].hint, "wxyz");
    EXPECT_EQ(keys[0].version, 7);
    EXPECT_TRUE(keys[1].last_used_at);
    EXPECT_FALSE(ok(api_key(*lease_, owner, id(3))));
    EXPECT_FALSE(ok(api_key(*lease_, other, id(1))));
    EXPECT_EQ(ok(api_key(*lease_, owner, id(2)))->name, "used");
    EXPECT_EQ(ok(account(*lease_, owner))->version, 7);
    given({{own, accounts::ApiKeyRevoked{id(1)}}, {own, accounts::ApiKeyUsed{id(2)}}}, in_one_batch);
    EXPECT_EQ(ok(api_keys_of(*lease_, owner)).size(), 1U);
  }
}

TEST_F(ReadModels, AnAdminReadsNothingByItselfForItsApiSaysAsWhichOwnerItReads) {
  given(a_dialog());
  const Principal admin = Admin{kBoris};
  const auto owner = ok(owner_of_dialog(*lease_, {5}));
  ASSERT_TRUE(owner);
  EXPECT_EQ(ok(dialog_events(*lease_, Owner{*owner}, {5}))->size(), 3U);
  EXPECT_FALSE(ok(owner_of_dialog(*lease_, {6})));
  EXPECT_FALSE(ok(dialog_events(*lease_, admin, {5})));
  EXPECT_FALSE(ok(dialog(*lease_, admin, {5})));
  EXPECT_FALSE(ok(messages(*lease_, admin, {5})));
}

TEST_F(ReadModels, AssistantsAreTheirOwnersAlone) {
  given({{{Kind::assistant, kAssistant.value}, assistant_created(kAnna, "первый")},
         {{Kind::assistant, kOther.value}, assistant_created(kBoris, "чужой")}},
        true);
  const auto mine = ok(assistants_of(*lease_, kAnna)).rows;
  ASSERT_EQ(mine.size(), 1U);
  EXPECT_EQ(mine[0].name, "первый");
  EXPECT_THAT(mine[0].allowed_domains, ElementsAre("example.com", "a,\"b\".test"));
  EXPECT_EQ(mine[0].telegram_bot_token, Sealed{"sealed"});
  EXPECT_TRUE(mine[0].is_active);
  EXPECT_EQ(mine[0].description, std::nullopt);
}

TEST_F(ReadModels, AnAssistantIsTheFoldOfItsChangesInOneBatchOrInMany) {
  for (const bool one_batch : {false, true}) {
    const AssistantId id{kAssistant.value + (one_batch ? 1024 : 0)};
    const Stream stream{Kind::assistant, id.value};
    given({{stream, assistant_created(kAnna, "первый")},
           {stream,
            assistants::Updated{
                .name = "второй", .description = {"d"}, .system_prompt = {std::nullopt}, .is_active = false}},
           {stream, assistants::SiteTokenRotated{"token-2"}},
           {stream, assistants::Updated{.telegram_bot_token = {std::nullopt},
                                        .allowed_domains = std::vector<std::string>{"c,\"d\".test"}}}},
          one_batch);
    const auto row = ok(assistant(*lease_, kAnna, id));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->version, 4);
    EXPECT_EQ(row->name, "второй");
    EXPECT_EQ(row->description, "d");
    EXPECT_EQ(row->system_prompt, std::nullopt);
    EXPECT_EQ(row->ai_model, "gpt-3.5-turbo");
    EXPECT_FALSE(row->is_active);
    EXPECT_EQ(row->site_token, "token-2");
    EXPECT_EQ(row->telegram_bot_token, std::nullopt);
    EXPECT_TRUE(row->website_integration);
    EXPECT_THAT(row->allowed_domains, ElementsAre("c,\"d\".test"));
    given({{stream, assistants::Updated{.ai_model = "m", .website_integration = false}}});
    const auto later = ok(assistant(*lease_, kAnna, id));
    EXPECT_EQ(later->ai_model, "m");
    EXPECT_EQ(later->description, "d");
    EXPECT_FALSE(later->website_integration);
    EXPECT_FALSE(ok(assistant(*lease_, kBoris, id)));
  }
}

TEST_F(ReadModels, AnAssistantThatWaitsForItsBotIsThereWhenItHasIt) {
  for (const bool one_batch : {false, true}) {
    const std::int64_t more = one_batch ? 1024 : 0;
    const Stream stream{Kind::assistant, kAssistant.value + more},
        refused{Kind::assistant, kAssistant.value + 2048 + more};
    const auto created = assistant_created(kAnna, "с ботом");
    const assistants::CreationRequested requested{
        "p1", "c1", "b1", {"sealed"}, std::get<assistants::Created>(created.get<assistants::Event>())};
    given({{stream, requested}, {refused, requested}}, one_batch);
    EXPECT_FALSE(ok(assistant(*lease_, kAnna, {stream.id})));
    given({{stream, created},
           {stream, assistants::BotClaimed{"p1", "b1"}},
           {refused, assistants::CreationRefused{"p1", "b1"}}},
          one_batch);
    EXPECT_EQ(ok(assistant(*lease_, kAnna, {stream.id}))->version, 3);
    EXPECT_FALSE(ok(assistant(*lease_, kAnna, {refused.id})));
    given({{stream, assistants::UpdateRequested{"p2", "c2", "b2", {"other"}, {.name = "другой"}}}}, one_batch);
    EXPECT_EQ(ok(assistant(*lease_, kAnna, {stream.id}))->name, "с ботом");
    given({{stream, assistants::Updated{.name = "другой", .telegram_bot_token = {Sealed{"other"}}}},
           {stream, assistants::BotClaimed{"p2", "b2"}},
           {stream, assistants::BotReleased{"p1", "b1"}}},
          one_batch);
    const auto row = ok(assistant(*lease_, kAnna, {stream.id}));
    EXPECT_EQ(row->version, 7);
    EXPECT_EQ(row->name, "другой");
    EXPECT_EQ(row->telegram_bot_token, Sealed{"other"});
    given({{stream, assistants::Deleted{}}, {stream, assistants::BotReleased{"p2", "b2"}}}, one_batch);
    EXPECT_FALSE(ok(assistant(*lease_, kAnna, {stream.id})));
    given({{stream, assistants::BotReleased{"p3", "b3"}}}, one_batch);
  }
}

TEST_F(ReadModels, ADeletedAssistantIsGoneAndItsDialogsKeepItsName) {
  const Stream stream{Kind::assistant, kAssistant.value}, short_lived{Kind::assistant, kOther.value};
  given(a_dialog());
  given({{stream, assistant_created(kAnna, "Техподдержка")}, {stream, assistants::Deleted{}}});
  given({{short_lived, assistant_created(kAnna, "Недолгий")}, {short_lived, assistants::Deleted{}}}, true);
  for (const auto id : {kAssistant, kOther}) EXPECT_FALSE(ok(assistant(*lease_, kAnna, id)));
  EXPECT_TRUE(ok(assistants_of(*lease_, kAnna)).rows.empty());
  EXPECT_EQ(ok(dialog(*lease_, Owner{kAnna}, {5}))->assistant_name, "Техподдержка");
  const auto rows =
      ok(lease_->query("SELECT count(*) FROM assistants WHERE deleted_at IS NOT NULL AND telegram_bot_token IS NULL"));
  std::int64_t count = 0;
  rows[0].into(count);
  EXPECT_EQ(count, 2);
}

TEST_F(ReadModels, ADialogIsThereForItsOwnerAndItsSiteAndForNobodyElse) {
  given(a_dialog());
  EXPECT_TRUE(ok(dialog(*lease_, Owner{kAnna}, {5})));
  EXPECT_TRUE(ok(dialog(*lease_, Visitor{kAssistant}, {5})));
  for (const Principal& stranger : {Principal{Owner{kBoris}}, Principal{Visitor{kOther}}, Principal{Anonymous{}}}) {
    EXPECT_FALSE(ok(dialog(*lease_, stranger, {5})));
    EXPECT_FALSE(ok(messages(*lease_, stranger, {5})));
    EXPECT_FALSE(ok(dialog_events(*lease_, stranger, {5})));
    EXPECT_FALSE(ok(messages_after(*lease_, stranger, {5}, 0)));
    EXPECT_FALSE(ok(stream_history(*lease_, stranger, dialog_stream(5), 0, kPartition, kShown, 100)).is_visible);
  }
  EXPECT_FALSE(ok(dialog(*lease_, Owner{kAnna}, {6})));
}

TEST_F(ReadModels, ADialogCarriesItsAssistantsNameOnceThatIsKnown) {
  given(a_dialog());
  EXPECT_EQ(ok(dialog(*lease_, Owner{kAnna}, {5}))->assistant_name, std::nullopt);
  given({{{Kind::assistant, kAssistant.value}, assistant_created(kAnna, "Техподдержка")}});
  EXPECT_EQ(ok(dialog(*lease_, Owner{kAnna}, {5}))->assistant_name, "Техподдержка");
}

TEST_F(ReadModels, DialogsAreListedByTheirLatestActivity) {
  for (const std::int64_t id : {1, 2, 3}) given({{dialog_stream(id), opened(kAssistant, kAnna)}});
  given({{dialog_stream(1), message(11, "снова здесь")}, {dialog_stream(9), opened(kOther, kBoris)}});
  const auto ids = [](const DialogPage& page) {
    std::vector<std::int64_t> values;
    for (const auto& d : page.dialogs) values.push_back(d.id.value);
    return values;
  };
  const auto all = ok(dialogs_of(*lease_, kAnna, {}));
  EXPECT_THAT(ids(all), ElementsAre(1, 3, 2));
  EXPECT_EQ(all.total, 3);
  EXPECT_FALSE(all.has_more);
  const auto first = ok(dialogs_of(*lease_, kAnna, {.limit = 2}));
  EXPECT_THAT(ids(first), ElementsAre(1, 3));
  EXPECT_EQ(first.total, 3);
  EXPECT_TRUE(first.has_more);
  const auto second = ok(dialogs_of(*lease_, kAnna, {.limit = 2, .offset = 2}));
  EXPECT_THAT(ids(second), ElementsAre(2));
  EXPECT_FALSE(second.has_more);
  const auto past = ok(dialogs_of(*lease_, kAnna, {.limit = 2, .offset = 30}));
  EXPECT_TRUE(past.dialogs.empty());
  EXPECT_EQ(past.total, 3);
  EXPECT_EQ(ok(dialogs_of(*lease_, kAnna, {.status = "archived"})).total, 0);
  EXPECT_EQ(ok(dialogs_of(*lease_, kAnna, {.status = "active", .handoff_status = "none", .platform = "website"})).total,
            3);
  EXPECT_EQ(ok(dialogs_of(*lease_, kAnna, {.platform = "telegram"})).total, 0);
}

TEST_F(ReadModels, AnArchivedDialogIsListedAsOneAndAnActiveOneAgain) {
  const auto total = [&](const char* status) { return ok(dialogs_of(*lease_, kAnna, {.status = status})).total; };
  given({{dialog_stream(5), opened(kAssistant, kAnna)}, {dialog_stream(5), dialogs::Archived{}}}, true);
  EXPECT_EQ(ok(dialog(*lease_, Owner{kAnna}, {5}))->status, "archived");
  EXPECT_EQ(total("archived"), 1);
  EXPECT_EQ(total("active"), 0);
  given({{dialog_stream(5), message(11, "снова")}, {dialog_stream(5), dialogs::Unarchived{}}});
  EXPECT_EQ(ok(dialog(*lease_, Operator{kBoris, kAnna}, {5}))->status, "active");
  EXPECT_EQ(ok(dialog(*lease_, Owner{kAnna}, {5}))->version, 4);
  EXPECT_EQ(total("active"), 1);
}

TEST_F(ReadModels, DialogsAreFoundByWhatWasSaidInTheFormsOfBothLanguagesAndByNames) {
  given({{dialog_stream(1), opened(kAssistant, kAnna)},
         {dialog_stream(1), message(11, "Оформите возврат денег за зелёный чайник")},
         {dialog_stream(2), opened(kOther, kAnna)},
         {dialog_stream(2), message(12, "The delivery was running late; refunds? mail to user@example.com")},
         {dialog_stream(3),
          dialogs::Opened{.assistant = kAssistant, .owner = kAnna, .platform = {}, .first_name = Personal{"Пётр"}}},
         {dialog_stream(9), opened(kAssistant, kBoris)},
         {dialog_stream(9), message(13, "Возврат")}});
  const auto found = [&](const std::string& words) {
    std::vector<std::int64_t> ids;
    const auto page = ok(dialogs_of(*lease_, kAnna, {.words = words}));
    for (const auto& d : page.dialogs) ids.push_back(d.id.value);
    EXPECT_EQ(page.total, std::ssize(ids));
    return ids;
  };
  EXPECT_THAT(found("возвраты"), ElementsAre(1));
  EXPECT_THAT(found("ЗЕЛЕНЫЕ чайники"), ElementsAre(1));
  EXPECT_THAT(found("\"возврат денег\""), ElementsAre(1));
  EXPECT_THAT(found("\"денег возврат\""), ElementsAre());
  EXPECT_THAT(found("refund run"), ElementsAre(2));
  EXPECT_THAT(found("refund or возврат"), ElementsAre(2, 1));
  EXPECT_THAT(found("delivery -refund"), ElementsAre());
  EXPECT_THAT(found("user@example.com"), ElementsAre(2));
  EXPECT_THAT(found("петр"), ElementsAre(3));
  EXPECT_THAT(found("-возврат"), ElementsAre(2)) << "a message without the word, not a name without it";
  EXPECT_THAT(found("и не в"), ElementsAre()) << "words that are everywhere find nothing";
  for (const char* hostile :
       {"'; DROP TABLE messages; --", "owner 2048", "'owner 2048'", "!!! & | ( <-> :*", "\\", "%", "возврат') || ('"})
    found(hostile);
  EXPECT_EQ(ok(dialogs_of(*lease_, kAnna, {.assistant = kOther, .words = "refund"})).total, 1);
  EXPECT_EQ(ok(dialogs_of(*lease_, kAnna, {.assistant = kAssistant, .words = "refund"})).total, 0);
}

TEST_F(ReadModels, PagesByCursorAreTheListAsItWasHoweverDialogsMoveMeanwhile) {
  // Dialogs of several partitions, each of which has its own time; what is projected between two pages is decided by a
  // seed.
  constexpr std::int64_t kDialogs = 40;
  constexpr int kPartitions = 4;
  std::vector<std::int32_t> partitions{0, 1, 2, 3};
  ASSERT_TRUE(start_checkpoints(*lease_, partitions, "topic"));
  std::vector<std::int64_t> next(kPartitions);
  std::int64_t number = 0;
  const auto id_of = [](std::int64_t n) { return n * kSlots + (n * 173) % kSlots; };
  const auto happens = [&](std::int64_t dialog, const AnyEvent& event) {
    const int partition = partition_of(slot_of(dialog), kPartitions);
    const auto at = static_cast<std::size_t>(partition);
    const auto written = log_.event(dialog_stream(dialog), event);
    Batch batch;
    ASSERT_TRUE(batch.add(written.envelope, written.value, partition, next[at]));
    auto transaction = lease_->transaction();
    ASSERT_TRUE(batch.write(*transaction));
    const Advance advances[] = {{.from = next[at],
                                 .to = {.partition = partition,
                                        .next = next[at] + 1,
                                        .last_event_id = written.envelope.id,
                                        .last_position = next[at]}}};
    ASSERT_EQ(ok(advance(*transaction, advances)), 1U);
    ASSERT_TRUE(transaction->commit());
    ++next[at];
  };
  for (std::int64_t n = 1; n <= kDialogs; ++n) happens(id_of(n), opened(kAssistant, kAnna));
  std::mt19937 random(7);
  const auto somebody_speaks = [&] {
    happens(id_of(1 + static_cast<std::int64_t>(random() % kDialogs)), message(++number * kSlots, "и ещё"));
  };
  for (int i = 0; i < 60; ++i) somebody_speaks();
  for (int round = 0; round < 4; ++round) {
    std::vector<std::int64_t> expected, seen;
    for (const auto& d : ok(dialogs_of(*lease_, kAnna, {.limit = 1'000})).dialogs) expected.push_back(d.id.value);
    std::optional<DialogCursor> cursor;
    do {
      const auto page = ok(dialogs_of(*lease_, kAnna, {.limit = 7, .after = cursor}));
      for (const auto& d : page.dialogs) seen.push_back(d.id.value);
      EXPECT_EQ(page.has_more, page.next.has_value());
      cursor = page.next;
      for (auto more = random() % 12; more > 0; --more) somebody_speaks();
      happens(id_of(1'000 + ++number), opened(kAssistant, kAnna));
    } while (cursor);
    EXPECT_EQ(seen, expected) << "round " << round;
  }
}

TEST_F(ReadModels, MessagesArePagedBackwards) {
  given(a_dialog());
  const auto older = ok(messages(*lease_, Owner{kAnna}, {5}, 10, 3));
  ASSERT_EQ(older->rows.size(), 1U);
  EXPECT_EQ(older->rows[0].version, 2);
  EXPECT_FALSE(older->has_more);
  EXPECT_TRUE(ok(messages(*lease_, Owner{kAnna}, {5}, 10, 2))->rows.empty());
}

TEST_F(ReadModels, MessagesStandInTheOrderOfTheirDialogAndALimitKeepsTheLatest) {
  given(a_dialog());
  const auto all = ok(messages(*lease_, Visitor{kAssistant}, {5}));
  ASSERT_TRUE(all);
  ASSERT_EQ(all->rows.size(), 2U);
  EXPECT_EQ(all->rows[0].id, MessageId{11});
  EXPECT_EQ(all->rows[0].sender, "user");
  EXPECT_EQ(all->rows[0].version, 2);
  EXPECT_EQ(all->rows[0].operator_name, std::nullopt);
  EXPECT_EQ(all->rows[1].sender, "operator");
  EXPECT_EQ(all->rows[1].operator_name, Personal{"Ольга"});
  EXPECT_FALSE(all->has_more);
  const auto latest = ok(messages(*lease_, Owner{kAnna}, {5}, 1));
  ASSERT_EQ(latest->rows.size(), 1U);
  EXPECT_EQ(latest->rows[0].id, MessageId{12});
  EXPECT_TRUE(latest->has_more);
}

TEST_F(ReadModels, APageEndsBeforeItHasMoreBytesThanOneAnswerHolds) {
  constexpr int kMessages = 12;  // of a megabyte each
  std::vector<std::pair<Stream, AnyEvent>> events{{dialog_stream(5), opened(kAssistant, kAnna)}};
  for (int i = 0; i < kMessages; ++i)
    events.emplace_back(dialog_stream(5), message(11 + i, std::string(1'000'000, 'x')));
  given(events);
  ASSERT_TRUE(start_checkpoints(*lease_, std::vector<std::int32_t>{kPartition}, "topic"));
  ASSERT_TRUE(lease_->query("UPDATE checkpoints SET next = 100"));
  constexpr std::size_t kInPage = 8;
  const auto latest = ok(messages(*lease_, Owner{kAnna}, {5}));
  ASSERT_EQ(latest->rows.size(), kInPage);
  EXPECT_EQ(latest->rows.back().version, 1 + kMessages);
  EXPECT_TRUE(latest->has_more);
  const auto older = ok(messages(*lease_, Owner{kAnna}, {5}, 100, latest->rows.front().version));
  EXPECT_EQ(older->rows.size(), kMessages - kInPage);
  EXPECT_EQ(older->rows.front().version, 2);
  EXPECT_FALSE(older->has_more);
  const auto after = ok(messages_after(*lease_, Owner{kAnna}, {5}, 1));
  ASSERT_EQ(after->rows.size(), kInPage);
  EXPECT_EQ(after->rows.front().version, 2);
  EXPECT_TRUE(after->has_more);
  EXPECT_FALSE(ok(messages_after(*lease_, Owner{kAnna}, {5}, after->rows.back().version))->has_more);

  // What takes more in JSON than in the table counts as it is sent; and one row comes whatever it has.
  given({{dialog_stream(5), message(90, std::string(2'000'000, '\x01'))}});
  const auto escaped = ok(messages(*lease_, Owner{kAnna}, {5}));
  EXPECT_EQ(escaped->rows.size(), 1U);
  EXPECT_TRUE(escaped->has_more);
}

TEST_F(ReadModels, AssistantsAndOperatorsArePagedFromTheOldestOn) {
  auto large = std::get<assistants::Created>(assistant_created(kAnna, "large").get<assistants::Event>());
  large.system_prompt = std::string(3'000'000, 'p');
  std::vector<std::pair<Stream, AnyEvent>> events;
  for (int i = 0; i < 5; ++i) {
    large.site_token = "token-" + std::to_string(i);
    events.emplace_back(Stream{Kind::assistant, 1024 * (20 + i)}, large);
  }
  for (int i = 0; i < 3; ++i) {
    const Stream account{Kind::account, 1024 * (40 + i)};
    events.emplace_back(account, registered("o@example.com"));
    events.emplace_back(account, accounts::JoinedTeam{kAnna, Personal{"О."}});
  }
  given(events);
  const auto first = ok(assistants_of(*lease_, kAnna));
  ASSERT_EQ(first.rows.size(), 2U) << "of three megabytes each";
  EXPECT_TRUE(first.has_more);
  const auto cursor_of = [](const auto& page) {
    return ListCursor{.created_at = page.rows.back().created_at, .id = page.rows.back().id.value};
  };
  auto page = first;
  std::vector<std::int64_t> seen;
  while (true) {
    for (const auto& row : page.rows) seen.push_back(row.id.value / 1024);
    if (!page.has_more) break;
    page = ok(assistants_of(*lease_, kAnna, 2, cursor_of(page)));
  }
  EXPECT_THAT(seen, ElementsAre(20, 21, 22, 23, 24));
  const auto team = ok(operators_of(*lease_, kAnna, 2));
  ASSERT_EQ(team.rows.size(), 2U);
  EXPECT_TRUE(team.has_more);
  const auto rest = ok(operators_of(*lease_, kAnna, 2, cursor_of(team)));
  ASSERT_EQ(rest.rows.size(), 1U);
  EXPECT_EQ(rest.rows[0].id.value, 1024 * 42);
  EXPECT_FALSE(rest.has_more);
}

TEST_F(ReadModels, MessagesAfterAVersionAreThoseThatCameSince) {
  given(a_dialog());
  const auto all = ok(messages_after(*lease_, Owner{kAnna}, {5}, 0));
  ASSERT_TRUE(all);
  EXPECT_EQ(all->rows.size(), 2U);
  EXPECT_FALSE(all->has_more);
  EXPECT_TRUE(ok(messages_after(*lease_, Owner{kAnna}, {5}, 3))->rows.empty());
  const auto page = ok(messages_after(*lease_, Visitor{kAssistant}, {5}, 0, 1));
  ASSERT_EQ(page->rows.size(), 1U);
  EXPECT_EQ(page->rows[0].version, 2);
  EXPECT_TRUE(page->has_more);
}

TEST_F(ReadModels, AStreamsHistoryIsWhereItsEventsStandWithTheCheckpointOfTheSameMoment) {
  given(a_dialog());
  ASSERT_TRUE(start_checkpoints(*lease_, std::vector<std::int32_t>{kPartition}, "topic"));
  {
    auto transaction = lease_->transaction();
    const Advance advances[] = {
        {.from = 0, .to = {.partition = kPartition, .next = 3, .last_event_id = "e", .last_position = 2}}};
    EXPECT_EQ(ok(advance(*transaction, advances)), 1U);
    ASSERT_TRUE(transaction->commit());
  }
  const auto read = [&](const Principal& viewer, std::int64_t after, const std::vector<std::string>& types = kShown,
                        int limit = 100) {
    return ok(stream_history(*lease_, viewer, dialog_stream(5), after, kPartition, types, limit));
  };
  const auto positions = [](const auto& history) {
    std::vector<std::int64_t> found;
    for (const auto& event : history.events) found.push_back(event.position);
    return found;
  };
  const auto all = read(Owner{kAnna}, 0);
  EXPECT_TRUE(all.is_visible);
  EXPECT_THAT(positions(all), ElementsAre(0, 1, 2));
  EXPECT_THAT(all.events[2].event_id, ::testing::EndsWith("000003"));
  EXPECT_EQ(all.version, 3);
  EXPECT_EQ(all.checkpoint, 3);
  EXPECT_EQ(all.parked_at, std::nullopt);
  EXPECT_FALSE(all.has_more);
  EXPECT_THAT(positions(read(Visitor{kAssistant}, 2)), ElementsAre(2));
  EXPECT_THAT(positions(read(Owner{kAnna}, 0, {"parley.dialog.opened.v1"})), ElementsAre(0));
  const auto page = read(Owner{kAnna}, 0, kShown, 1);
  EXPECT_THAT(positions(page), ElementsAre(0));
  EXPECT_TRUE(page.has_more);
  EXPECT_EQ(page.version, 3);
  EXPECT_FALSE(
      ok(stream_history(*lease_, Owner{kAnna}, {Kind::account, kAnna.value}, 0, kPartition, kShown, 100)).is_visible)
      << "dialogs alone are followed";
}

TEST_F(ReadModels, AnOwnersHistoryIsWhatHappenedInItsDialogsByPosition) {
  given({{dialog_stream(5), opened(kAssistant, kAnna)},
         {dialog_stream(9), opened(kOther, kBoris)},
         {dialog_stream(5), message(11, "Здравствуйте")},
         {dialog_stream(9), message(12, "чужое")},
         {dialog_stream(5), dialogs::Archived{}},
         {dialog_stream(5), message(13, "Добрый день", dialogs::Sender::operator_)}});
  ASSERT_TRUE(start_checkpoints(*lease_, std::vector<std::int32_t>{kPartition}, "topic"));
  const auto read = [&](std::int64_t from, std::int64_t span = 100, int limit = 100) {
    return ok(owner_history(*lease_, kAnna, kPartition, from, span, kShown, limit));
  };
  EXPECT_TRUE(read(0).events.empty()) << "nothing is known to be complete yet";
  ASSERT_TRUE(lease_->query("UPDATE checkpoints SET next = 6"));
  const auto all = read(0);
  ASSERT_EQ(all.events.size(), 4U);
  EXPECT_EQ(all.read_to, 6);
  EXPECT_EQ(all.checkpoint, 6);
  EXPECT_FALSE(all.has_gap);
  EXPECT_EQ(all.events[0].position, 0);
  EXPECT_THAT(all.events[0].event_id, ::testing::EndsWith("000001"));
  EXPECT_EQ(all.events[3].position, 5);
  EXPECT_EQ(
      ok(owner_history(*lease_, kAnna, kPartition, 0, 100, std::vector<std::string>{"parley.dialog.archived.v1"}, 100))
          .events.size(),
      1U);

  const auto page = read(0, 100, 2);
  EXPECT_EQ(page.events.size(), 2U);
  EXPECT_EQ(page.read_to, 3);
  EXPECT_EQ(read(page.read_to).events.size(), 2U);
  const auto bounded = read(1, 1);
  EXPECT_TRUE(bounded.events.empty());
  EXPECT_EQ(bounded.read_to, 2);
  EXPECT_EQ(read(6).read_to, 6);

  // What is parked is missing; whoever passes over it is told, if it is theirs or nobody knows whose it is.
  const auto park = [&](const std::string& stream, int position) {
    const auto values = "'read_models', '" + stream + "', ";
    ASSERT_TRUE(lease_->query(
        "INSERT INTO parked_streams (projection, stream, partition, position, version, event_id, reason) VALUES (" +
        values + "3, " + std::to_string(position) + ", 1, 'e', 'r')"));
    ASSERT_TRUE(lease_->query("INSERT INTO parked_events VALUES (" + values + std::to_string(position) + ", 1, 'e')"));
  };
  park("dialog/9", 3);
  park("account/5", 2);
  EXPECT_FALSE(read(0).has_gap);
  park("dialog/5", 5);
  EXPECT_TRUE(read(0).has_gap);
  EXPECT_FALSE(read(0, 5).has_gap);
  ASSERT_TRUE(lease_->query("DELETE FROM parked_events WHERE stream = 'dialog/5'"));
  park("dialog/77", 4);
  EXPECT_TRUE(read(0).has_gap);
}

TEST_F(ReadModels, TheIndexTellsADialogsEventsWithCauseAndHash) {
  given(a_dialog());
  const auto events = ok(dialog_events(*lease_, Owner{kAnna}, {5}));
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 3U);
  EXPECT_EQ((*events)[0].type, "parley.dialog.opened.v1");
  EXPECT_EQ((*events)[2].version, 3);
  EXPECT_EQ((*events)[2].cause, "cause-3");
  EXPECT_EQ((*events)[2].hash, std::string(63, '0') + "3");
  EXPECT_EQ((*events)[2].partition, kPartition);
  EXPECT_EQ((*events)[2].position, 2);
  EXPECT_EQ(ok(dialog_events(*lease_, Owner{kAnna}, {5}, 2))->size(), 1U);
}

TEST_F(ReadModels, AnEventOfAnUnknownTypeStandsInTheIndexAndAdvancesItsRow) {
  given({{dialog_stream(5), opened(kAssistant, kAnna)}});
  Batch batch;
  const auto future = log_.unknown("dialog/5", "parley.dialog.sung.v1");
  const auto seal = log_.unknown("seal/0", "parley.seal.v1");
  ASSERT_TRUE(batch.add(future.envelope, future.value, kPartition, 1));
  ASSERT_TRUE(batch.add(seal.envelope, seal.value, kPartition, 2));
  ASSERT_TRUE(write(batch));
  EXPECT_EQ(ok(dialog(*lease_, Owner{kAnna}, {5}))->version, 2);
  EXPECT_EQ(ok(dialog_events(*lease_, Owner{kAnna}, {5}))->size(), 2U);
  given({{dialog_stream(5), message(11, "дальше")}});
  EXPECT_EQ(ok(dialog(*lease_, Owner{kAnna}, {5}))->version, 3);
}

TEST_F(ReadModels, WhatPostgreSQLCannotHoldIsReplacedAndStopsNobody) {
  given({{dialog_stream(5), opened(kAssistant, kAnna)}});
  auto written = log_.event(dialog_stream(5), message(11, "?"));
  written.value = R"({"message_id":11,"sender":"user","text":"a\u0000b\uDC00c\uD55C"})";
  Batch batch;
  const auto added = batch.add(written.envelope, written.value, kPartition, 1);
  ASSERT_TRUE(added) << added.error();
  ASSERT_TRUE(write(batch));
  EXPECT_EQ(ok(messages(*lease_, Owner{kAnna}, {5}))->rows[0].text.text, "a\uFFFDb\uFFFDc\uD55C");
}

TEST_F(ReadModels, ARepetitionAndAGapAreRefused) {
  const auto first = log_.event(dialog_stream(5), opened(kAssistant, kAnna));
  const auto second = log_.event(dialog_stream(5), message(11, "раз"));
  const auto third = log_.event(dialog_stream(5), message(12, "два"));
  const auto alone = [&](const parley::testing::Written& w) {
    Batch batch;
    EXPECT_TRUE(batch.add(w.envelope, w.value, kPartition, 0));
    return write(batch);
  };
  ASSERT_TRUE(alone(first));
  EXPECT_EQ(alone(first).error().kind, postgres::ErrorKind::rejected);
  EXPECT_EQ(alone(third).error().kind, postgres::ErrorKind::rejected);
  ASSERT_TRUE(alone(second));
  ASSERT_TRUE(alone(third));
  EXPECT_EQ(alone(third).error().kind, postgres::ErrorKind::rejected);
  EXPECT_EQ(ok(dialog(*lease_, Owner{kAnna}, {5}))->message_count, 2);
}

TEST_F(ReadModels, AnEventThatCannotBeReadIsRefusedWithItsNameAndWithoutItsData) {
  auto written = log_.event(dialog_stream(5), message(11, "тайна"));
  Batch batch;
  const auto broken = batch.add(written.envelope, "{\"text\":\"тайна\"}", kPartition, 0);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().find(written.envelope.id), std::string::npos);
  EXPECT_EQ(broken.error().find("тайна"), std::string::npos);
  written.envelope.subject = "account/5";
  EXPECT_FALSE(batch.add(written.envelope, written.value, kPartition, 0));
  written.envelope.subject = "dialog";
  EXPECT_FALSE(batch.add(written.envelope, written.value, kPartition, 0));
}

TEST_F(ReadModels, ACheckpointMovesOnlyFromWhereItStands) {
  const std::vector<std::int32_t> partitions{0, 1};
  ASSERT_TRUE(start_checkpoints(*lease_, partitions, "topic"));
  ASSERT_TRUE(start_checkpoints(*lease_, partitions, "another"));  // changes nothing
  const auto move = [&](std::int64_t from0, std::int64_t from1) {
    auto transaction = lease_->transaction();
    const Advance advances[] = {
        {.from = from0, .to = {.partition = 0, .next = 7, .last_event_id = "a", .last_position = 6}},
        {.from = from1, .to = {.partition = 1, .next = 9, .last_event_id = "b", .last_position = 8}}};
    const auto hit = ok(advance(*transaction, advances));
    if (hit == 2) {
      EXPECT_TRUE(transaction->commit());
    }
    return hit;
  };
  EXPECT_EQ(move(0, 1), 1U);
  EXPECT_EQ(ok(checkpoints(*lease_))[0].next, 0);
  EXPECT_EQ(move(0, 0), 2U);
  EXPECT_EQ(move(0, 0), 0U);
  const auto rows = ok(checkpoints(*lease_));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1],
            (Checkpoint{.partition = 1, .next = 9, .topic_id = "topic", .last_event_id = "b", .last_position = 8}));
}

TEST(Announcement, IsReadAsItWasWritten) {
  const Advance advances[] = {{.from = 0, .to = {.partition = 3, .next = 17}},
                              {.from = 5, .to = {.partition = 12, .next = 9'000'000'000}}};
  EXPECT_EQ(announcement(advances), "3:17,12:9000000000");
  const auto positions = parse_announcement("3:17,12:9000000000");
  ASSERT_TRUE(positions);
  EXPECT_THAT(*positions, ElementsAre(std::pair(3, 17), std::pair(12, 9'000'000'000)));
  EXPECT_TRUE(parse_announcement("")->empty());
  for (const char* wrong : {"x", "3", "3:", "3:1;4:2", "3:x", ":1"}) EXPECT_FALSE(parse_announcement(wrong)) << wrong;
  EXPECT_TRUE(announcement(std::vector<Advance>(2'000, advances[1])).empty());
}

}  // namespace
}  // namespace parley::projections
