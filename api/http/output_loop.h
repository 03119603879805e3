#pragma once
// Internal to the kernel: the one thread behind all connections.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace parley::http {

class Connection;

/// Finishes what would have blocked a writer, ends what is late, and calls streams' on_close. Thread-safe.
class OutputLoop {
 public:
  struct Callbacks {
    std::function<void(const std::shared_ptr<Connection>&)> late_request;
    std::function<void()> tick;  ///< every kTick
  };
  static constexpr std::chrono::milliseconds kTick{250};

  OutputLoop();
  ~OutputLoop();
  OutputLoop(const OutputLoop&) = delete;
  OutputLoop& operator=(const OutputLoop&) = delete;

  void start(Callbacks callbacks);
  /// Runs what was posted, then joins. Idempotent; not from the loop's own thread.
  void stop();

  /// Every connection is known from its beginning to its destructor; the loop does not own it.
  void add(const std::shared_ptr<Connection>& connection);
  void remove(std::uint64_t id);
  std::vector<std::shared_ptr<Connection>> connections() const;

  /// Calls resume_writing() once the socket takes bytes again or is dead; owns the connection until then.
  void watch(const std::shared_ptr<Connection>& connection);
  void forget(const Connection& connection);

  /// Runs it on the loop's thread.
  void post(std::move_only_function<void()> task);

 private:
  void run();
  void run_posted();
  void sweep();

  const int epoll_;
  const int wake_;
  Callbacks callbacks_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::weak_ptr<Connection>> all_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> blocked_;
  std::vector<std::move_only_function<void()>> posted_;
  std::thread thread_;
};

}  // namespace parley::http
