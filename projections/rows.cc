#include "projections/rows.h"

#include <fmt/format.h>

namespace parley::projections::internal {

using postgres::Column;
using postgres::Error;
using postgres::ErrorKind;
using postgres::Params;
using postgres::Result;
using postgres::Transaction;

std::size_t Unnest::begin(std::string_view name, std::string_view type) {
  const auto between = columns.empty() ? "" : ", ";
  columns.emplace_back();
  types += fmt::format("{}${}::{}[]", between, columns.size(), type);
  names.append(between).append(name);
  return columns.size() - 1;
}
Params Unnest::params() const {
  Params out;
  for (const auto& column : columns) out.add(column);
  return out;
}

Error unfit(std::string why) { return {.kind = ErrorKind::rejected, .detail = std::move(why), .is_about_a_row = true}; }

Result<void> expect_all(const Result<postgres::Rows>& written, std::size_t expected, std::string_view table) {
  if (!written) return std::unexpected(written.error());
  if (written->affected() == static_cast<std::int64_t>(expected)) return {};
  return std::unexpected(
      unfit(fmt::format("{}: {} of {} rows are not at the version that the next event follows", table,
                        static_cast<std::int64_t>(expected) - written->affected(), expected)));
}

Result<void> write_parking(Transaction& t, std::string_view table,
                           const std::vector<std::pair<std::int64_t, RowMove>>& moves) {
  if (moves.empty()) return {};
  Column id, from, to;
  for (const auto& [key, move] : moves) {
    id.add(key);
    from.add(move.from);
    to.add(move.to);
  }
  const auto rows = t.query(fmt::format("SELECT count(*) FROM {} WHERE id = ANY ($1::bigint[])", table), Params(id));
  if (!rows) return std::unexpected(rows.error());
  std::int64_t there = 0;
  (*rows)[0].into(there);
  return expect_all(
      t.query(
          fmt::format("UPDATE {} t SET version = u.\"to\" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u "
                      "(id, \"from\", \"to\")"
                      " WHERE t.id = u.id AND t.version = u.\"from\"",
                      table),
          Params(id, from, to)),
      static_cast<std::size_t>(there), table);
}

Result<void> pass(Transaction& t, std::string_view table, std::int64_t id, std::int64_t version) {
  const auto passed =
      t.query(fmt::format("UPDATE {} SET version = $2 WHERE id = $1 AND version < $2", table), Params(id, version));
  if (!passed) return std::unexpected(passed.error());
  return {};
}

}  // namespace parley::projections::internal
