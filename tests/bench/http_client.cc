#include "tests/bench/http_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace parley::bench {
namespace {

constexpr std::size_t kReceiveBytes = 64 * 1024;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::system_category(), what); }

/// A field's value; the servers that are measured write their names in one way only.
std::string_view field(std::string_view head, std::string_view line_start) {
  const auto at = head.find(line_start);
  if (at == std::string_view::npos) return {};
  const auto from = at + line_start.size();
  return head.substr(from, head.find("\r\n", from) - from);
}

}  // namespace

Socket::Socket(int port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (descriptor_ < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(descriptor_, F_SETFL, O_NONBLOCK);
}

Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Socket::send(std::string_view bytes) {
  if (::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) fail("send");
}

std::size_t Socket::receive(std::span<char> buffer) {
  const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
  if (count > 0) return static_cast<std::size_t>(count);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (count == 0) throw std::runtime_error("the server closed a connection");
  fail("recv");
}

std::optional<Response> Client::receive() {
  std::array<char, kReceiveBytes> buffer;
  received_.append(buffer.data(), socket_.receive(buffer));
  const auto end = received_.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  const auto head = std::string_view(received_).substr(0, end + 2);
  Response response;
  const auto length = field(head, "\r\nContent-Length: ");
  if (std::from_chars(head.data() + sizeof "HTTP/1.1", head.data() + head.size(), response.status).ec != std::errc{} ||
      std::from_chars(length.data(), length.data() + length.size(), response.body_bytes).ec != std::errc{}) {
    throw std::runtime_error("an answer that is not understood: " + std::string(head));
  }
  if (received_.size() < end + 4 + response.body_bytes) return std::nullopt;
  response.pending = !field(head, "\r\nX-Projection: ").empty();
  received_.clear();
  return response;
}

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) fail("epoll_create1");
}
Poller::~Poller() { ::close(epoll_); }

void Poller::add(int descriptor, std::uint32_t number) {
  epoll_event event{.events = EPOLLIN, .data = {.u32 = number}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
}

std::span<const std::uint32_t> Poller::wait(Clock::duration time_max) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(time_max, Clock::duration::zero())).count();
  const int count = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), static_cast<int>(ms));
  if (count < 0 && errno != EINTR) fail("epoll_wait");
  const auto ready = static_cast<std::size_t>(std::max(count, 0));
  for (std::size_t i = 0; i < ready; ++i) ready_[i] = events_[i].data.u32;
  return std::span(ready_).first(ready);
}

}  // namespace parley::bench
