#include "projections/contexts/accounts.h"

#include "projections/contexts/stream_rows.h"

namespace parley::projections {
namespace {

using postgres::Params;
using postgres::Reader;
using postgres::Result;

/// What a batch does to the row of a key.
struct ApiKeyChange {
  std::optional<ApiKeyRow> created;
  std::optional<Timestamp> last_used_at;
  bool is_revoked = false;
};

class AccountRows final : public StreamRows<accounts::Event, AccountRow, AccountRows> {
 public:
  void on(const accounts::Registered& e, const Position& at) {
    auto& row = created(at);
    row.set<&AccountRow::email>(e.email);
    row.set<&AccountRow::first_name>(e.first_name);
    row.set<&AccountRow::last_name>(e.last_name);
    row.set<&AccountRow::created_at>(at.at);
  }
  void on(const accounts::WelcomeBonusGranted& e, const Position& at) {
    auto& row = moved(at);
    row.add<&AccountRow::balance>(e.amount.amount);
    row.add<&AccountRow::welcome_bonus>(e.amount.amount);
  }
  void on(const accounts::LoggedIn&, const Position& at) { moved(at).set<&AccountRow::last_login_at>(at.at); }
  void on(const accounts::ProfileChanged& e, const Position& at) {
    auto& row = moved(at);
    if (e.first_name.given) row.set<&AccountRow::first_name>(e.first_name.value);
    if (e.last_name.given) row.set<&AccountRow::last_name>(e.last_name.value);
    if (e.onboarding_completed) row.set<&AccountRow::onboarding_completed>(*e.onboarding_completed);
  }
  void on(const accounts::EmailChanged& e, const Position& at) { moved(at).set<&AccountRow::email>(e.email); }
  void on(const accounts::JoinedTeam& e, const Position& at) {
    auto& row = moved(at);
    row.set<&AccountRow::role>(accounts::Role::operator_);
    row.set<&AccountRow::team_owner>(e.owner);
    row.set<&AccountRow::team_name>(e.name);
    row.set<&AccountRow::is_active>(true);
  }
  void on(const accounts::TeamMemberChanged& e, const Position& at) {
    auto& row = moved(at);
    if (e.name) row.set<&AccountRow::team_name>(*e.name);
    if (e.is_active) row.set<&AccountRow::is_active>(*e.is_active);
  }
  void on(const accounts::LeftTeam&, const Position& at) { moved(at).set<&AccountRow::team_owner>(std::nullopt); }
  void on(const accounts::AdminAppointed&, const Position& at) {
    moved(at).set<&AccountRow::role>(accounts::Role::admin);
  }
  void on(const accounts::ApiKeyCreated& e, const Position& at) {
    moved(at);
    ApiKeyRow key{.id = e.key,
                  .account = {at.stream.id},
                  .name = e.name,
                  .scopes = {},
                  .hint = e.hint,
                  .created_at = at.at,
                  .last_used_at = {}};
    for (const auto scope : e.scopes) key.scopes.emplace_back(schema::name_of(scope));
    keys_[e.key.value].created = std::move(key);
  }
  void on(const accounts::ApiKeyRevoked& e, const Position& at) {
    moved(at);
    keys_[e.key.value].is_revoked = true;
  }
  void on(const accounts::ApiKeyUsed& e, const Position& at) {
    moved(at);
    keys_[e.key.value].last_used_at = at.at;
  }
  // Sessions and passwords are the deciders' and the directory's; an account has its own e-mail until the change of it
  // has ended.
  void on(const accounts::LoggedOut&, const Position& at) { moved(at); }
  void on(const accounts::PasswordChanged&, const Position& at) { moved(at); }
  void on(const accounts::EmailChangeRequested&, const Position& at) { moved(at); }
  void on(const accounts::EmailChangeRefused&, const Position& at) { moved(at); }
  void on(const accounts::EmailReservationDeclined&, const Position& at) { moved(at); }

  postgres::Result<void> write(postgres::Transaction& t) const override {
    if (auto done = StreamRows::write(t); !done) return done;
    return write_keys(t);
  }

 private:
  postgres::Result<void> write_keys(postgres::Transaction& t) const {
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

  std::unordered_map<std::int64_t, ApiKeyChange> keys_;
};

// Queries.

std::string operators_select() { return select(select_list<AccountRow>(), " FROM accounts WHERE team_owner_id = $1"); }

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

std::unique_ptr<ContextRows> accounts_rows() { return std::make_unique<AccountRows>(); }

Result<std::optional<AccountRow>> account(Reader& reader, AccountId id) {
  return single<AccountRow>(
      reader.query(select(select_list<AccountRow>(), " FROM accounts WHERE id = $1"), Params(id)));
}

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
