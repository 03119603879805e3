#pragma once
// Internal to the kernel: one client's socket as the side that writes sees it.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api/http/options.h"

namespace parley::http {

class OutputLoop;

/// Owns a duplicate of the socket that Pistache reads from. The duplicate keeps the socket's identity for as long as
/// somebody may still answer: a file descriptor number is reused for the next client the moment it is closed, and an
/// answer addressed by number would reach that one.
///
/// Whoever answers sends as much as the socket takes, without blocking; OutputLoop sends the rest. To end a connection
/// is always to shut the socket down: Pistache then reads its end and closes its own descriptor.
///
/// Thread-safe. "Reader" below is the one I/O thread that Pistache calls for this socket. Lock order: a connection's,
/// then the loop's.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Bytes = std::shared_ptr<const std::string>;
  using Clock = std::chrono::steady_clock;

  struct Environment {
    std::shared_ptr<OutputLoop> loop;
    std::shared_ptr<Counters> counters;
    Limits limits;
    Timeouts timeouts;
    std::shared_ptr<ByteBudget> input;  ///< Limits::input_bytes_max
  };

  /// Null when no descriptor is left.
  static std::shared_ptr<Connection> open(int socket, std::string peer_address,
                                          std::shared_ptr<const Environment> environment);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int socket() const { return socket_; }
  std::uint64_t id() const { return id_; }
  const std::string& peer_address() const { return peer_address_; }

  // Reader.

  /// False when input is not wanted now: drop it. During an answer it is pipelining, and the connection ends after that
  /// answer.
  bool begin_input();
  void head_is_complete();
  void continue_body(const Bytes& interim_response);
  /// The request is complete, or refused: an answer is owed. False when it timed out meanwhile.
  bool begin_answer();
  /// Pistache has closed its descriptor: the client left, or closed its sending side and waits for the answer.
  void input_ended();

  // Any thread.

  /// The one answer after begin_answer(); `file` follows the bytes. False when nobody can get it.
  bool answer(Bytes bytes, bool keep_alive, std::optional<FilePart> file = {});
  /// `on_close` is always taken, and called by the loop when the stream is over.
  bool start_stream(Bytes head, bool chunked, std::move_only_function<void()> on_close);
  bool write_stream(Bytes payload);
  void end_stream();
  bool is_streaming() const;
  std::size_t queued_bytes() const;
  /// Whether so much more may wait to be sent, beside what waits on all connections.
  bool has_room_for(std::size_t bytes) const;
  bool is_gone() const;
  bool has_input_ended() const;
  void close();
  /// Ends what is idle or streaming now, and the rest after its answer.
  void drain();
  /// A request is under way, or has come and was not read yet.
  bool is_busy() const;

  // OutputLoop.

  void resume_writing();
  /// True when a request did not come in time: as after begin_answer(), the caller now owes the answer. Other late
  /// things are ended here.
  bool take_late_request(Clock::time_point now);

 private:
  enum class Phase {
    idle,       // no request
    reading,    // a part of one
    answering,  // a handler has it
    flushing,   // its answer is in the outbox
    streaming,
    closing,  // everything is sent and said so; reading on until the client closes (Timeouts::linger)
    closed,
  };
  /// A payload, shared with other connections, inside this connection's chunk.
  struct Piece {
    Bytes payload;
    std::array<char, 12> chunk_head{};
    std::uint8_t chunk_head_size = 0;
    std::size_t size() const;
  };
  enum class Sent { all, blocked, failed };

  Connection(int socket, std::string peer_address, std::shared_ptr<const Environment> environment);

  // With mutex_ held.
  void set_phase(Phase next);
  void set_deadline(std::chrono::milliseconds from_now);
  void push(Bytes payload, bool chunked);
  Sent send_outbox();
  Sent send_file();
  void flush();
  void shut();
  void count_unsent();
  void end_stream_locked();
  bool has_unread_input() const;

  static constexpr Clock::rep kNoDeadline = Clock::duration::max().count();

  const int socket_;
  const std::uint64_t id_;
  const std::string peer_address_;
  const std::shared_ptr<const Environment> environment_;
  std::atomic<Clock::rep> deadline_ = kNoDeadline;  // written with mutex_ held, read without by the loop's sweep

  mutable std::mutex mutex_;
  Phase phase_ = Phase::idle;
  std::deque<Piece> outbox_;
  std::size_t outbox_bytes_ = 0;
  std::size_t counted_bytes_ = 0;  // of them, in Counters::unsent_bytes
  std::size_t front_sent_ = 0;     // bytes of outbox_.front() that are gone
  std::optional<FilePart>
      file_;  // what is left of it, after the outbox; it is on the disk, and so in no count of bytes
  bool chunked_ = false;
  bool close_after_answer_ = false;
  bool input_ended_ = false;
  std::move_only_function<void()> on_close_;
};

}  // namespace parley::http
