#pragma once
// A door between a client and PostgreSQL, for tests: it can be shut, and it can fall silent.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

namespace parley::testing {

/// Forwards from a TCP port of its own to the server at `server_port`: through the socket's folder where the libpq
/// connection string `connection` names one as host=/…, else on 127.0.0.1. Thread-safe.
class TcpGate {
 public:
  TcpGate(const std::string& connection, int server_port)
      : server_port_(server_port),
        socket_(socket_of(connection, server_port)),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::system_error(errno, std::generic_category(), "gate");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { forward(stop); });
  }
  ~TcpGate() {
    thread_ = {};
    ::close(listener_);
  }
  TcpGate(const TcpGate&) = delete;
  TcpGate& operator=(const TcpGate&) = delete;

  int port() const { return port_; }
  /// Breaks every connection, and each new one at once, until open().
  void shut() { shut_ = true; }
  void open() { shut_ = false; }
  /// Keeps connections and forwards nothing, until listen_again().
  void fall_silent() { silent_ = true; }
  void speak_again() { silent_ = false; }
  /// Once: lets what the client sends pass when it contains `text`, and breaks that connection before the server's
  /// answer comes back.
  void cut_after(std::string text) {
    const std::lock_guard lock(mutex_);
    cut_after_ = std::move(text);
  }
  int cuts() const { return cuts_; }

 private:
  struct Pair {
    int client;
    int server;
    bool cutting = false;  // nothing goes back to the client any more
    bool over = false;
  };
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  static std::string socket_of(const std::string& connection, int port) {
    const auto host = connection.rfind("host=/");
    if (host == std::string::npos) return "";
    const auto folder = host + std::string_view("host=").size();
    return connection.substr(folder, connection.find(' ', folder) - folder) + "/.s.PGSQL." + std::to_string(port);
  }

  int connected_to_server() const {
    const int server = ::socket(socket_.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    std::strncpy(path.sun_path, socket_.c_str(), sizeof path.sun_path - 1);
    const sockaddr_in address = loopback(server_port_);
    const int connected = socket_.empty()
                              ? ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address)
                              : ::connect(server, reinterpret_cast<const sockaddr*>(&path), sizeof path);
    if (connected == 0) return server;
    ::close(server);
    return -1;
  }

  void forward(const std::stop_token& stop) {
    std::list<Pair> pairs;
    while (!stop.stop_requested()) {
      if (shut_) {
        for (auto& pair : pairs) pair.over = true;
      }
      pairs.remove_if([](const Pair& pair) {
        if (pair.over) {
          ::close(pair.client);
          ::close(pair.server);
        }
        return pair.over;
      });
      std::vector<pollfd> fds{{listener_, POLLIN, 0}};
      const bool silent = silent_;  // it may change while we wait
      if (!silent) {
        for (const auto& pair : pairs) {
          fds.push_back({pair.client, POLLIN, 0});
          fds.push_back({pair.server, POLLIN, 0});
        }
      }
      ::poll(fds.data(), fds.size(), 5);
      if (!silent) {
        std::size_t at = 1;
        for (auto& pair : pairs) {
          if (fds[at].revents != 0) pass(pair, true);
          if (fds[at + 1].revents != 0) pass(pair, false);
          at += 2;
        }
      }
      if (fds[0].revents != 0) accept(pairs);
    }
    for (const auto& pair : pairs) {
      ::close(pair.client);
      ::close(pair.server);
    }
  }

  void accept(std::list<Pair>& pairs) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = shut_ ? -1 : connected_to_server();
    if (server < 0) {
      ::close(client);
      return;
    }
    pairs.push_back({client, server});
  }

  void pass(Pair& pair, bool to_server) {
    char bytes[65536];
    const auto count = ::recv(to_server ? pair.client : pair.server, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count <= 0) {
      if (count == 0 || errno != EAGAIN) pair.over = true;
      return;
    }
    const std::string_view chunk(bytes, static_cast<std::size_t>(count));
    if (!to_server && pair.cutting) {  // the server has done what it was asked, and nobody hears of it
      pair.over = true;
      ++cuts_;
      return;
    }
    if (to_server) {
      const std::lock_guard lock(mutex_);
      if (!cut_after_.empty() && chunk.find(cut_after_) != std::string_view::npos) {
        cut_after_.clear();
        pair.cutting = true;
      }
    }
    std::size_t sent = 0;
    while (sent < chunk.size()) {
      const auto n =
          ::send(to_server ? pair.server : pair.client, chunk.data() + sent, chunk.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) {
        pair.over = true;
        return;
      }
      sent += static_cast<std::size_t>(n);
    }
  }

  const int server_port_;
  const std::string socket_;  // empty: TCP
  const int listener_;
  int port_ = 0;
  std::atomic<bool> shut_{false};
  std::atomic<bool> silent_{false};
  std::atomic<int> cuts_{0};
  std::mutex mutex_;
  std::string cut_after_;
  std::jthread thread_;
};

}  // namespace parley::testing
