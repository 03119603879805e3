#include "projections/queries.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "projections/engine/checkpoints.h"
#include "projections/engine/generation.h"
#include "projections/search.h"
#include "schemas/contexts/dialogs.h"

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
                        [](const ConsoleOperator&) { return Sight{}; },
                        [](const Reactor&) { return Sight{}; },
                        [](const Admin&) { return Sight{}; },
                        [](const Owner& p) { return Sight{.owner = p.account, .assistant = {}}; },
                        [](const Operator& p) { return Sight{.owner = p.owner, .assistant = {}}; },
                        [](const Visitor& p) { return Sight{.owner = {}, .assistant = p.assistant}; },
                        [](const ApiClient& p) { return Sight{.owner = p.owner, .assistant = {}}; },
                    },
                    viewer);
}

// A dialog's own columns, and then its assistant's name.
std::string dialog_columns() { return select_list<DialogRow>("d") + ", a.name"; }
constexpr int kDialogColumns = static_cast<int>(column_count<DialogRow>) + 1;
DialogRow dialog_row(const postgres::Row& row, int first = 0) {
  DialogRow d;
  read_columns(row, first, d);
  row.read(first + kDialogColumns - 1, d.assistant_name);
  return d;
}

// Words that are in every text ('и не в') find nothing.
std::string found() {
  const auto wanted = words_wanted("$6::text");
  return "WITH found AS MATERIALIZED (SELECT DISTINCT dialog_id FROM messages WHERE " + message_words() + " @@ (" +
         wanted + " && ('''owner ' || $1::bigint || '''')::tsquery) AND numnode(" + wanted + ") > 0),";
}

// The count goes through all of the owner's dialogs anyway, and their names with it. (That a name is not something
// finds nothing: 'T' is a search that names no word to be found.)
std::string mine() {
  const auto wanted = words_wanted("$6::text");
  return " mine AS NOT MATERIALIZED (SELECT * FROM dialogs WHERE owner_id = $1 AND ($2::text IS NULL OR status = $2)"
         " AND ($3::text IS NULL OR handoff_status = $3) AND ($4::text IS NULL OR platform = $4) AND ($5::bigint IS "
         "NULL OR assistant_id = $5)"
         " AND ($6::text IS NULL OR id IN (SELECT dialog_id FROM found) OR (querytree(" +
         wanted +
         ") <> 'T'"
         " AND (SELECT " +
         words_of("names") + " @@ " + wanted +
         " FROM (SELECT concat_ws(' ', first_name, last_name, telegram_username) AS names) AS n)))),";
}

constexpr std::string_view kFirstPage =
    " page AS (SELECT *, last_activity_at AS activity FROM mine ORDER BY last_activity_at DESC, id DESC LIMIT $7 "
    "OFFSET $8)";

// A partition's time never goes back: what it appends from the cut on is not older than what stands before the cut. So
// a dialog whose last activity is older has not moved; of the few others the index of events knows where they were.
constexpr std::string_view kNextPage =
    " cut AS MATERIALIZED (SELECT $8::bigint[] AS next, array_agg(coalesce((SELECT at FROM event_index e WHERE "
    "e.partition = c.number - 1"
    " AND e.position < c.next ORDER BY e.position DESC LIMIT 1), '-infinity'::timestamptz) ORDER BY c.number) AS last"
    " FROM unnest($8::bigint[]) WITH ORDINALITY AS c (next, number)),"
    " placed AS NOT MATERIALIZED (SELECT mine.*, (id % $11::bigint * cardinality(cut.next) / $11::bigint + 1)::integer "
    "AS place, cut.next, cut.last"
    " FROM mine CROSS JOIN cut),"
    " page AS (SELECT * FROM ("
    "(SELECT *, last_activity_at AS activity FROM placed WHERE (last_activity_at, id) < ($9::timestamptz, $10::bigint)"
    " AND last_activity_at < last[place] ORDER BY last_activity_at DESC, id DESC LIMIT $7)"
    " UNION ALL (SELECT placed.*, was.at FROM placed CROSS JOIN LATERAL (SELECT at FROM event_index e WHERE e.kind = "
    "'dialog'"
    " AND e.stream_id = placed.id AND e.position < next[place] AND e.type = ANY ($12::text[]) ORDER BY e.version DESC "
    "LIMIT 1) AS was"
    " WHERE last_activity_at >= (SELECT min(t) FROM cut, unnest(cut.last) AS t) AND last_activity_at >= last[place]"
    " AND (was.at, id) < ($9, $10))) AS both_kinds ORDER BY activity DESC, id DESC LIMIT $7)";

// The count stands in every row, and alone (with no dialog beside it) when the page is empty.
constexpr std::string_view kPage = " SELECT n.total, n.cut, d.activity, ";
constexpr int kPageColumns = 3;  // before the dialog's
constexpr std::string_view kPageFrom =
    " FROM (SELECT count(*) AS total, (SELECT array_agg(next::text ORDER BY partition) FROM checkpoints WHERE "
    "projection = '";
constexpr std::string_view kPageEnd =
    "') AS cut FROM mine) n LEFT JOIN page d ON true LEFT JOIN assistants a ON a.id = d.assistant_id"
    " ORDER BY d.activity DESC, d.id DESC";

/// What moves a dialog to the top of its list.
std::vector<std::string> activities() {
  return {std::string(schema::type_name<dialogs::Opened>), std::string(schema::type_name<dialogs::MessageCreated>)};
}

std::string statement(std::string_view page) {
  const auto columns = dialog_columns();
  std::string text = found() + mine();
  for (const auto part : {page, kPage, std::string_view(columns), kPageFrom, kReadModels, kPageEnd}) text += part;
  return text;
}

}  // namespace

Result<DialogPage> dialogs_of(Reader& reader, AccountId owner, const DialogFilter& filter) {
  const int rows_max = at_most(filter.limit);
  const auto words = filter.words.transform(search_terms);
  const auto ask = [&] {
    const int limit = rows_max + 1;  // one more tells whether there is more
    if (!filter.after) {
      return reader.query(statement(kFirstPage),
                          Params(owner, filter.status, filter.handoff_status, filter.platform, filter.assistant, words,
                                 limit, std::max<std::int64_t>(filter.offset, 0)));
    }
    postgres::Column cut;
    for (const auto next : filter.after->cut) cut.add(next);
    return reader.query(statement(kNextPage),
                        Params(owner, filter.status, filter.handoff_status, filter.platform, filter.assistant, words,
                               limit, cut, filter.after->activity, filter.after->id, kSlots, activities()));
  };
  const auto rows = ask();
  if (!rows) return std::unexpected(rows.error());
  DialogPage page;
  DialogCursor next;
  if (filter.after) next = *filter.after;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const auto row = (*rows)[i];
    row.read(0, page.total);
    if (row.is_null(kPageColumns)) break;
    page.has_more = page.dialogs.size() == static_cast<std::size_t>(rows_max);
    if (page.has_more) break;
    std::optional<std::vector<std::string>> cut;
    row.read(1, cut);
    row.read(2, next.activity);
    auto d = dialog_row(row, kPageColumns);
    next.id = d.id;
    if (next.cut.empty() && cut) {
      for (const auto& position : *cut) next.cut.push_back(schema::parse_integer(position).value_or(0));
    }
    page.dialogs.push_back(std::move(d));
  }
  if (page.has_more && !page.dialogs.empty() && !next.cut.empty()) page.next = std::move(next);
  return page;
}

Result<std::optional<DialogRow>> dialog(Reader& reader, const Principal& viewer, DialogId id) {
  const Sight sight = sight_of(viewer);
  const auto rows = reader.query(select(dialog_columns(),
                                        " FROM dialogs d LEFT JOIN assistants a ON a.id = d.assistant_id WHERE d.id = "
                                        "$1 AND (d.owner_id = $2 OR d.assistant_id = $3)"),
                                 Params(id, sight.owner, sight.assistant));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return dialog_row((*rows)[0]);
}

namespace {

/// So few messages fit into one answer whatever they say. PostgreSQL need not count their bytes, which would take it
/// three times as long as to find them.
constexpr int kFewMessages = static_cast<int>(kPageBytesMax / kMessageBytesMax);

/// Of a dialog's messages. A dialog without any is one row of NULLs; one that the viewer may not know of is none.
struct MessageStatements {
  std::string few;   ///< One row more than is asked for, when there are more.
  std::string many;  ///< within_bounds()
};
MessageStatements messages_where(std::string_view where, std::string_view order) {
  const auto of_dialog = [](std::string_view messages) {
    return fmt::format(
        " FROM dialogs d LEFT JOIN LATERAL ({}) m ON true WHERE d.id = $1 AND (d.owner_id = $2 OR d.assistant_id = $3) "
        "ORDER BY m.version",
        messages);
  };
  const auto found = select(
      select_list<MessageRow>(),
      fmt::format(" FROM messages WHERE dialog_id = d.id AND {} ORDER BY {} LIMIT $4::bigint + 1", where, order));
  const auto columns = select_list<MessageRow>("m");
  return {select(columns, of_dialog(found)),
          select(columns, ", m.found" + of_dialog(within_bounds(found, order, "$4::bigint")))};
}

/// Whether a message is within kMessageBytesMax whatever its characters are.
bool is_short(const MessageRow& row) {
  return message_bytes(row.text.text.size() + (row.operator_name ? row.operator_name->text.size() : 0)) <=
         kMessageBytesMax;
}

/// `latest`: whether the row too many is the oldest one.
Result<std::optional<Page<MessageRow>>> page_of_messages(Reader& reader, const Principal& viewer, DialogId id,
                                                         std::optional<std::int64_t> version, int limit,
                                                         const MessageStatements& statements, bool latest) {
  const Sight sight = sight_of(viewer);
  const auto ask = [&](const std::string& statement, int rows_max) {
    return reader.query(statement, Params(id, sight.owner, sight.assistant, rows_max, version));
  };
  const int few = std::min(at_most(limit), kFewMessages);
  const auto rows = ask(statements.few, few);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  if ((*rows)[0].is_null(0)) return Page<MessageRow>{};
  Page<MessageRow> page;
  page.has_more = std::cmp_greater(rows->size(), few);
  page.rows.reserve(rows->size());
  for (std::size_t i = 0; i < rows->size(); ++i) page.rows.push_back(read_row<MessageRow>((*rows)[i]));
  if ((page.has_more && few < at_most(limit)) || !std::ranges::all_of(page.rows, is_short)) {
    const auto bounded = ask(statements.many, at_most(limit));
    if (!bounded) return std::unexpected(bounded.error());
    return page_of<MessageRow>(*bounded);
  }
  if (page.has_more) page.rows.erase(latest ? page.rows.begin() : std::prev(page.rows.end()));
  return page;
}

}  // namespace

Result<std::optional<Page<MessageRow>>> messages(Reader& reader, const Principal& viewer, DialogId id, int limit,
                                                 std::optional<std::int64_t> before) {
  static const auto kStatements = messages_where("($5::bigint IS NULL OR version < $5)", "version DESC");
  return page_of_messages(reader, viewer, id, before, limit, kStatements, true);
}

Result<std::optional<Page<MessageRow>>> messages_after(Reader& reader, const Principal& viewer, DialogId id,
                                                       std::int64_t after, int limit) {
  static const auto kStatements = messages_where("version > $5", "version");
  return page_of_messages(reader, viewer, id, after, limit, kStatements, false);
}

Result<std::optional<std::int64_t>> visible_version(Reader& reader, const Principal& viewer, DialogId id) {
  const Sight sight = sight_of(viewer);
  const auto rows = reader.query("SELECT version FROM dialogs WHERE id = $1 AND (owner_id = $2 OR assistant_id = $3)",
                                 Params(id, sight.owner, sight.assistant));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  std::int64_t version = 0;
  (*rows)[0].into(version);
  return version;
}

Result<std::optional<AccountId>> owner_of_dialog(Reader& reader, DialogId id) {
  const auto rows = reader.query("SELECT owner_id FROM dialogs WHERE id = $1", Params(id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  AccountId owner;
  (*rows)[0].into(owner);
  return owner;
}

Result<std::optional<std::vector<EventRow>>> dialog_events(Reader& reader, const Principal& viewer, DialogId id,
                                                           std::int64_t after_version, int limit) {
  const auto version = visible_version(reader, viewer, id);
  if (!version) return std::unexpected(version.error());
  if (!*version) return std::nullopt;
  auto events = stream_events(reader, {Kind::dialog, id.value}, after_version, limit);
  if (!events) return std::unexpected(events.error());
  return std::move(*events);
}

Result<std::vector<EventRow>> stream_events(Reader& reader, const Stream& stream, std::int64_t after_version,
                                            int limit) {
  const auto rows = reader.query(
      "SELECT version, event_id, type, cause, correlation, actor, at, encode(hash, 'hex'), partition, position FROM "
      "event_index"
      " WHERE kind = $1 AND stream_id = $2 AND version > $3 ORDER BY version LIMIT $4",
      Params(to_string(stream.kind), stream.id, after_version, at_most(limit)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<EventRow> events(rows->size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    EventRow& e = events[i];
    (*rows)[i].into(e.version, e.event_id, e.type, e.cause, e.correlation, e.actor, e.at, e.hash, e.partition,
                    e.position);
  }
  return events;
}

Result<std::int64_t> version_at(Reader& reader, const Stream& stream, const schema::PointInTime& point) {
  std::optional<std::int64_t> version;
  std::optional<Timestamp> time;
  std::visit(overloaded{[&](const schema::AtVersion& at) { version = at.version; },
                        [&](const schema::AtTime& at) { time = at.time; }},
             point);
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
