#include "projections/lists.h"

#include <fmt/format.h>

namespace parley::projections {

std::string select(std::string_view columns, std::string_view rest) {
  return fmt::format("SELECT {}{}", columns, rest);
}

std::string within_bounds(std::string_view select, std::string_view order, std::string_view rows_max) {
  return fmt::format(
      "SELECT * FROM (SELECT rows_found.*, count(*) OVER () AS found, row_number() OVER in_order AS place,"
      " sum(octet_length(row_to_json(rows_found)::text)) OVER in_order AS bytes FROM ({}) AS rows_found"
      " WINDOW in_order AS (ORDER BY {})) AS counted WHERE place <= {} AND (place = 1 OR bytes <= {})",
      select, order, rows_max, kPageBytesMax);
}

namespace {

/// The rows after a cursor ($2, $3), and one more than $4.
constexpr const char* kAfterCursor =
    " AND ($2::timestamptz IS NULL OR (created_at, id) > ($2::timestamptz, $3::bigint)) ORDER BY created_at, id LIMIT "
    "$4::bigint + 1";
}  // namespace

postgres::Params list_params(AccountId owner, int limit, const std::optional<ListCursor>& after) {
  const auto created_at = after ? std::optional(after->created_at) : std::nullopt;
  return postgres::Params(owner, created_at, after ? std::optional(after->id) : std::nullopt, at_most(limit));
}
std::string list_statement(std::string_view columns, std::string_view select) {
  return fmt::format("SELECT {}, found FROM ({}) AS page ORDER BY created_at, id", columns,
                     within_bounds(std::string(select) + kAfterCursor, "created_at, id", "$4::bigint"));
}

}  // namespace parley::projections
