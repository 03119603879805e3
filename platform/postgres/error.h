#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace parley::postgres {

enum class ErrorKind : std::uint8_t {
  unavailable,  ///< No connection, or it broke before anything was committed.
  timeout,      ///< A deadline passed: of a lease, or of a statement (57014).
  conflict,     ///< A serialization failure or a deadlock: the same transaction may be tried again.
  in_doubt,     ///< The connection broke during COMMIT: it happened or it did not. Read again before going on.
  rejected,     ///< The server refused the statement: a constraint, a type, a syntax. Trying again changes nothing.
};

std::string_view name_of(ErrorKind kind);

/// What went wrong with PostgreSQL, for logs: `detail` holds the server's first line and SQLSTATE, never a row's
/// values, and is not for callers outside.
struct Error {
  ErrorKind kind{};
  std::string detail;
  /// Of `rejected`: what was to be written is at fault (a constraint, a value out of a type's range), not the
  /// statement, the schema or a right. The same statement goes through without the row.
  bool is_about_a_row = false;

  /// Whether the same work, begun again from the start, may succeed. After in_doubt the caller must look first.
  bool retryable() const {
    return kind == ErrorKind::unavailable || kind == ErrorKind::timeout || kind == ErrorKind::conflict;
  }
};

template <class T>
using Result = std::expected<T, Error>;

}  // namespace parley::postgres
