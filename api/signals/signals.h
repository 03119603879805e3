#pragma once
// That somebody is typing: told to all APIs, each of which tells its streams.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "platform/kafka/config.h"
#include "schemas/signals.h"

namespace parley::api {

/// Owns a producer and the thread "signals", which follows the topic from its end on. Thread-safe; send() does not
/// block. While Kafka is away, or there is no such topic, signals are lost, and nothing else happens.
class Signals {
 public:
  struct Options {
    kafka::Config kafka;
    std::string topic = "parley.signals";
    /// Of each side of a dialog one signal in this time is passed on; what comes between them is not needed.
    std::chrono::milliseconds pause{1'000};
    std::size_t sides_max =
        20'000;  ///< Whose last signal is remembered. More at once in one `pause` are not passed on.
    std::chrono::milliseconds age_max{5'000};  ///< What comes later says nothing about now.
    std::size_t queued_max = 1'000;            ///< That wait for a broker.
  };
  using OnTyping = std::function<void(const schema::Typing&)>;

  /// `on_typing` runs on the thread, for signals of every API, this one's too; it must not throw or block. Throws
  /// std::runtime_error where no producer can be made.
  Signals(Options options, OnTyping on_typing);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// False when it was left out, because one of the same side was passed on a moment ago.
  bool send(const schema::Typing& typing);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::api
