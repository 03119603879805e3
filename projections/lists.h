#pragma once
// Lists that a context's queries read: bounded in rows and in bytes of them before PostgreSQL sends any, for what
// people wrote may be long.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/kernel.h"
#include "platform/postgres/pool.h"
#include "projections/table.h"

namespace parley::projections {

/// Rows that one answer holds at most, whatever is asked.
inline constexpr int kRowsMax = 10'000;
/// Bytes of rows (as JSON) after which an answer ends, of what people wrote and may have written much of. PostgreSQL
/// counts them before it sends any; the first row is sent whatever it has.
inline constexpr std::int64_t kPageBytesMax = 8 << 20;

/// Between two pages of a list that begins with what is oldest: the last row before.
struct ListCursor {
  Timestamp created_at;
  std::int64_t id = 0;
  friend bool operator==(const ListCursor&, const ListCursor&) = default;
};
/// A part of such a list.
template <class T>
struct Page {
  std::vector<T> rows;
  bool has_more = false;
};

inline int at_most(int limit) { return std::clamp(limit, 0, kRowsMax); }

// What queries are made of.

/// "SELECT <columns><rest>"
std::string select(std::string_view columns, std::string_view rest);
/// Of the rows of a SELECT those that one answer may hold: as many as `rows_max` (a parameter), and with kPageBytesMax
/// together. The SELECT has a column for each of its names and an order of them, and is to find one row more than
/// `rows_max`; `found` says in each row how many it found.
std::string within_bounds(std::string_view select, std::string_view order, std::string_view rows_max);
/// A part of what `select` finds of one owner ($1), what is oldest first. It has columns `created_at` and `id`.
std::string list_statement(std::string_view columns, std::string_view select);
postgres::Params list_params(AccountId owner, int limit, const std::optional<ListCursor>& after);

/// `to_row` is given the row, and where to read `found`.
template <class T, class F>
Page<T> page_of(const postgres::Rows& rows, F to_row) {
  Page<T> page;
  page.rows.reserve(rows.size());
  std::int64_t found = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) page.rows.push_back(to_row(rows[i], found));
  page.has_more = std::cmp_less(rows.size(), found);
  return page;
}
/// Of a statement that selects a described row's columns and then `found`.
template <class Row>
Page<Row> page_of(const postgres::Rows& rows) {
  return page_of<Row>(rows, [](const postgres::Row& row, std::int64_t& found) {
    row.read(static_cast<int>(column_count<Row>), found);
    return read_row<Row>(row);
  });
}

/// The one row that a statement of a described row's columns found, if it did.
template <class Row>
postgres::Result<std::optional<Row>> single(const postgres::Result<postgres::Rows>& rows) {
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return read_row<Row>((*rows)[0]);
}

}  // namespace parley::projections
