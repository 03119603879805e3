#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "api/http/cause.h"
#include "api/http/kernel.h"
#include "api/http/responder.h"

namespace parley::http {
namespace {

constexpr Refusal kInternalError{500, "INTERNAL_ERROR"};
constexpr Refusal kOverloaded{503, "OVERLOADED"};
constexpr std::size_t kSmallBodyBytes =
    4'096;  // sent however many others are not read: the outcomes of commands, and errors
constexpr std::string_view kRetryAfterSeconds = "1";
constexpr std::array<std::string_view, 4> kFramingFields{"Content-Length", "Transfer-Encoding", "Connection",
                                                         "X-Request-Id"};
constexpr std::array<std::string_view, 7> kUsualMethods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

/// The kernel's own fields: a handler's would contradict the framing.
bool is_framing_field(std::string_view name) {
  return std::ranges::any_of(kFramingFields, [&](std::string_view own) { return equals_ignoring_case(own, name); });
}

/// For logs and metrics, where a client must not be able to invent labels.
std::string_view known_method(std::string_view method) {
  return method.empty() || std::ranges::find(kUsualMethods, method) != kUsualMethods.end() ? method : "OTHER";
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text,
                             [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
}

/// Status line and fields, without the framing and the empty line. Nothing if a field would break the head.
std::optional<std::string> head_of(int status, const Headers& headers, std::string_view request_id) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " ";
  head.append(reason_phrase(status)).append("\r\n");
  for (const auto& [name, value] : headers) {
    if (name.empty() || has_control(name) || has_control(value)) return std::nullopt;
    if (!is_framing_field(name)) head.append(name).append(": ").append(value).append("\r\n");
  }
  head.append("X-Request-Id: ").append(request_id).append("\r\n");
  return head;
}

/// The exception being handled, by type alone.
std::string current_exception_type() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "unknown";
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type->name(), nullptr, nullptr, &status),
                                                         &std::free);
  return name ? name.get() : type->name();
}

/// Of the exception being handled, where it was thrown by the program about itself (std::logic_error and what derives
/// from it) or by the system.
std::string current_exception_text() {
  try {
    throw;
  } catch (const std::logic_error& error) {
    return error.what();
  } catch (const std::system_error& error) {
    return error.what();
  } catch (...) {
    return {};
  }
}

}  // namespace

std::string cause_of_current_exception() {
  auto cause = current_exception_type();
  if (const auto text = current_exception_text(); !text.empty()) cause += ": " + text;
  return cause;
}

Exchange::Exchange(std::shared_ptr<const Kernel> kernel, std::shared_ptr<Connection> connection, Origin origin)
    : kernel_(std::move(kernel)), connection_(std::move(connection)), origin_(std::move(origin)) {}

Exchange::~Exchange() {
  if (!answered_) fail("dropped");
}

bool Exchange::send(Response response) {
  if (!claim()) return false;
  if (response.body.size() <= kSmallBodyBytes || connection_->has_room_for(response.body.size()))
    return write(std::move(response));
  ++kernel_->counters().overloaded;
  return write(error(kOverloaded, {}));
}

bool Exchange::send_error(const Refusal& refusal, const Headers& extra) {
  return claim() && write(error(refusal, extra));
}

Response Exchange::error(const Refusal& refusal, const Headers& extra) const {
  Response response;
  try {
    response = kernel_->error({.refusal = refusal,
                               .accept_language = origin_.accept_language,
                               .request_id = origin_.request_id,
                               .origin = origin_.page,
                               .path_pattern = origin_.path_pattern,
                               .unknown_path = origin_.unknown_path});
  } catch (...) {  // without the product's texts the status still says what matters
    response.status = refusal.status;
  }
  for (const auto& [name, value] : extra) response.headers.set(name, value);
  if (refusal.status == 503) response.headers.set("Retry-After", std::string(kRetryAfterSeconds));
  return response;
}

void Exchange::fail(std::string_view cause) {
  kernel_->report_failure({.request_id = origin_.request_id, .route = origin_.route, .cause = cause});
  send_error(kInternalError);
}

void Exchange::add_always(Headers& headers) const {
  for (const auto& [name, value] : always_) {
    if (!headers.has(name)) headers.add(name, value);
  }
}

bool Exchange::write(Response response) {
  add_always(response.headers);
  auto head = head_of(response.status, response.headers, origin_.request_id);
  if (!head) {
    kernel_->report_failure({.request_id = origin_.request_id, .route = origin_.route, .cause = "invalid header"});
    response = {.status = kInternalError.status, .headers = {}, .body = {}};
    head = head_of(response.status, {}, origin_.request_id);
  }
  const bool has_body = response.status != 204 && response.status != 304;
  const std::size_t length = response.file ? response.file->bytes : response.body.size();
  const bool keep_alive = origin_.keep_alive && !kernel_->draining;
  if (has_body) head->append("Content-Length: ").append(std::to_string(length)).append("\r\n");
  head->append(keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
  const std::size_t body_bytes = has_body && !origin_.head_only ? length : 0;
  if (body_bytes == 0) response.file.reset();
  if (body_bytes != 0 && !response.file) head->append(response.body);

  const bool is_delivered =
      connection_->answer(std::make_shared<const std::string>(std::move(*head)), keep_alive, std::move(response.file));
  report(response.status, body_bytes, false);
  return is_delivered;
}

bool Exchange::break_off(std::string bytes) {
  return claim() && connection_->answer(std::make_shared<const std::string>(std::move(bytes)), false);
}

bool Exchange::start_stream(Headers extra, std::move_only_function<void()> on_close) {
  extra.set("Content-Type", "text/event-stream");
  extra.set("Cache-Control", "no-cache");
  extra.set("X-Accel-Buffering", "no");  // nginx then passes every frame on at once
  add_always(extra);
  auto head = head_of(200, extra, origin_.request_id);
  if (!head || origin_.head_only || !claim()) {
    kernel_->loop().post(std::move(on_close));
    send({.status = head ? 200 : kInternalError.status, .headers = std::move(extra), .body = {}});
    return false;
  }
  head->append(origin_.http10 ? "Connection: close\r\n\r\n"
                              : "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n");
  const bool is_started = connection_->start_stream(std::make_shared<const std::string>(std::move(*head)),
                                                    !origin_.http10, std::move(on_close));
  report(200, 0, true);
  return is_started;
}

void Exchange::report(int status, std::size_t bytes, bool streaming) const {
  kernel_->report({.method = known_method(origin_.method),
                   .route = origin_.route,
                   .status = status,
                   .duration = Connection::Clock::now() - started_,
                   .bytes = bytes,
                   .request_id = origin_.request_id,
                   .streaming = streaming});
}

bool Responder::send(Response response) const { return exchange_->send(std::move(response)); }
void Responder::always(Headers fields) const { exchange_->always(std::move(fields)); }
bool Responder::send_error(const Refusal& refusal) const { return exchange_->send_error(refusal); }
bool Responder::break_off(std::string bytes) const { return exchange_->break_off(std::move(bytes)); }
void Responder::fail() const { exchange_->fail(current_exception_type()); }
bool Responder::gone() const { return exchange_->connection()->is_gone(); }
const std::string& Responder::request_id() const { return exchange_->request_id(); }

struct EventStream::Handle {
  explicit Handle(std::shared_ptr<Connection> connection) : connection(std::move(connection)) {}
  ~Handle() { connection->end_stream(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  const std::shared_ptr<Connection> connection;
};

EventStream EventStream::start(const Responder& responder, OnClose on_close, Headers extra) {
  responder.exchange_->start_stream(std::move(extra), std::move(on_close));
  return EventStream(std::make_shared<Handle>(responder.exchange_->connection()));
}

bool EventStream::write(std::shared_ptr<const std::string> frames) const {
  return handle_->connection->write_stream(std::move(frames));
}
std::size_t EventStream::queued_bytes() const { return handle_->connection->queued_bytes(); }
void EventStream::close() const { handle_->connection->end_stream(); }
bool EventStream::is_open() const { return handle_->connection->is_streaming(); }

}  // namespace parley::http
