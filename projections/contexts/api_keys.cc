#include "projections/contexts/api_keys.h"

#include "projections/rows.h"
#include "schemas/contexts/api_keys.h"

namespace parley::projections {
namespace {

using postgres::Params;
using postgres::Reader;
using postgres::Result;

// The version stands before the key's own columns.
std::string api_keys_statement() {
  return select("a.version, " + select_list<ApiKeyRow>("k"),
                " FROM api_keys k JOIN accounts a ON a.id = k.account_id"
                " WHERE k.account_id = $1 AND ($2::bigint IS NULL OR k.id = $2) ORDER BY k.created_at, k.id LIMIT $3");
}
ApiKeyRow api_key_row(const postgres::Row& row) {
  ApiKeyRow out;
  row.read(0, out.version);
  read_columns(row, 1, out);
  return out;
}

}  // namespace

void ApiKeyChanges::on(const accounts::ApiKeyCreated& e, const Position& at) {
  ApiKeyRow key{.id = e.key,
                .account = {at.stream.id},
                .name = e.name,
                .scopes = {},
                .hint = e.hint,
                .created_at = at.at,
                .last_used_at = {}};
  for (const auto& scope : e.scopes) key.scopes.push_back(scope.name);
  keys_[e.key.value].created = std::move(key);
}
void ApiKeyChanges::on(const accounts::ApiKeyRevoked& e, const Position&) { keys_[e.key.value].is_revoked = true; }
void ApiKeyChanges::on(const accounts::ApiKeyUsed& e, const Position& at) { keys_[e.key.value].last_used_at = at.at; }

Result<void> ApiKeyChanges::write(postgres::Transaction& t) const {
  std::vector<ApiKeyRow> rows;
  postgres::Column used, used_at, revoked;
  for (const auto& [id, change] : keys_) {
    if (change.is_revoked) {
      revoked.add(id);
    } else if (change.created) {
      rows.push_back(*change.created);
      rows.back().last_used_at = change.last_used_at;
    } else {
      used.add(id);
      used_at.add(change.last_used_at);
    }
  }
  std::vector<const ApiKeyRow*> pointers;
  for (const auto& row : rows) pointers.push_back(&row);
  if (auto done = insert_rows<ApiKeyRow>(t, pointers); !done) return done;
  // The account's row has shown already that these events come next: where there is no key, its creation was left out
  // by an operator of the system.
  if (used.size() > 0) {
    const auto done = t.query(
        "UPDATE api_keys k SET last_used_at = u.at FROM unnest($1::bigint[], $2::timestamptz[]) AS u (id, at) WHERE "
        "k.id = u.id",
        postgres::Params(used, used_at));
    if (!done) return std::unexpected(done.error());
  }
  if (revoked.size() > 0) {
    const auto done = t.query("DELETE FROM api_keys WHERE id = ANY ($1::bigint[])", postgres::Params(revoked));
    if (!done) return std::unexpected(done.error());
  }
  return {};
}

Result<std::vector<ApiKeyRow>> api_keys_of(Reader& reader, AccountId account) {
  const auto rows = reader.query(api_keys_statement(), Params(account, std::optional<ApiKeyId>(),
                                                              static_cast<std::int64_t>(accounts::kApiKeysMax)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<ApiKeyRow> keys(rows->size());
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = api_key_row((*rows)[i]);
  return keys;
}
Result<std::optional<ApiKeyRow>> api_key(Reader& reader, AccountId account, ApiKeyId id) {
  const auto rows = reader.query(api_keys_statement(), Params(account, std::optional(id), 1));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return api_key_row((*rows)[0]);
}

}  // namespace parley::projections
