#include "platform/process/process.h"

#include <sys/resource.h>

#include <pthread.h>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "platform/log/log.h"

namespace parley::process {
namespace {

constexpr int kHangs = 70;  // EX_SOFTWARE of sysexits.h

sigset_t termination() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void catch_termination() {
  const auto set = termination();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void end_on_signals() {
  const auto set = termination();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
}

void wait_for_termination() {
  const auto set = termination();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
}

bool termination_requested() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

bool pause(const std::stop_token& stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any waiting;
  waiting.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

void raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Watchdog::Watchdog(std::function<std::int64_t()> sign_of_life, std::chrono::seconds patience)
    : thread_([sign_of_life = std::move(sign_of_life), patience](const std::stop_token& stop) {
        pthread_setname_np(pthread_self(), "watchdog");
        auto last = sign_of_life();
        std::chrono::seconds same{0};
        constexpr std::chrono::seconds kLook{1};
        while (pause(stop, kLook)) {
          const auto now = sign_of_life();
          same = now == last ? same + kLook : std::chrono::seconds{0};
          last = now;
          if (same < patience) continue;
          log::error("the loop does not turn: the process ends, to be started again", {{"seconds", same.count()}});
          std::_Exit(kHangs);
        }
      }) {}

}  // namespace parley::process
