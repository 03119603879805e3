#include "platform/postgres/migrator.h"

#include <fmt/format.h>

#include "platform/postgres/session.h"

namespace parley::postgres {

namespace {

std::unexpected<Error> refused(std::string why) { return std::unexpected(Error{ErrorKind::rejected, std::move(why)}); }

/// How many of `given` are applied; refused when what is applied is not their beginning.
std::size_t applied_prefix(pqxx::transaction_base& t, std::span<const Migration> given, std::string& problem) {
  const auto applied = t.exec("SELECT name, checksum FROM migrations ORDER BY number");
  if (applied.size() > given.size()) {
    problem =
        "the schema is newer than this program: " + applied[applied.size() - 1][0].as<std::string>() + " is applied";
    return 0;
  }
  for (std::size_t i = 0; i < applied.size(); ++i) {
    const auto row = applied[static_cast<int>(i)];
    const auto name = row[0].as<std::string>();
    if (name != given[i].name) {
      problem = fmt::format("applied is {} where {} is expected", name, given[i].name);
      return 0;
    }
    const auto checksum =
        t.exec_params1("SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')", std::string(given[i].statements));
    if (checksum[0].as<std::string>() != row[1].as<std::string>()) {
      problem = name + " was edited after it was applied";
      return 0;
    }
  }
  return applied.size();
}

}  // namespace

Result<Migrated> migrate(SessionOptions options, std::span<const Migration> migrations) {
  auto session = Session::open(options);
  if (!session) return std::unexpected(std::move(session.error()));
  pqxx::connection& c = (*session)->connection();
  try {
    Migrated result;
    {
      pqxx::nontransaction setup(c);
      // Held until the connection closes, which is the end of this function.
      setup.exec_params("SELECT pg_advisory_lock(hashtextextended('parley.migrate.' || $1, 0))", options.schema);
      setup.exec("CREATE SCHEMA IF NOT EXISTS " + c.quote_name(options.schema));
      setup.exec(
          "CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY, name text NOT NULL UNIQUE, checksum text "
          "NOT NULL,"
          " applied_at timestamptz NOT NULL DEFAULT now())");
      std::string problem;
      result.already = applied_prefix(setup, migrations, problem);
      if (!problem.empty()) return refused(std::move(problem));
    }
    for (std::size_t i = result.already; i < migrations.size(); ++i) {
      const std::string name(migrations[i].name);
      const std::string statements(migrations[i].statements);
      pqxx::work step(c);
      step.exec(statements);
      step.exec_params(
          "INSERT INTO migrations (number, name, checksum) VALUES ($1, $2, encode(sha256(convert_to($3, 'UTF8')), "
          "'hex'))",
          static_cast<int>(i + 1), name, statements);
      step.commit();
      result.applied.push_back(name);
    }
    return result;
  } catch (const pqxx::pqxx_exception&) {
    return std::unexpected(current_error(false));
  }
}

Result<void> expect_migrated(SessionOptions options, std::span<const Migration> migrations) {
  auto session = Session::open(options);
  if (!session) return std::unexpected(std::move(session.error()));
  try {
    pqxx::nontransaction read((*session)->connection());
    if (read.exec1("SELECT to_regclass('migrations') IS NULL")[0].as<bool>())
      return refused("the schema is empty: run `parley migrate`");
    std::string problem;
    const std::size_t applied = applied_prefix(read, migrations, problem);
    if (!problem.empty()) return refused(std::move(problem));
    if (applied < migrations.size())
      return refused(std::string(migrations[applied].name) + " is not applied: run `parley migrate`");
    return {};
  } catch (const pqxx::pqxx_exception&) {
    return std::unexpected(current_error(false));
  }
}

}  // namespace parley::postgres
