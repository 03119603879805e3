#include "api/http/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "api/http/kernel.h"
#include "api/http/pistache_acceptor.h"

namespace parley::http {
namespace {

constexpr std::size_t kDescriptorsReserved = 256;  // for everything that is not a client
constexpr std::size_t kDescriptorsPerClient = 2;   // Pistache's and our duplicate
constexpr std::size_t kShareOfRefused = 16;        // one in so many is for clients that are told that there is no room
constexpr auto kPollPeriod = std::chrono::milliseconds{5};
constexpr auto kStopTimeout = std::chrono::milliseconds{1'000};

template <class Condition>
bool wait_until(Condition condition, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPollPeriod);
  }
  return true;
}

}  // namespace

std::size_t connections_that_fit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kDescriptorsReserved;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  const std::size_t left = std::max<std::size_t>(limit.rlim_cur, 2 * kDescriptorsReserved) - kDescriptorsReserved;
  return (left - left / kShareOfRefused) / kDescriptorsPerClient;
}

Server::Server(ServerOptions options, Routes routes, Hooks hooks)
    : kernel_(std::make_shared<Kernel>(std::move(options), std::move(routes), std::move(hooks))),
      acceptor_(std::make_unique<PistacheAcceptor>(kernel_)) {}

Server::~Server() { stop(); }

void Server::start() {
  kernel_->connections_max = std::min(kernel_->options().limits.connections_max, connections_that_fit());
  acceptor_->start();
  is_running_ = true;
  kernel_->loop().start(
      {.late_request = [kernel = kernel_.get()](
                           const auto& connection) { kernel->refuse(connection, {}, {408, "REQUEST_TIMEOUT"}); },
       .tick = [acceptor = acceptor_.get()] { acceptor->wake(); }});
}

std::uint16_t Server::port() const { return acceptor_->port(); }
const Counters& Server::counters() const { return kernel_->counters(); }

bool Server::drain(std::chrono::milliseconds timeout) {
  kernel_->draining = true;
  acceptor_->stop_listening();
  for (const auto& connection : kernel_->loop().connections()) connection->drain();
  return wait_until(
      [this] {
        return std::ranges::none_of(kernel_->loop().connections(), [](const auto& each) { return each->is_busy(); });
      },
      timeout);
}

void Server::stop() {
  if (!std::exchange(is_running_, false)) return;
  kernel_->draining = true;
  acceptor_->stop_listening();
  // Pistache closes its descriptors as it reads their ends.
  for (const auto& connection : kernel_->loop().connections()) connection->close();
  wait_until(
      [this] {
        return std::ranges::all_of(kernel_->loop().connections(),
                                   [](const auto& each) { return each->has_input_ended(); });
      },
      kStopTimeout);
  kernel_->loop().stop();
  acceptor_->stop();
}

}  // namespace parley::http
