#include "tests/bench/postgres.h"

#include <libpq-fe.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/http_client.h"

namespace parley::bench {
namespace {

/// As projections/queries.cc asks, for a visitor.
constexpr const char* kMessages =
    "SELECT m.id, m.version, m.sender, m.text, m.operator_name, m.created_at FROM dialogs d LEFT JOIN LATERAL"
    " (SELECT * FROM messages WHERE dialog_id = d.id ORDER BY version DESC LIMIT $4) m ON true"
    " WHERE d.id = $1 AND (d.owner_id = $2 OR d.assistant_id = $3) ORDER BY m.version";
constexpr const char* kRowsMax = "1001";
constexpr const char* kStatement = "messages";
/// The rows of one message's event; its dialog's row is one of many events.
constexpr std::array kTables{"messages", "event_index"};

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
using Result = std::unique_ptr<PGresult, Finish>;

[[noreturn]] void fail(const Connection& connection) { throw std::runtime_error(PQerrorMessage(connection.get())); }

Connection connect(const std::string& text) {
  Connection connection(PQconnectdb(text.c_str()));
  if (PQstatus(connection.get()) != CONNECTION_OK) fail(connection);
  return connection;
}

Result execute(const Connection& connection, const std::string& statement) {
  Result result(PQexec(connection.get(), statement.c_str()));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN && status != PGRES_COPY_OUT)
    fail(connection);
  return result;
}

void expect_done(const Connection& connection) {
  while (const Result result{PQgetResult(connection.get())}) {
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) fail(connection);
  }
}

/// A table's rows as COPY writes them, a row a piece.
std::vector<std::string> copy_out(const Connection& connection, const std::string& table) {
  execute(connection, "COPY " + table + " TO STDOUT");
  std::vector<std::string> rows;
  char* row = nullptr;
  int size = 0;
  while ((size = PQgetCopyData(connection.get(), &row, 0)) > 0) {
    rows.emplace_back(row, static_cast<std::size_t>(size));
    PQfreemem(row);
  }
  if (size != -1) fail(connection);
  expect_done(connection);
  return rows;
}

}  // namespace

void run(const Select& select, const Scene& scene) {
  struct Reader {
    Connection connection;
    std::string dialog;
    Clock::time_point sent;
  };
  std::vector<Reader> readers;
  Poller poller;
  for (int i = 0; i < select.connections; ++i) {
    readers.push_back({connect(select.connection),
                       std::to_string(scene.dialogs[static_cast<std::size_t>(i) % scene.dialogs.size()].id),
                       {}});
    const auto& connection = readers.back().connection;
    const Result prepared(PQprepare(connection.get(), kStatement, kMessages, 0, nullptr));
    if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK) fail(connection);
    poller.add(PQsocket(connection.get()), static_cast<std::uint32_t>(i));
  }
  const auto assistant = std::to_string(scene.assistant_id);
  const auto send = [&](Reader& reader) {
    const std::array values{reader.dialog.c_str(), static_cast<const char*>(nullptr), assistant.c_str(), kRowsMax};
    reader.sent = Clock::now();
    if (PQsendQueryPrepared(reader.connection.get(), kStatement, static_cast<int>(values.size()), values.data(),
                            nullptr, nullptr, 0) != 1)
      fail(reader.connection);
  };
  const auto begin = Clock::now() + select.warm_up, end = begin + select.time;
  for (auto& reader : readers) send(reader);
  Latencies latencies;
  double rows = 0;
  while (Clock::now() < end) {
    for (const auto number : poller.wait(std::chrono::seconds(1))) {
      auto& reader = readers[number];
      auto* const raw = reader.connection.get();
      if (PQconsumeInput(raw) != 1) fail(reader.connection);
      while (PQisBusy(raw) == 0) {
        const Result result(PQgetResult(raw));
        if (!result) {
          send(reader);
          break;
        }
        if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) fail(reader.connection);
        if (const auto now = Clock::now(); now >= begin && now < end) {
          rows += PQntuples(result.get());
          latencies.add(now - reader.sent);
        }
      }
    }
  }
  const auto answers = static_cast<double>(latencies.count());
  Figures figures{{"per_second", answers / std::chrono::duration<double>(select.time).count()},
                  {"rows", answers > 0 ? rows / answers : 0}};
  add(figures, latencies);
  print(figures);
}

void run(const Copy& copy) {
  const auto connection = connect(copy.connection);
  execute(connection,
          "SET client_min_messages = 'warning'; DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench; SET "
          "synchronous_commit = off");
  std::size_t rows = 0;
  Clock::duration took{};
  for (const std::string table : kTables) {
    const auto content = copy_out(connection, table);
    execute(connection, "CREATE TABLE bench." + table + " (LIKE " + table + " INCLUDING ALL)");
    const auto begin = Clock::now();
    execute(connection, "COPY bench." + table + " FROM STDIN");
    for (const auto& row : content) {
      if (PQputCopyData(connection.get(), row.data(), static_cast<int>(row.size())) != 1) fail(connection);
    }
    if (PQputCopyEnd(connection.get(), nullptr) != 1) fail(connection);
    expect_done(connection);
    took += Clock::now() - begin;
    rows += content.size();
  }
  execute(connection, "DROP SCHEMA bench CASCADE");
  const auto seconds = std::chrono::duration<double>(took).count();
  print(
      {{"rows", static_cast<double>(rows)}, {"seconds", seconds}, {"per_second", static_cast<double>(rows) / seconds}});
}

}  // namespace parley::bench
