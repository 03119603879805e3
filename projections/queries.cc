#include "projections/queries.h"

#include <algorithm>

#include "projections/checkpoints.h"
#include "projections/generation.h"

namespace parley::projections {

namespace {

using postgres::Params;
using postgres::Reader;
using postgres::Result;

// A principal as two parameters of a WHERE clause; NULL equals nothing.
struct Sight {
  std::optional<AccountId> owner;
  std::optional<AssistantId> assistant;
};
Sight sight_of(const Principal& viewer) {
  return std::visit(overloaded{
                        [](const Anonymous&) { return Sight{}; },
                        [](const Administrator&) { return Sight{}; },
                        [](const Admin&) { return Sight{}; },
                        [](const Owner& p) { return Sight{.owner = p.account, .assistant = {}}; },
                        [](const Operator& p) { return Sight{.owner = p.owner, .assistant = {}}; },
                        [](const Visitor& p) { return Sight{.owner = {}, .assistant = p.assistant}; },
                    },
                    viewer);
}

constexpr const char* kAssistants =
    "SELECT id, version, owner_id, name, description, system_prompt, ai_model, is_active, site_token, telegram_bot_token,"
    " website_integration, allowed_domains, deleted_at, created_at FROM assistants";

AssistantRow assistant_row(const postgres::Row& row) {
  AssistantRow a;
  row.into(a.id, a.version, a.owner, a.name, a.description, a.system_prompt, a.ai_model, a.is_active, a.site_token, a.telegram_bot_token,
           a.website_integration, a.allowed_domains, a.deleted_at, a.created_at);
  return a;
}

constexpr const char* kDialog =
    "SELECT d.id, d.version, d.owner_id, d.assistant_id, a.name, d.platform, d.status, d.handoff_status, d.first_name, d.last_name,"
    " d.telegram_chat_id, d.telegram_username, d.message_count, d.last_message, d.last_message_time, d.created_at"
    " FROM dialogs d LEFT JOIN assistants a ON a.id = d.assistant_id WHERE d.id = $1 AND (d.owner_id = $2 OR d.assistant_id = $3)";

DialogRow dialog_row(const postgres::Row& row) {
  DialogRow d;
  row.into(d.id, d.version, d.owner, d.assistant, d.assistant_name, d.platform, d.status, d.handoff_status, d.first_name, d.last_name,
           d.telegram_chat_id, d.telegram_username, d.message_count, d.last_message, d.last_message_time, d.created_at);
  return d;
}

std::vector<MessageRow> message_rows(const postgres::Rows& rows) {
  std::vector<MessageRow> messages(rows.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    MessageRow& m = messages[i];
    rows[i].into(m.id, m.version, m.sender, m.text, m.operator_name, m.created_at);
  }
  return messages;
}

/// The dialog's version when the viewer may know of it.
Result<std::optional<std::int64_t>> visible_version(Reader& reader, const Principal& viewer, DialogId id) {
  const Sight sight = sight_of(viewer);
  const auto rows =
      reader.query("SELECT version FROM dialogs WHERE id = $1 AND (owner_id = $2 OR assistant_id = $3)", Params(id, sight.owner, sight.assistant));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  std::int64_t version = 0;
  (*rows)[0].into(version);
  return version;
}

int at_most(int limit) { return std::clamp(limit, 0, kRowsMax); }

}  // namespace

Result<std::optional<AccountRow>> account(Reader& reader, AccountId id) {
  const auto rows = reader.query(
      "SELECT id, version, email, first_name, last_name, balance_kopecks, welcome_bonus_kopecks, last_login_at, created_at"
      " FROM accounts WHERE id = $1",
      Params(id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  AccountRow a;
  (*rows)[0].into(a.id, a.version, a.email, a.first_name, a.last_name, a.balance, a.welcome_bonus, a.last_login_at, a.created_at);
  return a;
}

Result<std::optional<AssistantRow>> assistant(Reader& reader, AccountId owner, AssistantId id) {
  const auto rows = reader.query(std::string(kAssistants) + " WHERE id = $1 AND owner_id = $2 AND deleted_at IS NULL", Params(id, owner));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return assistant_row((*rows)[0]);
}

Result<std::vector<AssistantRow>> assistants_of(Reader& reader, AccountId owner) {
  const auto rows = reader.query(std::string(kAssistants) + " WHERE owner_id = $1 AND deleted_at IS NULL ORDER BY created_at, id LIMIT $2",
                                 Params(owner, kRowsMax));
  if (!rows) return std::unexpected(rows.error());
  std::vector<AssistantRow> assistants;
  assistants.reserve(rows->size());
  for (std::size_t i = 0; i < rows->size(); ++i) assistants.push_back(assistant_row((*rows)[i]));
  return assistants;
}

Result<DialogPage> dialogs_of(Reader& reader, AccountId owner, const DialogFilter& filter) {
  // The count stands in every row, and alone (with no dialog beside it) when the page is empty.
  const auto rows = reader.query(
      "WITH mine AS NOT MATERIALIZED (SELECT * FROM dialogs WHERE owner_id = $1 AND ($2::text IS NULL OR status = $2)"
      " AND ($3::text IS NULL OR handoff_status = $3) AND ($4::text IS NULL OR platform = $4)),"
      " page AS (SELECT * FROM mine ORDER BY last_activity_at DESC, id DESC LIMIT $5 OFFSET $6)"
      " SELECT n.total, d.id, d.version, d.owner_id, d.assistant_id, a.name, d.platform, d.status, d.handoff_status, d.first_name, d.last_name,"
      " d.telegram_chat_id, d.telegram_username, d.message_count, d.last_message, d.last_message_time, d.created_at"
      " FROM (SELECT count(*) AS total FROM mine) n LEFT JOIN page d ON true LEFT JOIN assistants a ON a.id = d.assistant_id"
      " ORDER BY d.last_activity_at DESC, d.id DESC",
      Params(owner, filter.status, filter.handoff_status, filter.platform, at_most(filter.limit), std::max<std::int64_t>(filter.offset, 0)));
  if (!rows) return std::unexpected(rows.error());
  DialogPage page;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const auto row = (*rows)[i];
    row.read(0, page.total);
    if (row.is_null(1)) break;
    DialogRow d;
    row.into(page.total, d.id, d.version, d.owner, d.assistant, d.assistant_name, d.platform, d.status, d.handoff_status, d.first_name, d.last_name,
             d.telegram_chat_id, d.telegram_username, d.message_count, d.last_message, d.last_message_time, d.created_at);
    page.dialogs.push_back(std::move(d));
  }
  page.has_more = std::max<std::int64_t>(filter.offset, 0) + static_cast<std::int64_t>(page.dialogs.size()) < page.total;
  return page;
}

Result<std::optional<DialogRow>> dialog(Reader& reader, const Principal& viewer, DialogId id) {
  const Sight sight = sight_of(viewer);
  const auto rows = reader.query(kDialog, Params(id, sight.owner, sight.assistant));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return dialog_row((*rows)[0]);
}

Result<std::optional<std::vector<MessageRow>>> messages(Reader& reader, const Principal& viewer, DialogId id, int limit) {
  const Sight sight = sight_of(viewer);
  // A dialog without messages is one row of NULLs; one that the viewer may not know of is none.
  const auto rows = reader.query(
      "SELECT m.id, m.version, m.sender, m.text, m.operator_name, m.created_at FROM dialogs d LEFT JOIN LATERAL"
      " (SELECT * FROM messages WHERE dialog_id = d.id ORDER BY version DESC LIMIT $4) m ON true"
      " WHERE d.id = $1 AND (d.owner_id = $2 OR d.assistant_id = $3) ORDER BY m.version",
      Params(id, sight.owner, sight.assistant, at_most(limit)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  if ((*rows)[0].is_null(0)) return std::vector<MessageRow>{};
  return message_rows(*rows);
}

Result<std::optional<StreamHistory>> dialog_history(postgres::Lease& lease, const Principal& viewer, DialogId id, std::int64_t after_version,
                                                    std::int32_t partition, int limit) {
  auto seen = snapshot(lease);
  if (!seen) return std::unexpected(seen.error());
  const auto version = visible_version(*seen, viewer, id);
  if (!version) return std::unexpected(version.error());
  if (!*version) return std::nullopt;
  StreamHistory history;
  history.version = **version;
  const int rows_max = at_most(limit);
  const auto rows = seen->query(
      "SELECT id, version, sender, text, operator_name, created_at FROM messages WHERE dialog_id = $1 AND version > $2"
      " ORDER BY version LIMIT $3",
      Params(id, after_version, rows_max + 1));
  if (!rows) return std::unexpected(rows.error());
  history.messages = message_rows(*rows);
  history.has_more = history.messages.size() > static_cast<std::size_t>(rows_max);
  if (history.has_more) history.messages.resize(static_cast<std::size_t>(rows_max));
  const auto checkpoint = seen->query(
      "SELECT next, (SELECT position FROM parked_streams WHERE projection = $1 AND stream = $3) FROM checkpoints"
      " WHERE projection = $1 AND partition = $2",
      Params(kReadModels, partition, to_string(Stream{Kind::dialog, id.value})));
  if (!checkpoint) return std::unexpected(checkpoint.error());
  if (!checkpoint->empty()) (*checkpoint)[0].into(history.checkpoint, history.parked_at);
  return history;
}

Result<std::optional<std::int64_t>> opening_parked_at(Reader& reader, DialogId id) {
  const auto rows =
      reader.query("SELECT position FROM parked_streams WHERE projection = $1 AND stream = $2 AND NOT EXISTS (SELECT FROM dialogs WHERE id = $3)",
                   Params(kReadModels, to_string(Stream{Kind::dialog, id.value}), id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  std::int64_t position = 0;
  (*rows)[0].into(position);
  return position;
}

Result<std::optional<std::vector<EventRow>>> dialog_events(Reader& reader, const Principal& viewer, DialogId id, std::int64_t after_version,
                                                           int limit) {
  const auto version = visible_version(reader, viewer, id);
  if (!version) return std::unexpected(version.error());
  if (!*version) return std::nullopt;
  auto events = stream_events(reader, {Kind::dialog, id.value}, after_version, limit);
  if (!events) return std::unexpected(events.error());
  return std::move(*events);
}

Result<std::vector<EventRow>> stream_events(Reader& reader, const Stream& stream, std::int64_t after_version, int limit) {
  const auto rows = reader.query(
      "SELECT version, event_id, type, cause, correlation, actor, at, encode(hash, 'hex'), partition, position FROM event_index"
      " WHERE kind = $1 AND stream_id = $2 AND version > $3 ORDER BY version LIMIT $4",
      Params(to_string(stream.kind), stream.id, after_version, at_most(limit)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<EventRow> events(rows->size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    EventRow& e = events[i];
    (*rows)[i].into(e.version, e.event_id, e.type, e.cause, e.correlation, e.actor, e.at, e.hash, e.partition, e.position);
  }
  return events;
}

Result<std::int64_t> version_at(Reader& reader, const Stream& stream, const schema::Moment& moment) {
  std::optional<std::int64_t> version;
  std::optional<Timestamp> time;
  std::visit(overloaded{[&](const schema::AtVersion& at) { version = at.version; }, [&](const schema::AtTime& at) { time = at.time; }}, moment);
  const auto rows = reader.query(
      "SELECT version FROM event_index WHERE kind = $1 AND stream_id = $2 AND ($3::bigint IS NULL OR version <= $3)"
      " AND ($4::timestamptz IS NULL OR at <= $4) ORDER BY version DESC LIMIT 1",
      Params(to_string(stream.kind), stream.id, version, time));
  if (!rows) return std::unexpected(rows.error());
  std::int64_t found = 0;
  if (!rows->empty()) (*rows)[0].into(found);
  return found;
}

}  // namespace parley::projections
