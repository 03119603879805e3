#pragma once
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/postgres/error.h"
#include "platform/postgres/options.h"

namespace parley::postgres {

/// A step of the schema: "0001_accounts.sql" and its statements, which name no schema.
struct Migration {
  std::string_view name;
  std::string_view statements;
};

struct Migrated {
  std::vector<std::string> applied;  ///< By this run, in order.
  std::size_t already = 0;           ///< Before it.
};

/// Brings the schema `session.schema` up to date: creates it when missing and applies, in the order given, what its
/// table `migrations` does not list, each in one transaction with its row there. Several at once wait for one another
/// (an advisory lock per schema). Refuses, before it changes anything, a history that differs from the one applied: an
/// edited file (by SHA-256), a file before the last applied one, or more applied than are given (an older program).
/// Blocks; each statement up to `session.statement_timeout`, which the caller sets to minutes.
Result<Migrated> migrate(SessionOptions session, std::span<const Migration> migrations);

/// Refused unless exactly `migrations` are applied: what a process asks before it uses the schema.
Result<void> expect_migrated(SessionOptions session, std::span<const Migration> migrations);

}  // namespace parley::postgres
