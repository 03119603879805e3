#include "api/http/connection.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "api/http/output_loop.h"

namespace parley::http {
namespace {

constexpr std::string_view kChunkTail = "\r\n";
constexpr std::size_t kFileBytesPerSend = 64 << 10;
constexpr std::size_t kFileBytesPerTurn = 1 << 20;  // then others have theirs, however fast this client reads
constexpr std::size_t kPartsPerSend = 48;           // of a piece: chunk head, payload, chunk tail

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

}  // namespace

std::size_t Connection::Piece::size() const {
  return payload->size() + (chunk_head_size == 0 ? 0 : chunk_head_size + kChunkTail.size());
}

std::shared_ptr<Connection> Connection::open(int socket, std::string peer_address,
                                             std::shared_ptr<const Environment> environment) {
  const int duplicate = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return nullptr;
  auto connection =
      std::shared_ptr<Connection>(new Connection(duplicate, std::move(peer_address), std::move(environment)));
  connection->environment_->loop->add(connection);
  return connection;
}

Connection::Connection(int socket, std::string peer_address, std::shared_ptr<const Environment> environment)
    : socket_(socket), id_(next_id()), peer_address_(std::move(peer_address)), environment_(std::move(environment)) {
  ++environment_->counters->open_connections;
  set_deadline(environment_->timeouts.head);
}

Connection::~Connection() {
  shut();  // nobody is left to lock out
  environment_->loop->remove(id_);
  ::close(socket_);
  --environment_->counters->open_connections;
}

bool Connection::begin_input() {
  const std::lock_guard lock(mutex_);
  switch (phase_) {
    case Phase::idle:
      set_phase(Phase::reading);
      set_deadline(environment_->timeouts.head);
      return true;
    case Phase::reading:
      return true;
    case Phase::answering:
    case Phase::flushing:
      close_after_answer_ = true;
      return false;
    case Phase::streaming:
    case Phase::closing:
    case Phase::closed:
      return false;
  }
  std::unreachable();
}

void Connection::head_is_complete() {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::reading) set_deadline(environment_->timeouts.body);
}

void Connection::continue_body(const Bytes& interim_response) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::reading) return;
  push(interim_response, false);
  flush();
}

bool Connection::begin_answer() {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::reading) return false;
  set_phase(Phase::answering);
  deadline_ = kNoDeadline;
  return true;
}

void Connection::input_ended() {
  const std::lock_guard lock(mutex_);
  input_ended_ = true;
  if (phase_ != Phase::answering && phase_ != Phase::flushing) shut();
}

bool Connection::answer(Bytes bytes, bool keep_alive, std::optional<FilePart> file) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::answering) return false;
  close_after_answer_ |= !keep_alive;
  set_phase(Phase::flushing);
  push(std::move(bytes), false);
  file_ = std::move(file);
  flush();
  return true;
}

bool Connection::start_stream(Bytes head, bool chunked, std::move_only_function<void()> on_close) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::answering || input_ended_) {
    environment_->loop->post(std::move(on_close));
    shut();
    return false;
  }
  set_phase(Phase::streaming);
  chunked_ = chunked;
  on_close_ = std::move(on_close);
  push(std::move(head), false);
  flush();
  return true;
}

bool Connection::write_stream(Bytes payload) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::streaming) return false;
  if (payload->empty()) return true;  // an empty chunk would end the stream
  const bool is_blocked = !outbox_.empty();
  push(std::move(payload), chunked_);
  if (is_blocked) {
    count_unsent();
  } else {
    flush();
  }
  // A reader that is behind at all goes when all of them together hold too much.
  if (outbox_bytes_ > environment_->limits.stream_buffer_bytes_max || (outbox_bytes_ != 0 && !has_room_for(0))) {
    ++environment_->counters->cut_slow_readers;
    shut();
  }
  return phase_ == Phase::streaming;
}

void Connection::end_stream() {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::streaming) end_stream_locked();
}

bool Connection::is_streaming() const {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::streaming;
}

std::size_t Connection::queued_bytes() const {
  const std::lock_guard lock(mutex_);
  return outbox_bytes_;
}

bool Connection::has_room_for(std::size_t bytes) const {
  return static_cast<std::size_t>(environment_->counters->unsent_bytes.load(std::memory_order_relaxed)) + bytes <=
         environment_->limits.unsent_bytes_max;
}

bool Connection::is_gone() const {
  const std::lock_guard lock(mutex_);
  return input_ended_ || phase_ == Phase::closed;
}

bool Connection::has_input_ended() const {
  const std::lock_guard lock(mutex_);
  return input_ended_;
}

void Connection::close() {
  const std::lock_guard lock(mutex_);
  shut();
}

void Connection::drain() {
  const std::lock_guard lock(mutex_);
  switch (phase_) {
    case Phase::idle:
      if (has_unread_input())
        close_after_answer_ = true;  // a request that came before we said goodbye
      else
        shut();
      return;
    case Phase::reading:
    case Phase::answering:
    case Phase::flushing:
      close_after_answer_ = true;
      return;
    case Phase::streaming:
      end_stream_locked();
      return;
    case Phase::closing:
    case Phase::closed:
      return;
  }
}

bool Connection::is_busy() const {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::reading || phase_ == Phase::answering || phase_ == Phase::flushing ||
         (phase_ == Phase::idle && has_unread_input());
}

void Connection::resume_writing() {
  const std::lock_guard lock(mutex_);
  flush();
}

bool Connection::take_late_request(Clock::time_point now) {
  if (now.time_since_epoch().count() < deadline_.load(std::memory_order_relaxed)) return false;
  const std::lock_guard lock(mutex_);
  if (now.time_since_epoch().count() < deadline_.load(std::memory_order_relaxed)) return false;
  if (phase_ == Phase::reading) {
    set_phase(Phase::answering);
    deadline_ = kNoDeadline;
    return true;
  }
  if (phase_ == Phase::flushing) ++environment_->counters->timed_out;
  if (phase_ == Phase::streaming) ++environment_->counters->cut_slow_readers;
  shut();
  return false;
}

void Connection::set_phase(Phase next) {
  const auto is_in_flight = [](Phase phase) { return phase == Phase::answering || phase == Phase::flushing; };
  Counters& counters = *environment_->counters;
  counters.in_flight += int{is_in_flight(next)} - int{is_in_flight(phase_)};
  counters.streams += int{next == Phase::streaming} - int{phase_ == Phase::streaming};
  phase_ = next;
}

void Connection::set_deadline(std::chrono::milliseconds from_now) {
  deadline_ = (Clock::now() + from_now).time_since_epoch().count();
}

void Connection::push(Bytes payload, bool chunked) {
  Piece piece{.payload = std::move(payload)};
  if (chunked) {
    char* const begin = piece.chunk_head.data();
    char* end = std::to_chars(begin, begin + 8, piece.payload->size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    piece.chunk_head_size = static_cast<std::uint8_t>(end - begin);
  }
  outbox_bytes_ += piece.size();
  outbox_.push_back(std::move(piece));
}

Connection::Sent Connection::send_outbox() {
  while (!outbox_.empty()) {
    std::array<iovec, kPartsPerSend> parts;
    std::size_t count = 0;
    std::size_t skip = front_sent_;
    const auto add = [&](std::string_view part) {
      const std::size_t skipped = std::min(skip, part.size());
      skip -= skipped;
      if (skipped == part.size()) return;
      parts[count++] = {const_cast<char*>(part.data() + skipped), part.size() - skipped};  // sendmsg only reads
    };
    for (const Piece& piece : outbox_) {
      if (count + 3 > parts.size()) break;
      add({piece.chunk_head.data(), piece.chunk_head_size});
      add(*piece.payload);
      if (piece.chunk_head_size != 0) add(kChunkTail);
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? Sent::blocked : Sent::failed;
    }
    front_sent_ += static_cast<std::size_t>(sent);
    while (!outbox_.empty() && front_sent_ >= outbox_.front().size()) {
      front_sent_ -= outbox_.front().size();
      outbox_bytes_ -= outbox_.front().size();
      outbox_.pop_front();
    }
  }
  return Sent::all;
}

/// Reads what the system has at hand mostly, and blocks for the disk where it has not: as long as one turn of bytes.
Connection::Sent Connection::send_file() {
  std::array<char, kFileBytesPerSend> buffer;
  std::size_t turn = kFileBytesPerTurn;
  while (file_ && file_->bytes != 0) {
    if (turn == 0) return Sent::blocked;
    const auto wanted = std::min({buffer.size(), file_->bytes, turn});
    const ssize_t read = ::pread(file_->file->descriptor(), buffer.data(), wanted, static_cast<off_t>(file_->offset));
    if (read < 0 && errno == EINTR) continue;
    if (read <= 0) return Sent::failed;  // the disk fails, or the file has become shorter than was said
    const ssize_t sent = ::send(socket_, buffer.data(), static_cast<std::size_t>(read), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? Sent::blocked : Sent::failed;
    }
    const auto bytes = static_cast<std::size_t>(sent);
    file_->offset += bytes;
    file_->bytes -= bytes;
    turn -= bytes;
  }
  file_.reset();
  return Sent::all;
}

void Connection::flush() {
  if (phase_ == Phase::closed) return;
  Sent sent = send_outbox();
  if (sent == Sent::all) sent = send_file();
  count_unsent();
  switch (sent) {
    case Sent::failed:
      shut();
      return;
    case Sent::blocked:
      if (phase_ != Phase::reading) set_deadline(environment_->timeouts.write);
      environment_->loop->watch(shared_from_this());
      return;
    case Sent::all:
      break;
  }
  environment_->loop->forget(*this);
  if (phase_ == Phase::streaming) {
    deadline_ = kNoDeadline;
  } else if (phase_ == Phase::flushing) {
    if (input_ended_) {
      shut();
    } else if (close_after_answer_) {
      ::shutdown(socket_, SHUT_WR);
      set_phase(Phase::closing);
      set_deadline(environment_->timeouts.linger);
    } else {
      set_phase(Phase::idle);
      set_deadline(environment_->timeouts.keep_alive);
    }
  }
}

void Connection::shut() {
  if (phase_ == Phase::closed) return;
  set_phase(Phase::closed);
  deadline_ = kNoDeadline;
  outbox_.clear();
  outbox_bytes_ = 0;
  file_.reset();
  count_unsent();
  ::shutdown(socket_, SHUT_RDWR);
  environment_->loop->forget(*this);
  if (on_close_) environment_->loop->post(std::exchange(on_close_, nullptr));
}

void Connection::count_unsent() {
  if (outbox_bytes_ == counted_bytes_) return;
  environment_->counters->unsent_bytes +=
      static_cast<std::int64_t>(outbox_bytes_) - static_cast<std::int64_t>(counted_bytes_);
  counted_bytes_ = outbox_bytes_;
}

void Connection::end_stream_locked() {
  static const Bytes last_chunk = std::make_shared<const std::string>("0\r\n\r\n");
  const bool is_blocked = !outbox_.empty();
  set_phase(Phase::flushing);
  close_after_answer_ = true;
  if (chunked_) push(last_chunk, false);
  if (on_close_) environment_->loop->post(std::exchange(on_close_, nullptr));
  if (is_blocked) {
    count_unsent();
  } else {
    flush();
  }
}

bool Connection::has_unread_input() const {
  int bytes = 0;
  return ::ioctl(socket_, FIONREAD, &bytes) == 0 && bytes > 0;
}

}  // namespace parley::http
