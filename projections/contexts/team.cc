#include "projections/contexts/team.h"

namespace parley::projections {
namespace {

using postgres::Params;
using postgres::Reader;
using postgres::Result;

std::string operators_select() { return select(select_list<AccountRow>(), " FROM accounts WHERE team_owner_id = $1"); }

OperatorRow operator_row(const postgres::Row& row) {
  const auto a = read_row<AccountRow>(row);
  return {.id = a.id,
          .version = a.version,
          .email = a.email,
          .name = a.team_name.value_or(Personal{}),
          .is_active = a.is_active,
          .last_login_at = a.last_login_at,
          .created_at = a.created_at};
}

}  // namespace

Result<Page<OperatorRow>> operators_of(Reader& reader, AccountId owner, int limit,
                                       const std::optional<ListCursor>& after) {
  static const auto kStatement = list_statement(select_list<AccountRow>(), operators_select());
  const auto rows = reader.query(kStatement, list_params(owner, limit, after));
  if (!rows) return std::unexpected(rows.error());
  return page_of<OperatorRow>(*rows, [](const postgres::Row& row, std::int64_t& found) {
    row.read(static_cast<int>(column_count<AccountRow>), found);
    return operator_row(row);
  });
}
Result<std::optional<OperatorRow>> operator_of(Reader& reader, AccountId owner, AccountId id) {
  const auto rows = reader.query(operators_select() + " AND id = $2", Params(owner, id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return operator_row((*rows)[0]);
}

}  // namespace parley::projections
