#pragma once
// A decider as a process that a test may kill, and that comes back as under a supervisor.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace parley::decider::testing {

/// Starts a decider again whenever it ends, as a supervisor does. The fault that it is given strikes in its first life
/// alone.
class Supervised {
 public:
  Supervised(std::vector<std::string> arguments, std::vector<std::string> fault) : arguments_(std::move(arguments)) {
    auto first = arguments_;
    first.insert(first.end(), fault.begin(), fault.end());
    start(first);
    thread_ = std::jthread([this](const std::stop_token& stop) { supervise(stop); });
  }
  ~Supervised() {
    thread_.request_stop();
    signal(SIGCONT);
    signal(SIGTERM);
    thread_.join();
  }
  void signal(int number) {
    const std::lock_guard lock(mutex_);
    if (pid_ > 0) kill(pid_, number);
  }
  int restarts() const { return restarts_; }
  bool stopped() {
    std::string pid, name, state;
    {
      const std::lock_guard lock(mutex_);
      pid = std::to_string(pid_);
    }
    std::ifstream("/proc/" + pid + "/stat") >> pid >> name >> state;
    return state == "T";
  }

 private:
  void start(const std::vector<std::string>& arguments) {
    std::vector<char*> raw;
    for (const auto& one : arguments) raw.push_back(const_cast<char*>(one.c_str()));
    raw.push_back(nullptr);
    pid_t pid = -1;
    if (posix_spawn(&pid, raw[0], nullptr, nullptr, raw.data(), environ) != 0) std::abort();
    pid_ = pid;
  }
  void supervise(const std::stop_token& stop) {
    while (true) {
      int status = 0;
      waitpid(pid_, &status, 0);
      const std::lock_guard lock(mutex_);
      pid_ = -1;
      if (stop.stop_requested()) return;
      ++restarts_;
      start(arguments_);
    }
  }

  std::vector<std::string> arguments_;
  std::mutex mutex_;
  std::atomic<pid_t> pid_ = -1;
  std::atomic<int> restarts_ = 0;
  std::jthread thread_;
};

}  // namespace parley::decider::testing
