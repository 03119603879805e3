#include "api/http/output_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "api/http/connection.h"
#include "api/http/thread_name.h"

namespace parley::http {
namespace {

constexpr std::uint64_t kWakeId = 0;  // connections count from 1
constexpr std::size_t kEventsPerWait = 256;

int checked(int descriptor, const char* what) {
  if (descriptor < 0) throw std::system_error(errno, std::system_category(), what);
  return descriptor;
}

}  // namespace

OutputLoop::OutputLoop()
    : epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeId}};
  checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event), "epoll_ctl");
}

OutputLoop::~OutputLoop() {
  stop();
  run_posted();  // the on_close of a stream that was started after the end
  ::close(wake_);
  ::close(epoll_);
}

void OutputLoop::start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  thread_ = std::thread([this] {
    name_this_thread("http-output");
    run();
  });
}

void OutputLoop::stop() {
  stopping_ = true;
  post([] {});
  if (thread_.joinable()) thread_.join();
}

void OutputLoop::add(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  all_.emplace(connection->id(), connection);
}

void OutputLoop::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  all_.erase(id);
}

std::vector<std::shared_ptr<Connection>> OutputLoop::connections() const {
  std::vector<std::shared_ptr<Connection>> living;
  const std::lock_guard lock(mutex_);
  living.reserve(all_.size());
  for (const auto& [id, weak] : all_) {
    if (auto connection = weak.lock()) living.push_back(std::move(connection));
  }
  return living;
}

void OutputLoop::watch(const std::shared_ptr<Connection>& connection) {
  epoll_event event{.events = EPOLLOUT | EPOLLONESHOT, .data = {.u64 = connection->id()}};
  const std::lock_guard lock(mutex_);
  const bool is_new = blocked_.try_emplace(connection->id(), connection).second;
  epoll_ctl(epoll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection->socket(), &event);
}

void OutputLoop::forget(const Connection& connection) {
  std::shared_ptr<Connection> last;  // may end only after the lock
  const std::lock_guard lock(mutex_);
  const auto at = blocked_.find(connection.id());
  if (at == blocked_.end()) return;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.socket(), nullptr);
  last = std::move(at->second);
  blocked_.erase(at);
}

void OutputLoop::post(std::move_only_function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      ::write(wake_, &one, sizeof one);  // fails only when it is already certain to wake
}

void OutputLoop::run() {
  std::array<epoll_event, kEventsPerWait> events;
  auto next_tick = std::chrono::steady_clock::now() + kTick;
  while (!stopping_) {
    const int count =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), static_cast<int>(kTick.count()));
    for (int i = 0; i < count; ++i) {
      std::shared_ptr<Connection> connection;
      {
        const std::lock_guard lock(mutex_);
        const auto at = blocked_.find(events[static_cast<std::size_t>(i)].data.u64);
        if (at != blocked_.end()) connection = at->second;
      }
      if (connection) connection->resume_writing();
    }
    run_posted();
    if (std::chrono::steady_clock::now() >= next_tick) {
      sweep();
      callbacks_.tick();
      next_tick = std::chrono::steady_clock::now() + kTick;
    }
  }
  run_posted();
}

void OutputLoop::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(wake_, &count, sizeof count);
  std::vector<std::move_only_function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) {
    try {
      task();
    } catch (...) {  // an on_close that throws must not end the thread that all connections share
    }
  }
}

void OutputLoop::sweep() {
  const auto now = std::chrono::steady_clock::now();
  for (const auto& connection : connections()) {
    if (connection->take_late_request(now)) callbacks_.late_request(connection);
  }
}

}  // namespace parley::http
