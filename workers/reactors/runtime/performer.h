#pragma once
// What a reactor has to do, done: calls and timers of the partitions that it has. Knows no Kafka.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "workers/reactors/runtime/attempt.h"
#include "workers/reactors/runtime/ids.h"
#include "workers/reactors/runtime/queue.h"
#include "workers/reactors/runtime/reactor.h"
#include "workers/reactors/runtime/state.h"

namespace parley::reactors {

/// Sends commands, each again and again, until it is told to forget it.
class Commands {
 public:
  virtual ~Commands() = default;
  virtual void send(schema::CommandEnvelope envelope, Command command) = 0;
  virtual void forget(const std::string& command_id) = 0;
};

/// Takes what is open in the states to its end: each call through attempt, call and outcome, each timer that is due
/// through its command. Belongs to one thread; only a call's end may come on another one. Throws what State and the
/// reactor throw.
class Performer {
 public:
  struct Options {
    Queue::Limits queue;
    Attempt::Limits attempt;
    std::size_t timers_in_flight_max = 1'000;  ///< In each partition.
  };
  struct Now {
    Timestamp wall;  ///< For timers.
    std::chrono::steady_clock::time_point steady;
  };
  /// Both must outlive it.
  Performer(Reactor& reactor, Commands& commands, const Options& options);

  /// From now on it acts for these, by partition; what it was about for others is left alone. They must outlive it, or
  /// the next call of this.
  void take_over(std::map<int, State>* states);
  /// Does what can be done now. After it the states are kept.
  void turn(const Now& now);
  /// A reply says that a command was decided. It is forgotten.
  void decided(const std::string& command_id, Decision decision, const Now& now);
  /// Whether the command is one that it waits for.
  bool waits_for(const std::string& command_id) const;

  /// Begins nothing new: what is under way comes to its end.
  void begin_nothing() { begins_ = false; }
  std::size_t in_flight() const { return calls_in_flight() + timers_in_flight(); }
  std::size_t calls_in_flight() const { return flights_.size(); }
  std::size_t timers_in_flight() const { return timers_.size(); }
  /// Calls that have ended since the beginning, by the outcome that was recorded.
  struct Counts {
    std::uint64_t calls = 0;  ///< Made; questions not counted.
    std::uint64_t again = 0;  ///< Of those, the ones that were not the first for their event in this process.
    std::uint64_t done = 0;
    std::uint64_t failed = 0;
    std::uint64_t unknown = 0;
    std::uint64_t unwanted = 0;  ///< The attempt was refused.
    std::uint64_t timers = 0;    ///< Fired.
  };
  const Counts& counts() const { return counts_; }

 private:
  using Next = Attempt::Next;
  struct Flight {
    Cause cause;
    Attempt attempt;
    std::uint64_t call = 0;  ///< The number of the call that is under way.
    bool was_called = false;
    std::optional<std::chrono::steady_clock::time_point> paused_until{};
    std::string command_id{};  ///< Under way.
  };
  using Flights = std::map<Place, Flight>;
  class Ends;

  void drain_closed();
  void drain_ends(const Now& now);
  void wake_paused(const Now& now);
  void load();
  void start(const Now& now);
  void fire(const Now& now);
  void advance(Flights::iterator flight, Next next, const Now& now);
  void send(Flights::iterator flight, Step step, Command command);
  void forget_command(Flight& flight);
  void finish(Place place);

  Reactor& reactor_;
  Commands& commands_;
  const Options options_;
  std::map<int, State>* states_ = nullptr;
  bool begins_ = true;
  Queue queue_;
  std::map<int, std::int64_t> loaded_;  ///< By partition: calls before it are in the queue, or finished.
  Flights flights_;
  std::unordered_map<std::string, Place> by_command_;
  std::unordered_map<std::string, int> timers_;  ///< In flight: the partition, by command id.
  std::uint64_t next_call_ = 0;
  std::shared_ptr<Ends> ends_;  ///< Shared with calls that may outlive this.
  Counts counts_;
};

}  // namespace parley::reactors
