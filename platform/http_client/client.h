#pragma once
// Calls to systems outside: one client for all calls of a process, on libcurl's multi interface.
//
//   http_client::Client client({.trusted_hosts = settings.trusted_hosts});
//   auto answer = client.call({.peer = "tbank", .path_template = "/v2/Init", .method = "POST", .url = base +
//   "/v2/Init",
//                              .fields = {{"Content-Type", "application/json"}}, .body = json});
//   if (answer) use(answer->status, answer->body);          // any status: 4xx and 5xx are answers too
//   else if (answer.error().is_sure_not_sent) try_again();  // nothing of it went out
//   else ask_before_repeating();                            // the peer may have done it
//
// What it never does: follow a redirect unasked, send a POST a second time, read a proxy or a password from the
// environment or a file, accept a certificate that does not verify, log a URL, a field or a body.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::http_client {

/// Why there is no response.
enum class Kind {
  invalid,               ///< the request cannot be sent: its URL, a field, a part's file
  queue_full,            ///< Options::waiting_max calls wait already
  cancelled,             ///< by Call::cancel(), Flow::stop, a stop token or the client's end
  cannot_connect,        ///< the name has no address, or nothing listens there
  refused_address,       ///< every address of the host is a private one (Options::trusted_hosts)
  tls,                   ///< no handshake, or a certificate that does not verify
  timed_out_connecting,  ///< Timeouts::connect
  timed_out_first_byte,  ///< Timeouts::first_byte
  timed_out_idle,        ///< Timeouts::idle
  timed_out_total,       ///< Timeouts::total
  too_large,             ///< more than Request::response_bytes_max, or a head of more than kHeadBytesMax
  broken_off,            ///< the connection ended before the response did
  bad_response,          ///< what came is not HTTP
};
/// "timed_out_idle": the label `outcome` of metrics and logs.
const char* name(Kind kind);

/// What became of a call without a response. `text` is for logs: it holds the host, and nothing of the path, the fields
/// and the bodies.
struct Error {
  Kind kind = Kind::broken_off;
  /// Nothing of the request has left this process, so the peer cannot have acted. False: it may have, whatever the
  /// kind.
  bool is_sure_not_sent = false;
  /// Of the response whose rest did not come; 0 when not even its head did.
  int status = 0;
  std::string text;
};
template <class T>
using Result = std::expected<T, Error>;

/// Header fields, in their order. Names compare case-insensitively.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// How long each part of a call may take. Kept to about 10 ms.
struct Timeouts {
  /// From when the call has a place in flight: name, connection, TLS handshake.
  std::chrono::milliseconds connect{5'000};
  /// Without progress, from the connection to the response's first byte. A long poll needs more than its own time.
  std::chrono::milliseconds first_byte{20'000};
  /// Without a byte, within the response. While on_chunk has paused the call it does not run.
  std::chrono::milliseconds idle{15'000};
  /// All of it, from submit(): the wait for a place, redirects, pauses.
  std::chrono::milliseconds total{120'000};
};

/// A part of a multipart/form-data body: the bytes `data`, or those of the file `path`, which is read as it is sent.
struct Part {
  std::string name;
  std::string file_name;     ///< empty: none
  std::string content_type;  ///< empty: none
  std::string data;
  std::string path;
};

/// A response, of whatever status.
struct Response {
  int status = 0;
  Fields fields;
  /// Retry-After, as seconds or as a date. Bound it before you wait that long.
  std::optional<std::chrono::seconds> retry_after;
  /// As it came: no encoding is asked for or decoded. Empty where on_chunk has taken it.
  std::string body;

  /// The first field of that name; empty when there is none.
  std::string_view value(std::string_view field_name) const;
};

/// What becomes of the chunk that on_chunk was given.
enum class Flow {
  go_on,  ///< taken
  pause,  ///< not taken: it is offered again after Call::resume(). Meanwhile the peer is not read, so it has to wait
          ///< too
  stop,   ///< ends the call as cancelled
};

/// One call. Moved into the client.
struct Request {
  /// Whom it is for: "telegram". A label of metrics and logs, so one of a few names that the program knows.
  std::string peer;
  /// What logs may say of the path: "/bot{token}/getUpdates". Empty: only the host is logged.
  std::string path_template;
  std::string correlation_id;  ///< for logs; not sent
  std::string method = "GET";
  /// Absolute, percent-encoded, without user and password. https, or http of a trusted host.
  std::string url;
  /// Not Host, Content-Length, Transfer-Encoding, Connection, Expect: those are the client's.
  Fields fields;
  std::string body;         ///< not of GET and HEAD
  std::vector<Part> parts;  ///< instead of a body
  Timeouts timeouts{};
  /// Bytes of the response's body; of a stream, all that on_chunk is given.
  std::size_t response_bytes_max = 1U << 20;
  /// GET and HEAD follow so many, each only to the same scheme and from a trusted host only to trusted hosts, from
  /// others only to others. To another host or port go no fields but Accept, Accept-Language and User-Agent. A redirect
  /// that is not followed is the response.
  int redirects_max = 0;
  /// Takes the body of a 2xx response as it comes: server-sent events, downloads. The first argument has the head.
  /// Other bodies are collected in Response::body. Called on the client's thread; must not block or throw.
  std::move_only_function<Flow(const Response& head, std::string_view chunk)> on_chunk;
};

/// Bytes of a response's head, its fields together.
inline constexpr std::size_t kHeadBytesMax = 64U << 10;

struct Options {
  std::size_t in_flight_max = 256;
  /// Of one host and port. A call that finds no place waits; the others pass it.
  std::size_t in_flight_per_host_max = 32;
  std::size_t waiting_max = 1'024;
  /// "host" or "host:port", as the operator's settings name them: these may be called by http and have private
  /// addresses. All others must be https, and no connection to them is opened to an address that is not public
  /// (loopback, private, link-local, multicast, reserved), whatever the name resolves to. Calls to URLs that strangers
  /// write (webhooks) are made by a client without trusted hosts.
  std::vector<std::string> trusted_hosts;
  /// PEM file of the authorities that are believed; empty: the system's.
  std::string ca_file;
  /// "http://host:port" for all calls; empty: none, whatever the environment says. Behind a proxy it is the proxy that
  /// opens connections, and so it has to refuse private addresses.
  std::string proxy;
  std::string user_agent = "Parley";
};

/// A call under way. Copies are the same call; letting go of it does not end it. Thread-safe; does not block; may be
/// used after the call's and the client's end, which does nothing.
class Call {
 public:
  /// The call ends as cancelled, unless it has ended already. What was sent stays sent.
  void cancel() const;
  /// After Flow::pause: on_chunk is offered the same chunk again. To be called once there is room; never lost.
  void resume() const;

 private:
  friend class Client;
  struct Mailbox;
  Call(std::shared_ptr<Mailbox> mailbox, std::uint64_t id) : mailbox_(std::move(mailbox)), id_(id) {}
  std::shared_ptr<Mailbox> mailbox_;
  std::uint64_t id_;
};

/// Owns the thread "http-client", on which all calls run and all callbacks are called, and the connections, which are
/// kept for the next call to the same host. HTTP/1.1 alone: one call, one connection. Memory: response_bytes_max for
/// each call in flight without on_chunk, and the requests that wait. Thread-safe.
///
/// A GET or HEAD that meets the end of a kept connection before any byte of the response is sent again at once on a new
/// one; no other method is, as long as a byte of it was sent: that is broken_off.
///
/// Metrics: parley_http_client_calls_total{peer,outcome} (2xx, 3xx, 4xx, 5xx or a Kind's name),
/// parley_http_client_seconds{peer}, parley_http_client_in_flight{peer}, parley_http_client_waiting. Logs: one line for
/// each call that ends without a response, except cancelled ones.
class Client {
 public:
  using OnDone = std::move_only_function<void(Result<Response>)>;

  explicit Client(Options options);
  /// Cancels every call, and waits until each on_done has been called. Not from a callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Starts a call, or queues it; does not block. `on_done` is called once, on the client's thread, when it has ended;
  /// it must not block or throw; it may submit. An error (invalid, queue_full, cancelled) means that nothing was
  /// started: on_done is not called.
  Result<Call> submit(Request request, OnDone on_done);

  /// The same, and waits: at most Timeouts::total, or until `stop` is requested. Not from a callback.
  Result<Response> call(Request request, const std::stop_token& stop = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::http_client
