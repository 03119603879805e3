#pragma once
// How far the read model is, as the API knows it: the projector's checkpoints, read at the start and after every lost
// connection, and announced by NOTIFY in between.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "platform/postgres/options.h"
#include "schemas/replies.h"

namespace parley::postgres {
class Pool;
}

namespace parley::api {

/// Owns a listener. Thread-safe. While PostgreSQL is away, checkpoints stand still and `advancing()` turns false.
class Progress {
 public:
  struct Options {
    postgres::SessionOptions session;
    int partitions = kafka::kPartitionsDefault;
    std::chrono::milliseconds stall_max{500};  ///< A projection that owes an event for longer is not waited for.
  };
  /// `pool` must outlive this.
  Progress(Options options, postgres::Pool& pool);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// The next offset that the projector has not applied; 0 before anything is known.
  std::int64_t checkpoint(int partition) const;
  /// Whether checkpoints have been read at least once.
  bool known() const;
  /// False while PostgreSQL cannot be reached.
  bool connected() const;
  /// Of the topic of events that the read model was made from; nothing before that is known.
  std::optional<std::string> topic_id() const;

  /// Whether the projection is known to owe the event at a position, or a client says so.
  enum class Owed { certainly, perhaps };
  /// Calls `done(true)` once the event at `position` can be read, at once if it can already; `done(false)` when the
  /// projection has not advanced for stall_max although it owes this event. Exactly once, on an internal thread or the
  /// caller's; must not block. A projection that does not come to an event which it owes `perhaps` is not taken to
  /// stand still: others go on waiting for it.
  void when_readable(const schema::Position& position, std::function<void(bool readable)> done,
                     Owed owed = Owed::certainly);

  /// Called after checkpoints have moved, on the listening thread; must not block. An earlier one is not called any
  /// more when this returns.
  void on_advance(std::function<void()> advanced);

  /// Degraded while PostgreSQL is away.
  health::Verdict verdict() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::api
