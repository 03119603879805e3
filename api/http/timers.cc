#include "api/http/timers.h"

#include <utility>

#include "api/http/thread_name.h"

namespace parley::http {

Timers::Timers(const char* thread_name) {
  thread_ = std::thread([this, name = std::string(thread_name)] {
    name_this_thread(name);
    run();
  });
}

Timers::~Timers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

Timers::Id Timers::after(Clock::duration delay, Callback callback) {
  return add(delay, {.callback = std::move(callback)});
}
Timers::Id Timers::every(Clock::duration period, Callback callback) {
  return add(period, {.callback = std::move(callback), .period = period});
}

Timers::Id Timers::add(Clock::duration delay, Timer timer) {
  const auto time = Clock::now() + delay;
  bool is_first = false;
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    id = next_id_++;
    when_.emplace(id, time);
    const auto added = due_.emplace(Key{time, id}, std::move(timer)).first;
    is_first = added == due_.begin();
  }
  if (is_first) changed_.notify_one();
  return Id{id};
}

bool Timers::cancel(Id id) {
  Timer cancelled;  // destroyed outside the lock: what it captured may do anything
  const std::lock_guard lock(mutex_);
  const auto when = when_.find(std::to_underlying(id));
  if (when == when_.end()) return false;
  const auto timer = due_.find({when->second, when->first});
  cancelled = std::move(timer->second);
  due_.erase(timer);
  when_.erase(when);
  return true;
}

void Timers::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (due_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto [time, id] = due_.begin()->first;
    if (time > Clock::now()) {
      changed_.wait_until(lock, time);
      continue;
    }
    Timer timer = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    when_.erase(id);
    if (timer.period !=
        Clock::duration::zero()) {  // stays cancellable while it runs: the next call is what a cancel then prevents
      const auto next = Clock::now() + timer.period;
      due_.emplace(Key{next, id}, timer);
      when_.emplace(id, next);
    }
    lock.unlock();
    try {
      timer.callback();
    } catch (...) {  // a callback's failure is its own; the other deadlines must still be met
    }
    timer = {};
    lock.lock();
  }
}

}  // namespace parley::http
