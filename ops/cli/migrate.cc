#include "ops/cli/migrate.h"

#include <chrono>
#include <iostream>

#include "platform/postgres/migrator.h"
#include "projections/schema.h"

namespace parley::cli {

namespace {
// A migration may build an index over everything.
constexpr std::chrono::minutes kStatementTimeout{30};
}  // namespace

int migrate(const std::string& connection) {
  const auto done = postgres::migrate(
      {.connection = connection, .application_name = "parley migrate", .statement_timeout = kStatementTimeout},
      projections::migrations());
  if (!done) {
    std::cerr << "parley migrate: " << postgres::name_of(done.error().kind) << ": " << done.error().detail << "\n";
    return 1;
  }
  for (const auto& name : done->applied) std::cout << "applied " << name << "\n";
  if (done->applied.empty()) std::cout << "nothing to apply: " << done->already << " migrations are there\n";
  return 0;
}

}  // namespace parley::cli
