#pragma once
// One thread that calls back at given times: deadlines of commands, pings of streams.
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace parley::http {

/// Callbacks run one after another on the timer thread, so they must be short and must not block; what they throw is
/// dropped. Thread-safe; a callback may add and cancel timers. As many timers as there are waiting commands and open
/// streams: their limits bound it.
class Timers {
 public:
  using Clock = std::chrono::steady_clock;
  using Callback = std::function<void()>;
  enum class Id : std::uint64_t {};

  explicit Timers(const char* thread_name = "timers");
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  /// Calls once, `delay` from now.
  Id after(Clock::duration delay, Callback callback);
  /// Calls every `period` until cancelled, first one period from now. Late calls are not made up for.
  Id every(Clock::duration period, Callback callback);
  /// True when the callback will not run (again); false when it has run already or is running now. Does not wait for a
  /// running callback.
  bool cancel(Id id);

 private:
  struct Timer {
    Callback callback;
    Clock::duration period{};  ///< zero: once
  };
  using Key = std::pair<Clock::time_point, std::uint64_t>;

  Id add(Clock::duration delay, Timer timer);
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Key, Timer> due_;  // a map rather than a heap: most deadlines are cancelled, and this forgets them at once
  std::unordered_map<std::uint64_t, Clock::time_point> when_;  // of every timer in due_, to find it there
  std::uint64_t next_id_ = 1;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace parley::http
