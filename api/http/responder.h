#pragma once
// How a handler answers: once, from any thread, whenever it is ready.
#include <functional>
#include <memory>
#include <string>

#include "api/http/message.h"

namespace parley::http {

class Connection;
class Exchange;
struct Refusal;

/// A shared handle to one unanswered request; copies are the same request. It can only ever reach the client that
/// asked, however long it is kept: it owns that client's socket. When the last copy ends without an answer, the client
/// gets a 500. Thread-safe; does not block.
class Responder {
 public:
  explicit Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

  /// False when it was answered before or the client is gone; the response is dropped then. A header with control
  /// characters is answered as 500.
  bool send(Response response) const;
  /// Fields of whatever is answered, by whomever: a handler, the kernel, a stream. An answer's own field of the same
  /// name wins. Replaces those of an earlier call. By whoever has the request in hand, before it can be answered
  /// elsewhere.
  void always(Headers fields) const;
  /// Answers an error through Hooks::error, with Retry-After when it is a 503.
  bool send_error(const Refusal& refusal) const;
  /// For a catch block: answers a generic 500 and reports the type of the exception being handled.
  void fail() const;
  /// Sends these bytes as they are, and ends the connection: the broken servers of ops/simulators. False as for send().
  bool break_off(std::string bytes = {}) const;
  /// The client has left or closed its sending side. An answer may still be sent; nobody may be there to read it.
  bool gone() const;
  const std::string& request_id() const;

 private:
  friend class EventStream;
  std::shared_ptr<Exchange> exchange_;
};

/// A live stream of server-sent events (text/event-stream, chunked): an answer that goes on. A shared handle; when the
/// last copy ends the stream ends. Thread-safe; does not block.
class EventStream {
 public:
  using OnClose = std::move_only_function<void()>;

  /// Answers 200 and keeps the connection. `on_close` is called exactly once, when the stream is over for whatever
  /// reason (also when it could not even start), on the kernel's output thread and never from within a call of these
  /// functions, perhaps before start() returns; it must not block. On HTTP/1.0 the end of the stream is the end of the
  /// connection. HEAD gets the head alone.
  static EventStream start(const Responder& responder, OnClose on_close, Headers extra = {});

  /// Queues whole frames ("id: 7\ndata: {}\n\n") without copying: share one string among all subscribers. False when
  /// the stream is over; also when this write exceeded Limits::stream_buffer_bytes_max, which cuts the reader.
  bool write(std::shared_ptr<const std::string> frames) const;
  /// What the socket has not taken yet: whoever replays history writes on only while this is small.
  std::size_t queued_bytes() const;
  /// Sends what is queued, then ends. Idempotent.
  void close() const;
  bool is_open() const;

 private:
  struct Handle;
  explicit EventStream(std::shared_ptr<Handle> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<Handle> handle_;
};

}  // namespace parley::http
