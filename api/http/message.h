#pragma once
// Requests and responses as values. Nothing here knows sockets, threads or Pistache.
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/body_sink.h"
#include "api/http/byte_budget.h"

namespace parley::http {

/// Why the kernel itself answers with an error. `code` is a key of the product's table of errors.
struct Refusal {
  int status = 400;
  std::string_view code = "BAD_REQUEST";
  // What is wrong with which part of the request, where the code does not say it all; `#` stands for `most`.
  std::string_view field{};
  std::string_view issue{};
  std::size_t most = 0;
};

/// ASCII case-insensitive equality, as HTTP compares field names and most tokens.
bool equals_ignoring_case(std::string_view a, std::string_view b);

/// Without the optional white space at its ends: blanks and tabs (RFC 9110, 5.6.3).
std::string_view trimmed(std::string_view text);
/// Takes the next element of a comma-separated list (RFC 9110, 5.6.1), trimmed, off its front. Elements may be empty.
std::string_view take_element(std::string_view& list);

/// Header fields in the order in which they came; names compare case-insensitively. A value type; not thread-safe.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}
  /// The fields of these lines, each name once, where it first came; the values of a repeated name are joined as
  /// combine() does. In n log n.
  static Headers joined(std::vector<Field> lines);

  /// Adds a field line beside any of the same name (Set-Cookie is the reason to).
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  /// Joins the value to a field of the same name with ", " (RFC 9110, 5.3), or adds the field.
  void combine(std::string_view name, std::string_view value);
  /// Replaces every field of that name.
  void set(std::string_view name, std::string value);

  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The first field's value; empty if there is none.
  std::string_view get(std::string_view name) const;

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  const Field* find(std::string_view name) const;

  std::vector<Field> fields_;
};

/// Decoded name/value pairs of a path or a query: few, so a scan is the fastest look-up.
class Parameters {
 public:
  using Item = std::pair<std::string, std::string>;

  Parameters() = default;
  explicit Parameters(std::vector<Item> items) : items_(std::move(items)) {}

  std::optional<std::string_view> find(std::string_view name) const;
  bool empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<Item> items_;
};

/// One screened, decoded request. The handler owns it; it does not refer to the connection, so it may outlive it.
struct Request {
  std::string method;  ///< as sent, except that a handler of GET also sees HEAD as "GET"
  std::string route;   ///< the matched pattern, for logs and metrics: "/api/dialogs/{id}"
  Parameters path;     ///< percent-decoded, without NUL
  Parameters query;    ///< percent-decoded, `+` is a space, without NUL; a key stands once
  Headers headers;     ///< a repeated field is joined with ", "
  std::string body;
  std::string peer_address;  ///< of the socket: behind the edge, the edge's
  std::string request_id;    ///< X-Request-Id when well-formed, otherwise a new one; echoed in the answer
  std::chrono::system_clock::time_point received_at;  ///< when the request was complete
  std::shared_ptr<BodySink> sink{};  ///< What took the body, where its route has an intake; null when it was not read
  ByteBudget::Share share{};         ///< of Limits::input_bytes_max: given back when the request ends
};

/// An open descriptor, closed with its last owner. Immutable; thread-safe.
class OpenFile {
 public:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};
/// So many bytes of a regular file, from `offset` on. Whoever makes the file shorter meanwhile cuts the answer short.
struct FilePart {
  std::shared_ptr<const OpenFile> file;
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

/// An answer. The kernel adds Content-Length, Connection and X-Request-Id.
struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  std::optional<FilePart>
      file{};  ///< The body instead: sent piece by piece as the client reads, never whole in memory.

  static Response json(int status, std::string body);
};

/// RFC 9110's phrase, or "Unknown".
std::string_view reason_phrase(int status);

/// 1 to 128 of A-Z a-z 0-9 . _ -: what is taken over from a caller into logs and events.
bool is_well_formed_request_id(std::string_view id);
/// A new UUIDv7 (RFC 9562): time-ordered, random. Thread-safe.
std::string new_request_id();

}  // namespace parley::http
