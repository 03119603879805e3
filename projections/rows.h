#pragma once
// What a batch does to the rows of one table, folded by key, and how that is written: one INSERT and one UPDATE for all
// of them.
#include <bitset>
#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "projections/position.h"
#include "projections/table.h"

namespace parley::projections {

/// What happens to the one row of a stream: it is created, or moves from exactly version `from` to `to`.
struct RowMove {
  bool created = false;
  bool contradicts_itself =
      false;  ///< An event does not follow the one before it, or creates the row again: the change cannot be written.
  bool is_of_parking_alone =
      true;  ///< Such events may stand in a stream that has no row yet: there is nothing to move then.
  std::int64_t from = 0;
  std::int64_t to = 0;
};

/// The columns that change, by the row's members. Of a row that is created, `row` is all of it.
template <class Row>
struct RowChange : RowMove {
  Row row;
  std::bitset<column_count<Row>> set_columns;    ///< To what `row` has.
  std::bitset<column_count<Row>> added_columns;  ///< By what `row` has.

  template <auto member, class Value>
  void set(Value&& value) {
    using Member = std::remove_cvref_t<decltype(row.*member)>;
    if constexpr (std::assignable_from<Member&, Value>) {
      row.*member = std::forward<Value>(value);
    } else {
      row.*member = Member(std::forward<Value>(value));  // a name, where the column may be null
    }
    set_columns.set(index_of<Row, member>());
  }
  template <auto member>
  void add(std::int64_t amount) {
    increase(row.*member, amount);
    added_columns.set(index_of<Row, member>());
  }

 private:
  static void increase(std::int64_t& count, std::int64_t amount) { count += amount; }
  static void increase(Kopecks& money, std::int64_t amount) { money.amount += amount; }
};

/// By the stream's id.
template <class Row>
using RowChanges = std::unordered_map<std::int64_t, RowChange<Row>>;

/// The row that the event is about, moved to the event's version.
template <class Row>
RowChange<Row>& moved(RowChanges<Row>& changes, const Position& position) {
  const auto [found, first] = changes.try_emplace(position.stream.id);
  auto& change = found->second;
  if (first) change.from = position.version - 1;
  if (!first && position.version != change.to + 1) change.contradicts_itself = true;
  change.to = position.version;
  change.is_of_parking_alone = false;
  return change;
}
/// The same for the event that creates it.
template <class Row>
RowChange<Row>& created(RowChanges<Row>& changes, const Position& position) {
  auto& change = moved(changes, position);
  change.contradicts_itself |= change.created;
  change.created = true;
  return change;
}
/// An event that says nothing of the row.
template <class Row>
void touched(RowChanges<Row>& changes, const Position& position, bool is_of_parking) {
  const auto found = changes.find(position.stream.id);
  const bool was_of_parking = found == changes.end() || found->second.is_of_parking_alone;
  moved(changes, position).is_of_parking_alone = is_of_parking && was_of_parking;
}

namespace internal {

/// A statement over the rows of an unnest(), and its parameters.
struct Unnest {
  std::vector<postgres::Column> columns;
  std::string types;  ///< "$1::bigint[], $2::text[]"
  std::string names;  ///< "id, c0"

  std::size_t begin(std::string_view name, std::string_view type);
  postgres::Params params() const;
};

postgres::Error unfit(std::string why);
/// Versions have no gap, so a row that a statement did not meet means that the row and the log have parted.
postgres::Result<void> expect_all(const postgres::Result<postgres::Rows>& written, std::size_t expected,
                                  std::string_view table);
/// The streams in which nothing but events of parking has happened: each row that is there must be at its version; a
/// stream without a row is none yet.
postgres::Result<void> write_parking(postgres::Transaction& t, std::string_view table,
                                     const std::vector<std::pair<std::int64_t, RowMove>>& moves);
/// Passes the versions up to that one, for an event that is left out.
postgres::Result<void> pass(postgres::Transaction& t, std::string_view table, std::int64_t id, std::int64_t version);

inline std::string column_name(std::size_t i) { return "c" + std::to_string(i); }

}  // namespace internal

/// One more value of each row that is inserted, which the row's type does not hold: u.beside in the statement.
struct Beside {
  std::string_view names;   ///< Of the columns that it fills: ", dialog_id"
  std::string_view values;  ///< What fills them: ", u.beside"
  std::string_view join;
  std::string_view type;
  postgres::Column values_of_rows;
};

/// The rows that are created, as one statement.
template <class Row>
postgres::Result<void> insert_rows(postgres::Transaction& t, const std::vector<const Row*>& rows,
                                   const Beside* beside = nullptr) {
  if (rows.empty()) return {};
  internal::Unnest u;
  std::string selected;
  each_column<Row>([&]<class C>(const C&, std::size_t i) {
    using M = MemberOf<Row, C>;
    const auto name = internal::column_name(i);
    const auto at = u.begin(name, sql_type<M>());
    for (const auto* row : rows) u.columns[at].add_text(column_text(row->*C::member));
    selected.append(i > 0 ? ", " : "").append("u.").append(name).append(sql_cast<M>());
  });
  if (beside != nullptr) u.columns[u.begin("beside", beside->type)] = beside->values_of_rows;
  const Beside nothing{};
  const auto& also = beside != nullptr ? *beside : nothing;
  std::string statement("INSERT INTO ");
  statement.append(table<Row>)
      .append(" (")
      .append(select_list<Row>())
      .append(also.names)
      .append(") SELECT ")
      .append(selected);
  statement.append(also.values)
      .append(" FROM unnest(")
      .append(u.types)
      .append(") AS u (")
      .append(u.names)
      .append(")")
      .append(also.join);
  return internal::expect_all(t.query(statement, u.params()), rows.size(), table<Row>);
}

/// What an UPDATE of these rows sets: `first_set`, and the columns that any of the changes sets or adds to.
template <class Row, class ChangeOf>
std::string update_statement(internal::Unnest& u, const std::vector<std::pair<std::int64_t, const ChangeOf*>>& changes,
                             std::string first_set) {
  std::string sets = std::move(first_set);
  each_column<Row>([&]<class C>(const C& c, std::size_t i) {
    using M = MemberOf<Row, C>;
    bool any_set = false, any_added = false;
    for (const auto& [id, change] : changes) {
      any_set |= change->set_columns[i];
      any_added |= change->added_columns[i];
    }
    if (!any_set && !any_added) return;
    const auto name = internal::column_name(i);
    const auto at = u.begin(name, sql_type<M>());
    for (const auto& [id, change] : changes) {
      const bool says = change->set_columns[i] || change->added_columns[i];
      u.columns[at].add_text(says ? column_text(change->row.*C::member) : postgres::Text{});
    }
    sets.append(sets.empty() ? "" : ", ").append(c.name).append(" = ");
    if (any_added) {
      sets.append("t.").append(c.name).append(" + coalesce(u.").append(name).append(", 0)");
    } else if constexpr (schema::is_optional<M>) {
      const auto given = name + "_set";
      const auto given_at = u.begin(given, "boolean");
      for (const auto& [id, change] : changes) u.columns[given_at].add(change->set_columns[i]);
      sets.append("CASE WHEN u.").append(given).append(" THEN u.").append(name).append(sql_cast<M>());
      sets.append(" ELSE t.").append(c.name).append(" END");
    } else {
      sets.append("coalesce(u.").append(name).append(sql_cast<M>()).append(", t.").append(c.name).append(")");
    }
  });
  return sets;
}

/// The row of a stream that was created, at the version that the change moves it to.
template <class Row>
Row row_of(std::int64_t id, const RowChange<Row>& change) {
  Row row = change.row;
  row.id = {id};
  row.version = change.to;
  return row;
}

/// Writes what the changes say of a table whose rows are streams: columns `id` and `version` beside the described ones.
template <class Row>
postgres::Result<void> write(postgres::Transaction& t, const RowChanges<Row>& changes) {
  constexpr std::string_view name = table<Row>;
  std::vector<std::pair<std::int64_t, const RowChange<Row>*>> updates;
  std::vector<std::pair<std::int64_t, RowMove>> parking;
  std::vector<std::pair<std::int64_t, const RowChange<Row>*>> inserts;
  for (const auto& [id, change] : changes) {
    if (change.contradicts_itself)
      return std::unexpected(internal::unfit(std::string(name) + ": an event does not follow the one before it"));
    if (change.created) {
      inserts.emplace_back(id, &change);
    } else if (change.is_of_parking_alone) {
      parking.emplace_back(id, change);
    } else {
      updates.emplace_back(id, &change);
    }
  }
  if (const auto done = internal::write_parking(t, name, parking); !done) return done;
  if (!inserts.empty()) {
    std::vector<Row> rows;
    std::vector<const Row*> pointers;
    rows.reserve(inserts.size());
    for (const auto& [id, change] : inserts) pointers.push_back(&rows.emplace_back(row_of(id, *change)));
    if (const auto done = insert_rows<Row>(t, pointers); !done) return done;
  }
  if (updates.empty()) return {};
  internal::Unnest u;
  const auto id_at = u.begin("id", "bigint"), from_at = u.begin("\"from\"", "bigint"),
             to_at = u.begin("\"to\"", "bigint");
  for (const auto& [id, change] : updates) {
    u.columns[id_at].add(id);
    u.columns[from_at].add(change->from);
    u.columns[to_at].add(change->to);
  }
  const auto sets = update_statement<Row>(u, updates, "version = u.\"to\"");
  std::string statement("UPDATE ");
  statement.append(name)
      .append(" t SET ")
      .append(sets)
      .append(" FROM unnest(")
      .append(u.types)
      .append(") AS u (")
      .append(u.names);
  statement.append(") WHERE t.id = u.id AND t.version = u.\"from\"");
  return internal::expect_all(t.query(statement, u.params()), updates.size(), name);
}

}  // namespace parley::projections
