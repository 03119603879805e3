#pragma once
// Threads for work that may block (queries, password hashing), so that I/O threads never do.
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace parley::http {

/// A bounded queue with its own named threads. Thread-safe. A task's exception is counted and otherwise dropped: a
/// Responder that dies with its task has answered 500 by then.
class Executor {
 public:
  using Task = std::move_only_function<void()>;
  struct Options {
    std::string name = "executor";  ///< threads are called name-0, name-1, ... (the kernel keeps 15 characters)
    std::size_t threads = 4;
    std::size_t queue_max = 1'024;
  };

  explicit Executor(Options options);
  ~Executor() { stop(); }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// False when the queue is full or stop() was called: the task is destroyed unrun, and the caller answers 503 with
  /// Retry-After.
  [[nodiscard]] bool try_post(Task task);

  std::size_t queue_depth() const;
  std::size_t failed_tasks() const { return failed_tasks_; }

  /// Takes no more tasks, runs the queued ones to their end, joins the threads. Idempotent; not from a task.
  void stop();

 private:
  void run();

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::atomic<std::size_t> failed_tasks_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace parley::http
