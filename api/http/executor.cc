#include "api/http/executor.h"

#include <fmt/format.h>

#include <utility>

#include "api/http/thread_name.h"

namespace parley::http {

Executor::Executor(Options options) : options_(std::move(options)) {
  threads_.reserve(options_.threads);
  for (std::size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, i] {
      name_this_thread(fmt::format("{}-{}", options_.name, i));
      run();
    });
  }
}

bool Executor::try_post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= options_.queue_max) return false;
    queue_.push_back(std::move(task));
  }
  ready_.notify_one();
  return true;
}

std::size_t Executor::queue_depth() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void Executor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Executor::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    try {
      task();
    } catch (...) {
      ++failed_tasks_;
    }
    task = nullptr;  // what the task holds (a Responder) ends outside the lock
    lock.lock();
  }
}

}  // namespace parley::http
