#pragma once
// What a server is started with, and what it counts.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "api/http/request_reader.h"

namespace parley::http {

struct Limits {
  RequestLimits request{};
  std::size_t connections_max =
      16'384;  ///< one more is answered 503 and closed; lowered at start to what RLIMIT_NOFILE allows
  std::size_t input_bytes_max =
      64 << 20;  ///< of all requests together, from the first byte to the answer; more is answered 503
  std::size_t unsent_bytes_max =
      128 << 20;  ///< of all answers and streams together; above it large answers are 503, slow streams are cut
  std::size_t stream_buffer_bytes_max =
      256 * 1'024;  ///< unsent bytes per stream: a reader that falls further behind is cut
};

struct Timeouts {
  std::chrono::milliseconds head{
      10'000};  ///< from a request's first byte to the end of its head, and from a connection to its first byte
  std::chrono::milliseconds body{30'000};  ///< from the end of the head to the end of the body
  std::chrono::milliseconds keep_alive{
      75'000};  ///< between requests: longer than the edge's, so that the edge is the one that closes
  std::chrono::milliseconds write{30'000};  ///< without progress, while the client does not read
  std::chrono::milliseconds linger{
      2'000};  ///< reading on after an answer that closes, so that the client gets to see it instead of a reset
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: any free one, see Server::port()
  int io_threads = 2;      ///< as many as cores
  Limits limits{};
  Timeouts timeouts{};
};

/// An error that the kernel answers by itself. The codes: BAD_REQUEST 400, NOT_FOUND 404, METHOD_NOT_ALLOWED 405,
/// REQUEST_TIMEOUT 408, LENGTH_REQUIRED 411, PAYLOAD_TOO_LARGE 413, URI_TOO_LONG 414, EXPECTATION_FAILED 417,
/// HEADERS_TOO_LARGE 431, INTERNAL_ERROR 500, OVERLOADED 503, SERVICE_UNAVAILABLE 503, HTTP_VERSION_NOT_SUPPORTED 505.
struct KernelError {
  Refusal refusal;
  std::string_view accept_language;  ///< empty when the request was not understood that far
  std::string_view request_id;
  std::string_view origin{};  ///< the Origin field: the page that asks; empty without one
  std::string_view
      path_pattern{};  ///< of the requested path, whether or not it has that method; empty when there is no such path
  std::string_view unknown_path{};  ///< the requested path, when there is no such path
};

/// One line of the access log, and what metrics count. Holds neither path nor query: they carry ids and tokens.
struct Answered {
  std::string_view method;  ///< a usual one, or "OTHER"; empty when it was not understood
  std::string_view route;   ///< the pattern; empty when none matched
  int status;
  std::chrono::nanoseconds duration;  ///< from the complete request to the answer; of a stream, to its head
  std::size_t bytes;                  ///< of the body
  std::string_view request_id;
  bool streaming;
};

/// A 500 of the kernel's: a handler threw or forgot its Responder. The exception's text is left out: it may hold what a
/// person wrote.
struct Failure {
  std::string_view request_id;
  std::string_view route;
  std::string_view
      cause;  ///< the exception's type, or "dropped" for a Responder that ended without an answer, or "invalid header"
};

/// Called on I/O, executor and other threads at once: they must be thread-safe and must not block. What they throw is
/// dropped.
struct Hooks {
  std::function<Response(const KernelError&)> error;  ///< required: the product's form of an error
  std::function<void(const Answered&)> answered;
  std::function<void(const Failure&)> failed;
};

/// Read at any time from any thread.
struct Counters {
  std::atomic<std::int64_t> open_connections = 0;
  std::atomic<std::int64_t> in_flight =
      0;  ///< requests between their last byte and their answer's last byte in the socket
  std::atomic<std::int64_t> streams = 0;
  std::atomic<std::int64_t> unsent_bytes = 0;          ///< see Limits
  std::atomic<std::uint64_t> requests = 0;             ///< that reached a route
  std::atomic<std::uint64_t> rejected_inputs = 0;      ///< refused by the screening
  std::atomic<std::uint64_t> refused_connections = 0;  ///< over the limit
  std::atomic<std::uint64_t> overloaded = 0;           ///< requests and answers that Limits of bytes had no room for
  std::atomic<std::uint64_t> timed_out = 0;            ///< slow senders answered 408 and slow readers of an answer
  std::atomic<std::uint64_t> cut_slow_readers = 0;     ///< streams
  std::atomic<std::uint64_t> failures = 0;             ///< see Failure
};

}  // namespace parley::http
