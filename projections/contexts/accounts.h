#pragma once
// What the read models say of an account: its row, and one for each of its API keys.
#include <optional>
#include <string>
#include <vector>

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
inline constexpr auto table<AccountRow> = described<AccountRow>(
    "accounts", column<&AccountRow::id>("id"), column<&AccountRow::version>("version"),
    column<&AccountRow::email>("email"), column<&AccountRow::role>("role"),
    column<&AccountRow::first_name>("first_name"), column<&AccountRow::last_name>("last_name"),
    column<&AccountRow::plan>("plan"), column<&AccountRow::onboarding_completed>("onboarding_completed"),
    column<&AccountRow::balance>("balance_kopecks"), column<&AccountRow::welcome_bonus>("welcome_bonus_kopecks"),
    column<&AccountRow::team_owner>("team_owner_id"), column<&AccountRow::team_name>("team_name"),
    column<&AccountRow::is_active>("is_active"), column<&AccountRow::last_login_at>("last_login_at"),
    column<&AccountRow::created_at>("created_at"));

/// A key that is valid.
struct ApiKeyRow {
  ApiKeyId id;
  std::int64_t version = 0;  ///< Joined from the account's row: keys have none of their own.
  AccountId account;
  std::string name;
  std::vector<std::string> scopes;
  std::string hint;
  Timestamp created_at;
  std::optional<Timestamp> last_used_at;
};
template <>
inline constexpr auto table<ApiKeyRow> = described<ApiKeyRow>(
    "api_keys", column<&ApiKeyRow::id>("id"), column<&ApiKeyRow::account>("account_id"),
    column<&ApiKeyRow::name>("name"), column<&ApiKeyRow::scopes>("scopes"), column<&ApiKeyRow::hint>("hint"),
    column<&ApiKeyRow::created_at>("created_at"), column<&ApiKeyRow::last_used_at>("last_used_at"));

}  // namespace parley::projections
