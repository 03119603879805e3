#pragma once
// What the read models say of an account's API keys: a row for each that is valid.
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "domain/accounts/api_keys.h"
#include "projections/lists.h"
#include "projections/position.h"
#include "projections/table.h"

namespace parley::projections {

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

/// What a batch does to the rows of keys. A part of the account's own (accounts.cc).
class ApiKeyChanges {
 public:
  void on(const accounts::ApiKeyCreated& e, const Position& at);
  void on(const accounts::ApiKeyRevoked& e, const Position& at);
  void on(const accounts::ApiKeyUsed& e, const Position& at);
  postgres::Result<void> write(postgres::Transaction& t) const;

 private:
  struct Change {
    std::optional<ApiKeyRow> created;
    std::optional<Timestamp> last_used_at;
    bool is_revoked = false;
  };
  std::unordered_map<std::int64_t, Change> keys_;
};

// Queries.

/// The account's keys that are good, oldest first, at most accounts::kApiKeysMax.
postgres::Result<std::vector<ApiKeyRow>> api_keys_of(postgres::Reader& reader, AccountId account);
/// Nothing when the account has no such key (any more).
postgres::Result<std::optional<ApiKeyRow>> api_key(postgres::Reader& reader, AccountId account, ApiKeyId id);

}  // namespace parley::projections
