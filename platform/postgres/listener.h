#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "platform/postgres/options.h"

namespace parley::postgres {

struct ListenerOptions {
  SessionOptions session;
  std::string channel;
  std::chrono::milliseconds retry_min{50};  ///< The wait after a lost connection; doubles up to retry_max.
  std::chrono::milliseconds retry_max{2'000};
};

/// Hears NOTIFY on one channel. What was announced while there was no connection is lost: so `on_listening` is called
/// after each (re)LISTEN, and its callee reads the state that the notifications speak of. Owns one thread ("pg-listen")
/// and one connection, opened again whenever it is lost. Callbacks run on that thread, one at a time; they must not
/// throw and should not block long.
class Listener {
 public:
  struct Callbacks {
    std::function<void()> on_listening;
    std::function<void(std::string_view payload)> on_notification;
    std::function<void(std::string_view detail)> on_lost =
        {};  ///< The connection is gone or could not be opened; for logs.
  };
  Listener(ListenerOptions options, Callbacks callbacks);
  /// Stops the thread; no callback runs afterwards. Waits for a callback under way, and up to connect_timeout.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Whether the connection stands and LISTENs. Thread-safe.
  bool listening() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::postgres
