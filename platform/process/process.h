#pragma once
// What every role of the program does with its process: wait for the order to end, and say which limits it has.
#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

namespace parley::process {

/// Blocks SIGTERM and SIGINT in this thread and in all that it starts from now on: first thing in main(). SIGPIPE is
/// ignored.
void catch_termination();
/// Takes catch_termination() back: a signal ends the process at once, and so does a reader of its output that has gone.
/// For tasks that may end at any time.
void end_on_signals();
/// Waits for SIGTERM or SIGINT.
void wait_for_termination();
/// Whether one of them has come; does not wait.
bool termination_requested();
/// Waits so long, or until it is told to stop. Whether to go on.
bool pause(const std::stop_token& stop, std::chrono::milliseconds time);
/// As many open files as the system lets this user have: every stream is one or two.
void raise_open_files_limit();

/// Ends the process at once (exit code 70) when `sign_of_life` gives the same value for `patience`: a call into a
/// library that never comes back cannot be ended otherwise, and whoever supervises the process starts it again. The
/// time is counted in looks of its own thread, so that a process that was stopped and goes on is not taken for one that
/// hangs. `sign_of_life` is called on that thread.
class Watchdog {
 public:
  Watchdog(std::function<std::int64_t()> sign_of_life, std::chrono::seconds patience);

 private:
  std::jthread thread_;
};

}  // namespace parley::process
