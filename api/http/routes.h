#pragma once
// The route table: declared before serving, read by all threads afterwards.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/message.h"
#include "api/http/request_reader.h"
#include "api/http/responder.h"

namespace parley::http {

/// Runs on an I/O thread and must not block: it answers at once, posts to an Executor, or keeps the Responder for
/// whoever will know the answer. What it throws becomes a generic 500.
using Handler = std::function<void(Request, Responder)>;

/// Makes what takes the body of a request as it comes, of the request's head (its body is empty). Null: the body is not
/// read; the handler is called with the head alone, to say why. Runs on an I/O thread and must not block. What it
/// throws ends the connection.
using Intake = std::function<std::shared_ptr<BodySink>(const Request& head)>;

/// Patterns such as "/api/dialogs/{id}/messages"; `{name}` takes one whole segment; a literal segment wins over a
/// parameter. HEAD is answered by GET's handler, OPTIONS by the kernel (204 and Allow) unless a route is declared for
/// it. Movable. Adding is not thread-safe; looking up is.
class Routes {
 public:
  /// The methods of one path.
  struct Path;
  struct Match {
    const Path* path = nullptr;         ///< null: there is no such path
    std::vector<std::string> segments;  ///< the raw text of each parameter, from left to right
  };
  struct Endpoint {
    std::string pattern;
    std::vector<std::string> parameter_names;
    Handler handler;
    std::size_t body_bytes_max;
    Intake intake{};  ///< Empty: the body is kept in memory.
  };

  Routes();
  ~Routes();
  Routes(Routes&&) noexcept;
  Routes& operator=(Routes&&) noexcept;

  /// A body of more than `body_bytes_max` is refused with 413, before it is read. Only an intake takes more than
  /// RequestLimits::body_bytes_max. Throws std::invalid_argument for a
  /// malformed pattern or one that is already there for this method.
  void add(std::string method, std::string_view pattern, Handler handler,
           std::size_t body_bytes_max = RequestLimits{}.body_bytes_max, Intake intake = {});

  /// `path` is as normalised_path() gives it: still percent-encoded, an escaped slash does not end a segment.
  Match match(std::string_view path) const;
  /// As one of its methods was declared.
  static std::string_view pattern(const Path& path);
  /// Null when the path has no such method.
  static const Endpoint* endpoint(const Path& path, std::string_view method);
  /// The value of an Allow field: "GET, HEAD, OPTIONS".
  static std::string allow(const Path& path);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::http
