#pragma once
// A server for tests of HTTP clients that behaves as the test says, badly above all: a script per connection, on
// sockets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace parley::testing {

/// Listens on a port of 127.0.0.1 and runs the script for each connection, on a thread of its own. When it goes, every
/// connection is shut down, which ends what scripts wait for. Thread-safe.
class ScriptedPeer {
 public:
  class Connection {
   public:
    Connection(int socket, ScriptedPeer& peer, int number) : socket_(socket), peer_(peer), number_(number) {}
    /// How many connections there were before this one.
    int number() const { return number_; }
    int socket() const { return socket_; }
    /// The next request, head and body by its Content-Length; nothing once the client has gone.
    std::optional<std::string> read_request() {
      auto end = received_.find("\r\n\r\n");
      while (end == std::string::npos && receive()) end = received_.find("\r\n\r\n");
      if (end == std::string::npos) return std::nullopt;
      std::size_t size = end + 4;
      if (const auto at = received_.find("Content-Length: "); at < end) size += std::stoul(received_.substr(at + 16));
      while (received_.size() < size && receive()) {
      }
      auto request = received_.substr(0, size);
      received_.erase(0, size);
      peer_.note(request);
      return request;
    }
    /// Bytes of whatever comes next, at most so many; 0 once the client has gone.
    std::size_t read_some(std::size_t most) {
      std::string bytes(most, '\0');
      const auto count = ::recv(socket_, bytes.data(), bytes.size(), 0);
      return count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    /// False once the client has gone.
    bool send(std::string_view bytes) {
      while (!bytes.empty()) {
        const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) return false;
        peer_.bytes_sent_ += static_cast<std::size_t>(count);
        bytes.remove_prefix(static_cast<std::size_t>(count));
      }
      return true;
    }
    bool answer(std::string_view body, std::string_view status_and_fields = "200 OK\r\n") {
      return send("HTTP/1.1 " + std::string(status_and_fields) + "Content-Length: " + std::to_string(body.size()) +
                  "\r\n\r\n" + std::string(body));
    }
    /// Says nothing until the client has gone.
    void wait_for_its_end() {
      while (receive()) {
      }
    }

   private:
    bool receive() {
      char bytes[65536];
      const auto count = ::recv(socket_, bytes, sizeof bytes, 0);
      if (count <= 0) return false;
      received_.append(bytes, static_cast<std::size_t>(count));
      return true;
    }
    const int socket_;
    ScriptedPeer& peer_;
    const int number_;
    std::string received_;
  };
  using Script = std::function<void(Connection&)>;

  explicit ScriptedPeer(Script script)
      : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 512) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::system_error(errno, std::generic_category(), "peer");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedPeer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
  }
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string place() const { return "127.0.0.1:" + std::to_string(port_); }
  int connections() const { return connections_; }
  std::size_t bytes_sent() const { return bytes_sent_; }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void accept_all() {
    while (true) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      const std::lock_guard lock(mutex_);
      open_.push_back(socket);
      const int number = connections_++;
      threads_.emplace_back([this, socket, number] {
        Connection connection(socket, *this, number);
        script_(connection);
        const std::lock_guard closing(mutex_);
        open_.remove(socket);
        ::close(socket);
      });
    }
  }
  void note(const std::string& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }

  const Script script_;
  const int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<std::size_t> bytes_sent_ = 0;
  mutable std::mutex mutex_;
  std::list<int> open_;
  std::vector<std::string> requests_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace parley::testing
