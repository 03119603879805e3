#pragma once
#include <chrono>
#include <string>

namespace parley::postgres {

/// The schema of the read models. Statements name no schema: every session's search_path is this one, so that a rebuild
/// into another schema (and the switch to it) needs no other statement.
inline constexpr const char* kSchema = "parley";

/// How a session is opened.
struct SessionOptions {
  std::string connection;  ///< What libpq takes: "host=… dbname=…" or postgresql://…
  std::string application_name = "parley";
  std::string schema = kSchema;
  std::chrono::seconds connect_timeout{3};
  /// The server ends a statement after this time (SQLSTATE 57014).
  std::chrono::milliseconds statement_timeout{5'000};
  /// The server ends a session that leaves a transaction open and says nothing for this time: a paused process must not
  /// hold locks.
  std::chrono::milliseconds idle_in_transaction_timeout{5'000};
  /// How much longer the client waits for a server that does not even answer that (stopped, cut off) before it breaks
  /// the connection.
  std::chrono::milliseconds silence_timeout{2'000};
  /// synchronous_commit. Off only where the log can bring back what a crash of PostgreSQL takes away
  /// (workers/projector/README.md).
  bool durable_commit = true;
};

}  // namespace parley::postgres
