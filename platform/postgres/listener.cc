#include "platform/postgres/listener.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <system_error>
#include <thread>

#include "platform/postgres/session.h"
#include "platform/process/backoff.h"

namespace parley::postgres {

namespace {

class Receiver final : public pqxx::notification_receiver {
 public:
  Receiver(pqxx::connection_base& connection, const std::string& channel,
           const std::function<void(std::string_view)>& callback)
      : pqxx::notification_receiver(connection, channel), callback_(callback) {}
  void operator()(const std::string& payload, int) override { callback_(payload); }

 private:
  const std::function<void(std::string_view)>& callback_;
};

}  // namespace

struct Listener::Impl {
  Impl(ListenerOptions o, Callbacks c)
      : options(std::move(o)), callbacks(std::move(c)), stop_signal(::eventfd(0, EFD_CLOEXEC)) {
    if (stop_signal < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~Impl() { ::close(stop_signal); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const ListenerOptions options;
  const Callbacks callbacks;
  const int stop_signal;
  std::atomic<bool> listening{false};
  std::jthread thread;

  /// Waits for the connection to say something; false when it is time to stop.
  bool wait(int socket, int timeout_ms) {
    pollfd fds[2] = {{stop_signal, POLLIN, 0}, {socket, POLLIN, 0}};
    ::poll(fds, socket < 0 ? 1 : 2, timeout_ms);
    return fds[0].revents == 0;
  }

  void listen_until_lost(Session& session) {
    Receiver receiver(session.connection(), options.channel, callbacks.on_notification);
    listening = true;
    callbacks.on_listening();
    while (wait(session.connection().sock(), -1)) session.connection().get_notifs();
  }

  void run(const std::stop_token& stop) {
    process::Backoff backoff(options.retry_min, options.retry_max);
    while (!stop.stop_requested()) {
      std::string lost;
      if (auto session = Session::open(options.session)) {
        try {
          listen_until_lost(**session);
        } catch (const pqxx::pqxx_exception&) {
          lost = current_error(false).detail;
        }
        if (listening.exchange(false)) backoff.reset();
      } else {
        lost = session.error().detail;
      }
      if (stop.stop_requested()) return;
      if (callbacks.on_lost) callbacks.on_lost(lost);
      wait(-1, static_cast<int>(backoff.next().count()));
    }
  }
};

Listener::Listener(ListenerOptions options, Callbacks callbacks)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(callbacks))) {
  impl_->thread = std::jthread([impl = impl_.get()](const std::stop_token& stop) { impl->run(stop); });
  ::pthread_setname_np(impl_->thread.native_handle(), "pg-listen");
}

Listener::~Listener() {
  impl_->thread.request_stop();
  ::eventfd_write(impl_->stop_signal, 1);
  impl_->thread.join();
}

bool Listener::listening() const { return impl_->listening; }

}  // namespace parley::postgres
