#pragma once
// A read model's table, described once: its columns and the members of the row that hold them. INSERT, UPDATE, SELECT,
// reading, `?at=` and what audits show follow from the description; a column is named there and in its migration.
//
//   template <>
//   inline constexpr std::string_view table<DialogRow> = "dialogs";
//   template <>
//   inline constexpr auto columns<DialogRow> = std::tuple{
//       column<&DialogRow::status>("status"),
//       column<&DialogRow::message_count>("message_count"),
//   };
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "platform/postgres/pool.h"
#include "schemas/fields.h"

namespace parley::projections {

template <auto member_pointer>
struct ColumnOf {
  static constexpr auto member = member_pointer;
  std::string_view name;
};
template <auto member_pointer>
constexpr ColumnOf<member_pointer> column(std::string_view name) {
  return {name};
}

/// Specialised beside each row's type, which holds what the columns do, with the defaults of a row that is created: its
/// table's name, and the columns.
template <class Row>
inline constexpr std::string_view table = "";
template <class Row>
inline constexpr int columns = 0;

template <class Row>
inline constexpr std::size_t column_count = std::tuple_size_v<decltype(columns<Row>)>;

/// Calls f(column, index) for each column, in their order.
template <class Row, class F>
constexpr void each_column(F f) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (f(std::get<I>(columns<Row>), I), ...);
  }(std::make_index_sequence<column_count<Row>>{});
}

namespace internal {

template <auto a, auto b>
constexpr bool is_same_member() {
  if constexpr (std::same_as<decltype(a), decltype(b)>) {
    return a == b;
  } else {
    return false;
  }
}

}  // namespace internal

template <class Row, class Column>
using MemberOf = std::remove_cvref_t<decltype(std::declval<Row>().*std::remove_cvref_t<Column>::member)>;

/// Which column holds the member; one that none does is not compiled.
template <class Row, auto member>
consteval std::size_t index_of() {
  std::size_t found = column_count<Row>;
  each_column<Row>([&]<class C>(const C&, std::size_t i) {
    if (internal::is_same_member<C::member, member>()) found = i;
  });
  if (found == column_count<Row>) throw "no column holds this member";
  return found;
}

/// As the server has the column. Lists of texts travel as array literals inside an array of texts, for unnest() would
/// flatten an array of arrays.
template <class M>
constexpr std::string_view sql_type() {
  if constexpr (schema::is_optional<M>) {
    return sql_type<typename M::value_type>();
  } else if constexpr (std::same_as<M, bool>) {
    return "boolean";
  } else if constexpr (std::same_as<M, Timestamp>) {
    return "timestamptz";
  } else if constexpr (std::same_as<M, std::string> || std::same_as<M, Personal> || std::same_as<M, Sealed> ||
                       schema::Named<M> || schema::is_list<M>) {
    return "text";
  } else if constexpr (std::same_as<M, std::int32_t>) {
    return "integer";
  } else {
    return "bigint";
  }
}
/// Of a column of an unnest(), as the table's column takes it.
template <class M>
constexpr std::string_view sql_cast() {
  if constexpr (schema::is_optional<M>) {
    return sql_cast<typename M::value_type>();
  } else {
    return schema::is_list<M> ? "::text[]" : "";
  }
}

template <class M>
postgres::Text column_text(const M& value) {
  using postgres::to_text;
  if constexpr (schema::is_optional<M>) {
    return value ? column_text(*value) : std::nullopt;
  } else if constexpr (schema::Named<M>) {
    return to_text(schema::name_of(value));
  } else {
    return to_text(value);
  }
}

/// "d.status, d.message_count": what a SELECT names for read_columns(), with a table's alias before each where one is
/// given.
template <class Row>
std::string select_list(std::string_view alias = {}) {
  std::string text;
  each_column<Row>([&](const auto& c, std::size_t i) {
    if (i > 0) text += ", ";
    if (!alias.empty()) text.append(alias).append(".");
    text += c.name;
  });
  return text;
}

namespace internal {

template <class M>
void read_column(const postgres::Row& row, int at, M& member) {
  if constexpr (schema::is_optional<M>) {
    if (row.is_null(at)) {
      member.reset();
    } else {
      read_column(row, at, member.emplace());
    }
  } else if constexpr (schema::Named<M>) {
    std::string name;
    row.read(at, name);
    member = schema::named<M>(name).value_or(M{});  // a newer build's name: as the first one
  } else {
    row.read(at, member);
  }
}

}  // namespace internal

/// The columns of select_list(), from column `first` on.
template <class Row>
void read_columns(const postgres::Row& row, int first, Row& out) {
  each_column<Row>([&]<class C>(const C&, std::size_t i) {
    internal::read_column(row, first + static_cast<int>(i), out.*C::member);
  });
}
/// A row of a statement that selects select_list() alone.
template <class Row>
Row read_row(const postgres::Row& row) {
  Row out;
  read_columns(row, 0, out);
  return out;
}
template <class Row>
std::vector<Row> read_rows(const postgres::Rows& rows) {
  std::vector<Row> out(rows.size());
  for (std::size_t i = 0; i < out.size(); ++i) read_columns(rows[i], 0, out[i]);
  return out;
}

}  // namespace parley::projections
