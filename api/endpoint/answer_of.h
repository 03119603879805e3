#pragma once
// Answers that show a row of a read model.
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "projections/table.h"
#include "schemas/fields.h"

namespace parley::endpoint {

/// The name of a field, as a template's argument.
template <std::size_t size>
struct FieldName {
  char text[size]{};  // NOLINT(cppcoreguidelines-avoid-c-arrays): a string literal
  consteval FieldName(const char (&literal)[size]) { std::copy_n(literal, size, text); }  // NOLINT
  constexpr std::string_view view() const { return {text, size - 1}; }
};

namespace internal {

inline constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);

/// The column that has a field's name and a value for it.
template <class Member, class Row>
consteval std::size_t column_for(std::string_view name) {
  std::size_t found = kNoColumn;
  projections::each_column<Row>([&]<class Column>(const Column& column, std::size_t i) {
    using Value = std::remove_cvref_t<decltype(std::declval<Row>().*Column::member)>;
    if (std::constructible_from<Member, Value> && column.name == name) found = i;
  });
  return found;
}

}  // namespace internal

/// Each described field of the answer has the value of the row's column of the same name. Those that no column has are
/// named, and their members keep what they are made with; a field that is neither does not compile.
template <class T, FieldName... others, class Row>
T answer_of(Row row) {
  T out{};
  const auto fill = [&]<std::size_t index>() {
    constexpr const auto& field = std::get<index>(schema::fields<T>);
    using Member = std::remove_cvref_t<decltype(out.*field.member)>;
    constexpr auto at = internal::column_for<Member, Row>(field.name);
    static_assert((at != internal::kNoColumn) != ((others.view() == field.name) || ...),
                  "a field has a column of its name, or is named here");
    projections::each_column<Row>([&]<class Column>(const Column&, std::size_t i) {
      using Value = std::remove_cvref_t<decltype(row.*Column::member)>;
      if constexpr (std::constructible_from<Member, Value>) {
        if (i == at) out.*field.member = Member(std::move(row.*Column::member));
      }
    });
  };
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    (fill.template operator()<index>(), ...);
  }(std::make_index_sequence<std::tuple_size_v<decltype(schema::fields<T>)>>{});
  return out;
}

}  // namespace parley::endpoint
