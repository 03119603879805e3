#pragma once
// What the read models say of an account: its row, which tells of its team too (team.h). Its API keys have rows of
// their own (api_keys.h).
#include <optional>
#include <string>

#include "projections/lists.h"
#include "projections/table.h"
#include "schemas/contexts/accounts.h"

namespace parley::projections {

struct AccountRow {
  AccountId id;
  std::int64_t version = 0;
  Personal email;
  accounts::Role role = accounts::Role::owner;
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  accounts::Plan plan = accounts::Plan::trial;
  bool onboarding_completed = false;
  Kopecks balance;
  Kopecks welcome_bonus;
  std::optional<AccountId> team_owner;  ///< Of an operator, while it is in a team.
  std::optional<Personal> team_name;    ///< What it is called there.
  bool is_active = true;                ///< Whether it may work there.
  std::optional<Timestamp> last_login_at;
  Timestamp created_at;
};
template <>
inline constexpr std::string_view table<AccountRow> = "accounts";
template <>
inline constexpr auto columns<AccountRow> = std::tuple{
    column<&AccountRow::id>("id"),
    column<&AccountRow::version>("version"),
    column<&AccountRow::email>("email"),
    column<&AccountRow::role>("role"),
    column<&AccountRow::first_name>("first_name"),
    column<&AccountRow::last_name>("last_name"),
    column<&AccountRow::plan>("plan"),
    column<&AccountRow::onboarding_completed>("onboarding_completed"),
    column<&AccountRow::balance>("balance_kopecks"),
    column<&AccountRow::welcome_bonus>("welcome_bonus_kopecks"),
    column<&AccountRow::team_owner>("team_owner_id"),
    column<&AccountRow::team_name>("team_name"),
    column<&AccountRow::is_active>("is_active"),
    column<&AccountRow::last_login_at>("last_login_at"),
    column<&AccountRow::created_at>("created_at"),
};

// Queries.

/// Nothing when there is no such account (yet).
postgres::Result<std::optional<AccountRow>> account(postgres::Reader& reader, AccountId id);

}  // namespace parley::projections
