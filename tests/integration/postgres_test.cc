// platform/postgres on a real server: what callers may rely on, with the server in good and in bad health.
#include <gmock/gmock.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "platform/postgres/listener.h"
#include "platform/postgres/migrator.h"
#include "tests/integration/postgres_fixture.h"
#include "tests/integration/tcp_gate.h"

// libpqxx 6.4.5 leaks the empty result (2 kB) of a statement under which the connection broke.
extern "C" const char* __lsan_default_suppressions() { return "leak:pqxx::connection_base::\n"; }

namespace parley::postgres {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr auto kDeadline = 15s;

class Postgres : public testing::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_TRUE(migrate(session(), {}));  // the empty schema
  }

  Pool pool(std::size_t connections_max = 2) {
    return Pool({.session = session(), .connections_max = connections_max});
  }
  Lease lease(Pool& from) {
    auto lent = from.lease(kDeadline);
    EXPECT_TRUE(lent) << lent.error().detail;
    return std::move(*lent);
  }
  Rows ok(Result<Rows> rows) {
    EXPECT_TRUE(rows) << rows.error().detail;
    return std::move(*rows);
  }
  /// The same database, through a door.
  SessionOptions behind(const parley::testing::TcpGate& gate) const {
    SessionOptions options = session();
    options.connection += " host=127.0.0.1 port=" + std::to_string(gate.port()) + " sslmode=disable";
    return options;
  }
  int server_port() {
    Pool own = pool();
    Lease l = lease(own);
    std::int64_t port = 0;
    ok(l.query("SELECT current_setting('port')::bigint"))[0].into(port);
    return static_cast<int>(port);
  }
};

TEST_F(Postgres, GivesBackEveryTypeThatItWasGiven) {
  Pool p = pool();
  Lease l = lease(p);
  const Timestamp at = std::chrono::sys_days{std::chrono::year{2026} / 2 / 28} + 23h + 59min + 58s + 7ms;
  const std::vector<std::string> texts{"plain",       "with \"quotes\", comma", "back\\slash {brace}", "", "NULL",
                                       "кириллица 🦜"};
  const Rows rows = ok(l.query(
      "SELECT $1::bigint, $2::boolean, $3::text, $4::timestamptz, $5::text[], $6::text, $7::text[], $8::bigint",
      Params(kIdMax, true, "it's\n\"so\"", at, texts, std::nullopt, std::vector<std::string>{}, DialogId{1387})));
  std::int64_t number = 0;
  bool yes = false;
  std::string text;
  Timestamp time;
  std::vector<std::string> list, none{"x"};
  std::optional<std::string> absent = "x";
  DialogId id;
  rows[0].into(number, yes, text, time, list, absent, none, id);
  EXPECT_EQ(number, kIdMax);
  EXPECT_TRUE(yes);
  EXPECT_EQ(text, "it's\n\"so\"");
  EXPECT_EQ(time, at);
  EXPECT_EQ(list, texts);
  EXPECT_EQ(absent, std::nullopt);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(id, DialogId{1387});
}

TEST_F(Postgres, AColumnCarriesValuesAndNullsThroughUnnest) {
  Pool p = pool();
  Lease l = lease(p);
  Column column;
  column.add(std::optional<std::string>("a,\"b\\"));
  column.add(std::optional<std::string>());
  const Rows rows = ok(l.query("SELECT * FROM unnest($1::text[])", Params(column)));
  ASSERT_EQ(rows.size(), 2U);
  std::optional<std::string> first, second;
  rows[0].into(first);
  rows[1].into(second);
  EXPECT_EQ(first, "a,\"b\\");
  EXPECT_EQ(second, std::nullopt);
}

TEST_F(Postgres, MisreadingAnAnswerIsADefectThatThrows) {
  Pool p = pool();
  Lease l = lease(p);
  const Rows rows = ok(l.query("SELECT 'x', NULL::text"));
  std::int64_t number = 0;
  std::string text;
  EXPECT_THROW(rows[0].into(text), std::logic_error);
  EXPECT_THROW(rows[0].read(0, number), std::logic_error);
  EXPECT_THROW(rows[0].read(1, text), std::logic_error);
}

TEST_F(Postgres, LendsNoMoreThanItsBoundAndWaitsNoLongerThanTheDeadline) {
  Pool p = pool(1);
  std::optional<Lease> first = lease(p);
  const auto second = p.lease(50ms);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::timeout);
  auto third = std::async(std::launch::async, [&] { return p.lease(kDeadline).has_value(); });
  const auto give_up = std::chrono::steady_clock::now() + kDeadline;
  while (p.usage().waiting == 0 && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(p.usage().waiting, 1U);
  first.reset();
  EXPECT_TRUE(third.get());
  EXPECT_EQ(p.usage().lent, 0U);
  EXPECT_EQ(p.usage().waiting, 0U);
}

TEST_F(Postgres, ASnapshotSeesOneStateWhateverIsCommittedMeanwhile) {
  Pool p = pool();
  Lease writer = lease(p);
  ok(writer.query("CREATE TABLE t (n bigint)"));
  Lease reader = lease(p);
  auto snapshot = reader.snapshot();
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(ok(snapshot->query("SELECT n FROM t")).size(), 0U);
  ok(writer.query("INSERT INTO t VALUES (1)"));
  EXPECT_EQ(ok(snapshot->query("SELECT n FROM t")).size(), 0U);
  const auto written = snapshot->query("INSERT INTO t VALUES (2)");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::unavailable);  // 25006: whoever may write is elsewhere
}

TEST_F(Postgres, ASnapshotThatHoldsATableSeesWhatWhoeverHadLockedItHasDone) {
  Pool p = pool(3);
  Lease writer = lease(p);
  ok(writer.query("CREATE TABLE held (n bigint)"));
  ok(writer.query("CREATE TABLE t (n bigint)"));
  auto writing = writer.transaction();
  ASSERT_TRUE(writing);
  ok(writing->query("LOCK TABLE held IN ACCESS EXCLUSIVE MODE"));
  auto seen = std::async(std::launch::async, [&] {
    Lease reader = lease(p);
    auto snapshot = reader.snapshot("held");
    return ok(snapshot->query("SELECT n FROM t")).size();
  });
  Lease watcher = lease(p);
  const auto waiting = [&] {
    return ok(watcher.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'held'::regclass")).size() == 1;
  };
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!waiting()) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  ok(writing->query("INSERT INTO t VALUES (1)"));
  ASSERT_TRUE(writing->commit());
  EXPECT_EQ(seen.get(), 1U);
}

TEST_F(Postgres, ATransactionThatIsNotCommittedLeavesNothing) {
  Pool p = pool();
  Lease l = lease(p);
  ok(l.query("CREATE TABLE t (n bigint PRIMARY KEY)"));
  {
    auto dropped = l.transaction();
    ASSERT_TRUE(dropped);
    ok(dropped->query("INSERT INTO t VALUES (1)"));
  }
  {
    auto kept = l.transaction();
    ASSERT_TRUE(kept);
    EXPECT_EQ(ok(kept->query("INSERT INTO t SELECT generate_series(1, 3)")).affected(), 3);
    EXPECT_TRUE(kept->commit());
  }
  EXPECT_EQ(ok(l.query("SELECT n FROM t")).size(), 3U);
}

TEST_F(Postgres, ARefusedStatementIsRejectedAndItsErrorQuotesNoValue) {
  Pool p = pool();
  Lease l = lease(p);
  ok(l.query("CREATE TABLE t (email text PRIMARY KEY)"));
  ok(l.query("INSERT INTO t VALUES ($1)", Params("anna@example.com")));
  const auto again = l.query("INSERT INTO t VALUES ($1)", Params("anna@example.com"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::rejected);
  EXPECT_FALSE(again.error().retryable());
  EXPECT_EQ(again.error().detail.find("anna"), std::string::npos) << again.error().detail;
  const auto wrong = l.query("SELECT $1::text::bigint", Params("anna@example.com"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().detail.find("anna"), std::string::npos) << wrong.error().detail;
  EXPECT_TRUE(l.query("SELECT 1"));  // the connection is as good as before
}

TEST_F(Postgres, AStatementThatTakesTooLongEndsAsTimeout) {
  SessionOptions options = session();
  options.statement_timeout = 50ms;
  Pool p({.session = options, .connections_max = 1});
  Lease l = lease(p);
  const auto slow = l.query("SELECT pg_sleep(30)");
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().kind, ErrorKind::timeout);
  EXPECT_TRUE(l.query("SELECT 1"));
}

TEST_F(Postgres, AServerThatSaysNothingCostsABoundedTimeAndTheConnection) {
  parley::testing::TcpGate gate(connection_, server_port());
  SessionOptions options = behind(gate);
  options.statement_timeout = 100ms;
  options.silence_timeout = 100ms;
  Pool p({.session = options, .connections_max = 1});
  {
    Lease l = lease(p);
    gate.fall_silent();
    const auto begun = std::chrono::steady_clock::now();
    const auto silent = l.query("SELECT 1");
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().kind, ErrorKind::unavailable);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, kDeadline);
  }
  gate.speak_again();
  EXPECT_EQ(p.usage().idle, 0U);
  Lease l = lease(p);
  EXPECT_TRUE(l.query("SELECT 1"));
}

TEST_F(Postgres, ABrokenConnectionIsThrownAwayAndAStaleOneIsNotLent) {
  Pool p = pool(1);
  Pool other = pool(1);
  std::int64_t pid = 0;
  {
    Lease l = lease(p);
    ok(l.query("SELECT pg_backend_pid()::bigint"))[0].into(pid);
  }
  Lease killer = lease(other);
  ok(killer.query("SELECT pg_terminate_backend($1::integer, 5000)", Params(pid)));
  {
    Lease l = lease(p);
    EXPECT_TRUE(l.query("SELECT 1"));  // a new one: the idle one was closed under us
    ok(l.query("SELECT pg_backend_pid()::bigint"))[0].into(pid);
    ok(killer.query("SELECT pg_terminate_backend($1::integer, 5000)", Params(pid)));
    const auto broken = l.query("SELECT 1");
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().kind, ErrorKind::unavailable);
  }
  EXPECT_EQ(p.usage().idle, 0U);
  Lease l = lease(p);
  EXPECT_TRUE(l.query("SELECT 1"));
}

TEST_F(Postgres, NobodyThereIsUnavailable) {
  parley::testing::TcpGate gate(connection_, server_port());
  gate.shut();
  Pool p({.session = behind(gate), .connections_max = 1});
  const auto none = p.lease(kDeadline);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::unavailable);
  gate.open();
  EXPECT_TRUE(p.lease(kDeadline));
}

TEST_F(Postgres, ACommitThatNobodyAnsweredIsInDoubt) {
  parley::testing::TcpGate gate(connection_, server_port());
  Pool p({.session = behind(gate), .connections_max = 1});
  Pool direct = pool();
  Lease look = lease(direct);
  ok(look.query("CREATE TABLE t (n bigint)"));
  Lease l = lease(p);
  auto transaction = l.transaction();
  ASSERT_TRUE(transaction);
  ok(transaction->query("INSERT INTO t VALUES (1)"));
  gate.cut_after("COMMIT");
  const auto committed = transaction->commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().kind, ErrorKind::in_doubt);
  EXPECT_FALSE(committed.error().retryable());
  EXPECT_EQ(ok(look.query("SELECT n FROM t")).size(), 1U);  // here it happened
}

/// What a Listener's callbacks were told, with waiting.
class Heard {
 public:
  Listener::Callbacks callbacks() {
    return {.on_listening = [this] { note("listening"); },
            .on_notification = [this](std::string_view payload) { note(std::string(payload)); },
            .on_lost = [this](std::string_view) { note("lost"); }};
  }
  bool wait_for(const std::string& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return std::ranges::count(heard_, what) > 0; });
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(heard_, {});
  }

 private:
  void note(std::string what) {
    {
      const std::lock_guard lock(mutex_);
      heard_.push_back(std::move(what));
    }
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> heard_;
};

TEST_F(Postgres, AListenerHearsWhatIsNotifiedAndSaysWhenItListensAgain) {
  parley::testing::TcpGate gate(connection_, server_port());
  Heard heard;
  Listener listener({.session = behind(gate), .channel = schema_}, heard.callbacks());
  ASSERT_TRUE(heard.wait_for("listening"));
  Pool p = pool();
  Lease l = lease(p);
  ok(l.query("SELECT pg_notify($1, 'one')", Params(schema_)));
  ASSERT_TRUE(heard.wait_for("one"));
  EXPECT_THAT(heard.take(), ElementsAre("listening", "one"));
  gate.shut();
  ASSERT_TRUE(heard.wait_for("lost"));
  EXPECT_FALSE(listener.listening());
  heard.take();
  gate.open();
  ASSERT_TRUE(heard.wait_for("listening"));
  ok(l.query("SELECT pg_notify($1, 'two')", Params(schema_)));
  ASSERT_TRUE(heard.wait_for("two"));
}

constexpr Migration kFirst{"0001_first.sql", "CREATE TABLE a (n bigint); INSERT INTO a VALUES (1);"};
constexpr Migration kSecond{"0002_second.sql", "CREATE TABLE b (n bigint); UPDATE a SET n = n + 1;"};

TEST_F(Postgres, MigrationsAreAppliedOnceAndInOrder) {
  const Migration both[] = {kFirst, kSecond};
  const auto first = migrate(session(), std::span(both, 1));
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_THAT(first->applied, ElementsAre("0001_first.sql"));
  EXPECT_FALSE(expect_migrated(session(), both));
  const auto second = migrate(session(), both);
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_THAT(second->applied, ElementsAre("0002_second.sql"));
  EXPECT_EQ(second->already, 1U);
  const auto third = migrate(session(), both);
  ASSERT_TRUE(third);
  EXPECT_TRUE(third->applied.empty());
  EXPECT_TRUE(expect_migrated(session(), both));
}

TEST_F(Postgres, MigrationsAtTheSameTimeWaitForOneAnother) {
  const Migration both[] = {kFirst, kSecond};
  std::vector<std::future<Result<Migrated>>> runs;
  for (int i = 0; i < 4; ++i) runs.push_back(std::async(std::launch::async, [&] { return migrate(session(), both); }));
  std::size_t applied = 0;
  for (auto& run : runs) {
    const auto done = run.get();
    ASSERT_TRUE(done) << done.error().detail;
    applied += done->applied.size();
  }
  EXPECT_EQ(applied, 2U);
}

TEST_F(Postgres, AnEditedMigrationIsRefused) {
  const Migration as_applied[] = {kFirst};
  ASSERT_TRUE(migrate(session(), as_applied));
  const Migration edited[] = {{kFirst.name, "CREATE TABLE a (n text);"}, kSecond};
  const auto refused = migrate(session(), edited);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
  EXPECT_NE(refused.error().detail.find("0001_first.sql"), std::string::npos);
  const auto older = expect_migrated(session(), {});
  ASSERT_FALSE(older);  // the schema is newer than the program
}

TEST_F(Postgres, AMigrationThatFailsLeavesNothingOfItself) {
  const Migration steps[] = {kFirst, {"0002_broken.sql", "CREATE TABLE c (n bigint); SELECT nonsense;"}};
  ASSERT_FALSE(migrate(session(), steps));
  Pool p = pool();
  Lease l = lease(p);
  EXPECT_TRUE(ok(l.query("SELECT to_regclass('c')::text"))[0].is_null(0));
  EXPECT_FALSE(ok(l.query("SELECT to_regclass('a')::text"))[0].is_null(0));
}

}  // namespace
}  // namespace parley::postgres
