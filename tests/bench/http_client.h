#pragma once
// As much of an HTTP client as a load needs: keep-alive connections to this machine, on one thread and one epoll.
#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tests/bench/figures.h"

namespace parley::bench {

/// A connected TCP socket that never blocks. Throws std::system_error when it cannot connect or is broken: a load that
/// lost its server is void.
class Socket {
 public:
  explicit Socket(int port);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;
  ~Socket();

  int descriptor() const { return descriptor_; }
  /// All of it: a request is far smaller than the socket's buffer.
  void send(std::string_view bytes);
  /// What is there, into `buffer`; nothing when there is nothing now. An end of the stream throws.
  std::size_t receive(std::span<char> buffer);

 private:
  int descriptor_ = -1;
};

struct Response {
  int status = 0;
  bool pending = false;  ///< X-Projection: pending: what was written cannot be read yet.
  std::size_t body_bytes = 0;
};

/// One connection, one request at a time.
class Client {
 public:
  explicit Client(int port) : socket_(port) {}

  int descriptor() const { return socket_.descriptor(); }
  void send(std::string_view request) { socket_.send(request); }
  /// The response when it is complete.
  std::optional<Response> receive();

 private:
  Socket socket_;
  std::string received_;
};

/// epoll with a number for each socket.
class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void add(int descriptor, std::uint32_t number);
  /// Numbers of the sockets that have something, after at most that time (rounded up to milliseconds).
  std::span<const std::uint32_t> wait(Clock::duration time_max);

 private:
  static constexpr std::size_t kEventsMax = 512;
  int epoll_;
  std::array<epoll_event, kEventsMax> events_{};
  std::array<std::uint32_t, kEventsMax> ready_{};
};

}  // namespace parley::bench
