#pragma once
// Internal: the one place that knows Pistache's listener, transport and parser.
#include <cstdint>
#include <memory>

namespace parley::http {

class Kernel;

/// Accepts and reads through Pistache; gives complete requests to the kernel. Start and stop once, from one thread.
class PistacheAcceptor {
 public:
  explicit PistacheAcceptor(std::shared_ptr<Kernel> kernel);
  ~PistacheAcceptor();
  PistacheAcceptor(const PistacheAcceptor&) = delete;
  PistacheAcceptor& operator=(const PistacheAcceptor&) = delete;

  /// Throws std::runtime_error when it cannot listen.
  void start();
  std::uint16_t port() const;
  /// Makes every I/O thread look at its queue of new sockets. Pistache's queue can lose a wake-up (it empties the event
  /// after it found the queue empty), and a new client would then wait for the next one to come. Thread-safe while
  /// running.
  void wake();
  /// Connections that come now are refused by the system; those that Pistache has go on. Those that nobody had accepted
  /// yet are reset.
  void stop_listening();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::http
