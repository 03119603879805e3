#include "projections/engine/generation.h"

#include <fmt/format.h>

#include <string>

#include "projections/engine/checkpoints.h"

namespace parley::projections {

namespace {

using postgres::identifier;
using postgres::Params;
using postgres::Reader;
using postgres::Result;
using postgres::Transaction;

// Its lock is taken first by the projector, by reads of several statements, and by a switch.
constexpr std::string_view kFirstLocked = "checkpoints";
constexpr int kHoldersMax = 5;
// Indexes that a migration leaves to APIs of the build before, and that no new generation has.
constexpr std::string_view kSuperseded = "messages_by_words";

Result<void> done(const Result<postgres::Rows>& rows) {
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<std::string>> texts(Reader& reader, std::string_view statement, const Params& params = {}) {
  const auto rows = reader.query(statement, params);
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> found(rows->size());
  for (std::size_t i = 0; i < found.size(); ++i) (*rows)[i].into(found[i]);
  return found;
}

Result<std::string> current(Reader& reader) {
  auto name = texts(reader, "SELECT current_schema()::text");
  if (!name) return std::unexpected(std::move(name.error()));
  return std::move(name->front());
}

Result<void> set_for_transaction(Transaction& transaction, const char* setting, std::chrono::milliseconds value) {
  return done(transaction.query("SELECT set_config($1, $2, true)", Params(setting, std::to_string(value.count()))));
}

std::string joined(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

Result<void> drop(postgres::Lease& lease, const std::string& thing, std::chrono::milliseconds wait_max) {
  auto transaction = lease.transaction();
  if (!transaction) return std::unexpected(transaction.error());
  if (auto set = set_for_transaction(*transaction, "lock_timeout", wait_max); !set) return set;
  if (auto dropped = done(transaction->query("DROP " + thing)); !dropped) return dropped;
  return transaction->commit();
}

Result<void> lock_all(Transaction& transaction, const char* mode) {
  const auto tables = texts(transaction,
                            "SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = "
                            "current_schema()::regnamespace AND relkind IN ('r', 'p')"
                            " ORDER BY relname <> $1, relname",
                            Params(kFirstLocked));
  if (!tables) return std::unexpected(tables.error());
  return done(transaction.query(fmt::format("LOCK TABLE {} IN {} MODE", joined(*tables), mode)));
}

}  // namespace

Result<postgres::Snapshot> snapshot(postgres::Lease& lease) { return lease.snapshot(kFirstLocked); }

Result<bool> reserve(postgres::Lease& lease) {
  const auto rows =
      lease.query("SELECT pg_try_advisory_lock(hashtextextended('parley.rebuild.' || current_schema(), 0))");
  if (!rows) return std::unexpected(rows.error());
  bool reserved = false;
  (*rows)[0].into(reserved);
  return reserved;
}

Result<std::optional<std::string>> why_not_replaceable(Reader& reader, std::string_view other) {
  const auto owner = texts(reader,
                           "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = current_schema()"
                           " AND nspowner <> current_user::regrole");
  if (!owner) return std::unexpected(owner.error());
  if (!owner->empty())
    return "the read models' schema belongs to the role " + owner->front() + ", and only that role can replace it";
  // A table, a view, an index that somebody has made by hand would be gone with the old tables.
  const auto foreign = texts(
      reader,
      "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND NOT EXISTS"
      " (SELECT FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace WHERE n.nspname = $1 AND o.relname = "
      "c.relname)"
      " AND c.relname <> $2 ORDER BY 1",
      Params(other, kSuperseded));
  if (!foreign) return std::unexpected(foreign.error());
  if (!foreign->empty())
    return "no migration of this program made " + joined(*foreign) +
           ": it would be lost; move it out of the schema, or drop it";
  return std::nullopt;
}

std::string generation_name(std::string_view current, Role role, std::string_view id) {
  return std::string(current).append(role == Role::green ? "_green_" : "_old_").append(id);
}

Result<std::vector<std::string>> other_generations(Reader& reader) {
  return texts(reader,
               "SELECT nspname::text FROM pg_namespace WHERE starts_with(nspname::text, current_schema())"
               " AND substr(nspname::text, length(current_schema()) + 1) ~ '^_(green|old)_[0-9]{17}$' ORDER BY 1");
}

Result<bool> is_there(Reader& reader, std::string_view name) {
  const auto found = texts(reader, "SELECT nspname::text FROM pg_namespace WHERE nspname = $1", Params(name));
  if (!found) return std::unexpected(found.error());
  return !found->empty();
}

Result<void> grant_the_same(postgres::Lease& lease, std::string_view other) {
  const auto grants = texts(
      lease,
      "WITH things AS ("
      " SELECT 'SCHEMA' AS kind, quote_ident($1) AS thing, nspacl AS acl, nspowner AS owner FROM pg_namespace"
      "  WHERE nspname = current_schema()"
      " UNION ALL SELECT 'TABLE', quote_ident($1) || '.' || quote_ident(relname), relacl, relowner FROM pg_class"
      "  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p'))"
      " SELECT format('GRANT %s ON %s %s TO %s%s', string_agg(a.privilege_type, ', '), kind, thing,"
      "  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,"
      "  CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)"
      " FROM things, aclexplode(acl) AS a WHERE a.grantee <> owner GROUP BY kind, thing, a.grantee, a.is_grantable",
      Params(other));
  if (!grants) return std::unexpected(grants.error());
  for (const auto& grant : *grants) {
    if (auto granted = done(lease.query(grant)); !granted) return granted;
  }
  return {};
}

Result<void> drop_generation(postgres::Lease& lease, std::string_view name, std::chrono::milliseconds wait_max) {
  const auto tables =
      texts(lease,
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY c.relname",
            Params(name));
  if (!tables) return std::unexpected(tables.error());
  // Each alone. A statement that was planned before a switch locks the old tables once more before it finds the new
  // ones: together with somebody who holds some of them and waits for the others, one of the two would have to fail.
  // Not CASCADE: what somebody else has built upon a table stays, and so does the table.
  for (const auto& table : *tables) {
    if (auto dropped = drop(lease, "TABLE " + table, wait_max); !dropped) return dropped;
  }
  return drop(lease, "SCHEMA " + identifier(name), wait_max);
}

Result<std::int64_t> behind(Reader& reader, std::string_view other) {
  const auto rows = reader.query(
      "SELECT coalesce(sum(greatest(c.next - coalesce(o.next, 0), 0)), 0)::bigint FROM checkpoints c LEFT JOIN " +
          identifier(other) + ".checkpoints o USING (projection, partition) WHERE c.projection = $1",
      Params(kReadModels));
  if (!rows) return std::unexpected(rows.error());
  std::int64_t offsets = 0;
  (*rows)[0].into(offsets);
  return offsets;
}

Result<void> hold_maintenance(Transaction& transaction, std::chrono::milliseconds wait_max) {
  if (auto set = set_for_transaction(transaction, "lock_timeout", wait_max); !set) return set;
  return lock_all(transaction, "SHARE UPDATE EXCLUSIVE");
}

Result<void> hold_writers(Transaction& transaction, std::chrono::milliseconds wait_max) {
  if (auto set = set_for_transaction(transaction, "lock_timeout", wait_max); !set) return set;
  return done(transaction.query("LOCK TABLE checkpoints IN EXCLUSIVE MODE"));
}

Result<std::optional<std::string>> why_not_switch(Transaction& transaction, std::string_view other) {
  const std::string theirs = identifier(other) + ".";
  const auto parked = texts(transaction, "SELECT stream FROM parked_streams UNION SELECT stream FROM " + theirs +
                                             "parked_streams ORDER BY 1 LIMIT 5");
  if (!parked) return std::unexpected(parked.error());
  if (!parked->empty()) return "parked meanwhile: " + joined(*parked);
  const auto migrated =
      texts(transaction, fmt::format("(SELECT name FROM migrations EXCEPT SELECT name FROM {0}migrations) UNION ALL "
                                     "(SELECT name FROM {0}migrations EXCEPT SELECT name FROM migrations)",
                                     theirs));
  if (!migrated) return std::unexpected(migrated.error());
  if (!migrated->empty()) return "the read models were migrated meanwhile: " + joined(*migrated);
  return std::nullopt;
}

Result<void> hold_readers(Transaction& transaction, std::chrono::milliseconds wait_max) {
  // A reader may hold one of these tables and wait for another one that is locked already: this statement's own end
  // ends that.
  if (auto set = set_for_transaction(transaction, "statement_timeout", wait_max); !set) return set;
  return lock_all(transaction, "ACCESS EXCLUSIVE");
}

Result<void> switch_to(Transaction& transaction, std::string_view other, std::string_view old) {
  const auto name = current(transaction);
  if (!name) return std::unexpected(name.error());
  for (const auto& statement : {"INSERT INTO " + identifier(other) + ".certificates SELECT * FROM certificates",
                                fmt::format("ALTER SCHEMA {} RENAME TO {}", identifier(*name), identifier(old)),
                                fmt::format("ALTER SCHEMA {} RENAME TO {}", identifier(other), identifier(*name))}) {
    if (auto changed = done(transaction.query(statement)); !changed) return changed;
  }
  return announce(transaction, {});
}

Result<std::vector<std::string>> holders(Reader& reader) {
  return texts(reader,
               "SELECT DISTINCT format('%s (pid %s)', coalesce(nullif(a.application_name, ''), a.usename::text), "
               "a.pid) FROM pg_locks l"
               " JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.granted"
               " AND c.relnamespace = current_schema()::regnamespace AND l.pid <> pg_backend_pid() ORDER BY 1 LIMIT $1",
               Params(kHoldersMax));
}

}  // namespace parley::projections
