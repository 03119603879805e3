#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/kernel.h"

namespace parley::postgres {

/// How a value is written for the server: text form, absent is NULL. PostgreSQL holds neither NUL characters nor
/// surrogates: U+FFFD takes their place, so that text which got past its callers' checks stops nobody.
using Text = std::optional<std::string>;

Text to_text(bool value);
Text to_text(std::int64_t value);
inline Text to_text(int value) { return to_text(std::int64_t{value}); }
Text to_text(std::string_view value);
inline Text to_text(const std::string& value) { return to_text(std::string_view(value)); }
inline Text to_text(const char* value) { return to_text(std::string_view(value)); }
Text to_text(Timestamp value);
inline Text to_text(const Personal& value) { return to_text(value.text); }
inline Text to_text(const Sealed& value) { return to_text(value.box); }
inline Text to_text(Kopecks value) { return to_text(value.amount); }
inline Text to_text(std::nullopt_t) { return std::nullopt; }
template <class Tag>
Text to_text(Id<Tag> id) {
  return to_text(id.value);
}
/// An array literal of texts: '{"a","b"}'.
Text to_text(std::span<const std::string> values);
inline Text to_text(const std::vector<std::string>& values) { return to_text(std::span(values)); }
template <class T>
Text to_text(const std::optional<T>& value) {
  return value ? to_text(*value) : std::nullopt;
}

/// A name (of a schema, a table, a column) as it stands in a statement.
std::string identifier(std::string_view name);

/// The values of $1, $2, ... in order.
class Params {
 public:
  Params() = default;
  template <class... Values>
    requires(sizeof...(Values) > 0)
  explicit Params(const Values&... values) : texts_{to_text(values)...} {}

  template <class Value>
  void add(const Value& value) {
    texts_.push_back(to_text(value));
  }
  const std::vector<Text>& texts() const { return texts_; }

 private:
  std::vector<Text> texts_;
};

/// A column of a multi-row statement, built a value at a time and passed as one array literal to unnest().
class Column {
 public:
  template <class Value>
  void add(const Value& value) {
    add_text(to_text(value));
  }
  /// What to_text() has made already.
  void add_text(const Text& text);
  std::size_t size() const { return size_; }
  std::string literal() const { return "{" + body_ + "}"; }

 private:
  std::string body_;
  std::size_t size_ = 0;
};
inline Text to_text(const Column& column) { return column.literal(); }

}  // namespace parley::postgres
