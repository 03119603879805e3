#pragma once
// JSON as the project uses it: a parsed document, views of its values, and a writer. The parser is RapidJSON, kept
// behind this header.
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace parley::json {

/// Deepest nesting that callers may send; no contract of ours needs more than a few.
inline constexpr int kDepthMax = 32;

/// A view of one value; valid while its Document lives. A default one is absent. Copying is cheap.
class Value {
 public:
  Value() = default;
  explicit Value(const void* impl) : impl_(impl) {}

  bool present() const { return impl_ != nullptr; }
  bool is_null() const;
  bool is_object() const;
  bool is_array() const;
  std::optional<std::string_view> string() const;
  /// Nothing for fractions and for what does not fit.
  std::optional<std::int64_t> integer() const;
  /// Nothing for what is too large.
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
  /// A member of an object; absent when there is none or this is no object.
  Value member(std::string_view name) const;
  /// Elements of an array; 0 for anything else.
  std::size_t size() const;
  Value at(std::size_t index) const;

 private:
  const void* impl_ = nullptr;
};

/// How strict a reader is: callers get errors for what is legal JSON and yet must not pass (NUL characters, lone
/// surrogates, numbers too large, a field given twice, nesting past kDepthMax); what stands in the log was accepted
/// once and is read as it is.
enum class Strict { no, yes };

/// Why a text is not JSON, or not JSON that may pass; in words for the caller.
struct ParseError {
  std::string issue;
  bool of_a_field = false;  ///< The text is JSON; `field` says where the problem is.
  std::string field;
};

/// Owns a parsed text. Movable; not thread-safe. Invalid UTF-8 is refused whatever the strictness, and no nesting
/// overflows the stack.
class Document {
 public:
  static std::expected<Document, ParseError> parse(std::string text, Strict strict);
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();
  Value root() const;

 private:
  struct Impl;
  explicit Document(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Writes one value, compact. The caller keeps the order legal (a key before each member). Not thread-safe.
class Writer {
 public:
  Writer();
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void begin_object();
  void end_object();
  void begin_array();
  void end_array();
  void key(std::string_view name);
  void string(std::string_view text);
  void integer(std::int64_t value);
  void number(double value);
  void boolean(bool value);
  void null();
  /// JSON text that is already written.
  void raw(std::string_view json);
  /// What was written so far.
  std::string_view text() const;
  std::string take() const { return std::string(text()); }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// JSON text laid out for people, two spaces a level, with a newline at its end. Text that is not JSON comes back as it
/// is.
std::string pretty(std::string_view json);

}  // namespace parley::json
