#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/kernel.h"

namespace parley::postgres {

/// One row of an answer; valid while its Rows lives. Reading a column as a type that it is not, or NULL as a value,
/// throws std::logic_error: the statement and its reader stand side by side, so it is a defect and not a state of the
/// world.
class Row {
 public:
  /// Reads the columns in order into the given variables, all of them.
  template <class... Values>
  void into(Values&... values) const {
    expect_columns(sizeof...(Values));
    int column = 0;
    (read(column++, values), ...);
  }

  void read(int column, bool& value) const;
  void read(int column, std::int32_t& value) const;
  void read(int column, std::int64_t& value) const;
  void read(int column, std::string& value) const;
  void read(int column, Timestamp& value) const;
  void read(int column, std::vector<std::string>& value) const;  ///< text[] of one dimension, without NULLs
  void read(int column, Personal& value) const { read(column, value.text); }
  void read(int column, Sealed& value) const { read(column, value.box); }
  void read(int column, Kopecks& value) const { read(column, value.amount); }
  template <class Tag>
  void read(int column, Id<Tag>& value) const {
    read(column, value.value);
  }
  template <class T>
  void read(int column, std::optional<T>& value) const {
    if (is_null(column)) {
      value.reset();
    } else {
      read(column, value.emplace());
    }
  }
  bool is_null(int column) const { return cell(column).data() == nullptr; }

 private:
  friend class Rows;
  /// As the server wrote it; NULL is a view of nothing at all.
  using Cell = std::string_view;
  explicit Row(std::span<const Cell> cells) : cells_(cells) {}
  void expect_columns(std::size_t count) const;
  const Cell& cell(int column) const;
  std::string_view text(int column) const;

  std::span<const Cell> cells_;
};

/// The whole answer of one statement. A value: copies share the answer, which never changes. Thread-safe.
class Rows {
 public:
  /// `result` is a pqxx::result; only platform/postgres makes Rows.
  explicit Rows(const void* result);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// How many rows an INSERT, UPDATE or DELETE wrote.
  std::int64_t affected() const { return affected_; }
  Row operator[](std::size_t index) const;

 private:
  struct Content;
  std::shared_ptr<const Content> content_;
  std::size_t size_;
  std::int64_t affected_;
};

}  // namespace parley::postgres
