#pragma once
// An owner's team, as the rows of its operators' accounts tell of it.
#include <optional>

#include "projections/contexts/accounts.h"
#include "projections/lists.h"

namespace parley::projections {

struct OperatorRow {
  AccountId id;
  std::int64_t version = 0;
  Personal email;
  Personal name;
  bool is_active = true;
  std::optional<Timestamp> last_login_at;
  Timestamp created_at;
};
/// The owner's team, oldest accounts first.
postgres::Result<Page<OperatorRow>> operators_of(postgres::Reader& reader, AccountId owner, int limit = kRowsMax,
                                                 const std::optional<ListCursor>& after = {});
/// Nothing when there is no such operator in the owner's team.
postgres::Result<std::optional<OperatorRow>> operator_of(postgres::Reader& reader, AccountId owner, AccountId id);

}  // namespace parley::projections
