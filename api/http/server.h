#pragma once
// The HTTP kernel: a server that is given routes and hooks, and then runs.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "api/http/options.h"
#include "api/http/routes.h"

namespace parley::http {

class Kernel;
class PistacheAcceptor;

/// Raises the soft limit of descriptors to the hard one; returns how many clients fit into it, which lowers
/// Limits::connections_max.
std::size_t connections_that_fit();

/// Threads: io_threads called http-io (they read, parse, route and run handlers) and one called http-output (it
/// finishes writes, keeps the timeouts and calls streams' on_close). start, drain and stop are called once each, in
/// this order, by the owner; the rest is thread-safe.
class Server {
 public:
  Server(ServerOptions options, Routes routes, Hooks hooks);
  /// Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens and serves when it returns. Throws std::runtime_error when it cannot listen.
  void start();
  std::uint16_t port() const;
  const Counters& counters() const;

  /// Refuses new connections, answers what is under way and ends the rest: streams, idle connections. True when nothing
  /// was under way any more before the timeout. A request that meets its connection's end gets no answer: clients
  /// repeat it, the edge by itself.
  bool drain(std::chrono::milliseconds timeout);
  /// Ends every connection and joins the threads. Responders may outlive it: their answers go nowhere. Idempotent.
  void stop();

 private:
  std::shared_ptr<Kernel> kernel_;
  std::unique_ptr<PistacheAcceptor> acceptor_;
  bool is_running_ = false;
};

}  // namespace parley::http
