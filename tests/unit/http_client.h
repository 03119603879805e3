#pragma once
// A raw HTTP client for tests: sends any bytes, reads one answer at a time, never waits longer than kPatience.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace parley::http::test {

inline constexpr std::chrono::seconds kPatience{10};

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
  bool has(std::string_view text) const { return head.contains(text); }
};

class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer_bytes = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer_bytes != 0)
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  /// Leaves with a reset instead of a farewell.
  void abort() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void end_sending() { ::shutdown(socket_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool get(std::string_view target, std::string_view lines = "") {
    return send("GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(lines) + "\r\n");
  }

  /// Nothing when the connection ends or is silent for too long before the answer is whole.
  std::optional<Answer> read(bool head_only = false) {
    if (!read_to("\r\n\r\n")) return std::nullopt;
    Answer answer;
    const auto end = unread_.find("\r\n\r\n") + 4;
    answer.head = unread_.substr(0, end);
    unread_.erase(0, end);
    std::from_chars(answer.head.data() + 9, answer.head.data() + 12, answer.status);
    std::size_t length = 0;
    if (const auto at = answer.head.find("Content-Length: "); at != std::string::npos) {
      std::from_chars(answer.head.data() + at + 16, answer.head.data() + answer.head.size(), length);
    }
    if (head_only) return answer;
    while (unread_.size() < length) {
      if (!receive()) return std::nullopt;
    }
    answer.body = unread_.substr(0, length);
    unread_.erase(0, length);
    return answer;
  }
  /// Reads until the text has come, which stays unread.
  bool read_to(std::string_view text) {
    while (!unread_.contains(text)) {
      if (!receive()) return false;
    }
    return true;
  }
  std::string take_unread() { return std::exchange(unread_, {}); }
  /// The server has closed, and sent nothing more.
  bool is_at_end() { return unread_.empty() && ended_or_receives() == 0; }

 private:
  ssize_t ended_or_receives() {
    char buffer[65'536];
    const ssize_t count = ::recv(socket_, buffer, sizeof buffer, 0);
    if (count > 0) unread_.append(buffer, static_cast<std::size_t>(count));
    return count < 0 && errno == ECONNRESET ? 0 : count;
  }
  bool receive() { return ended_or_receives() > 0; }

  int socket_;
  std::string unread_;
};

}  // namespace parley::http::test
