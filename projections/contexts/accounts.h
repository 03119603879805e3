#pragma once
// What the read models say of an account: its row, and one for each of its API keys.
#include <optional>
#include <string>
#include <vector>

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
inline constexpr std::string_view table<ApiKeyRow> = "api_keys";
template <>
inline constexpr auto columns<ApiKeyRow> = std::tuple{
    column<&ApiKeyRow::id>("id"),
    column<&ApiKeyRow::account>("account_id"),
    column<&ApiKeyRow::name>("name"),
    column<&ApiKeyRow::scopes>("scopes"),
    column<&ApiKeyRow::hint>("hint"),
    column<&ApiKeyRow::created_at>("created_at"),
    column<&ApiKeyRow::last_used_at>("last_used_at"),
};

// Queries.

/// Nothing when there is no such account (yet).
postgres::Result<std::optional<AccountRow>> account(postgres::Reader& reader, AccountId id);

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

/// The account's keys that are good, oldest first, at most accounts::kApiKeysMax.
postgres::Result<std::vector<ApiKeyRow>> api_keys_of(postgres::Reader& reader, AccountId account);
/// Nothing when the account has no such key (any more).
postgres::Result<std::optional<ApiKeyRow>> api_key(postgres::Reader& reader, AccountId account, ApiKeyId id);

}  // namespace parley::projections
