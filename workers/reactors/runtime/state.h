#pragma once
// What a reactor knows of one partition: its fold of the partition's events, kept on disk.
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/store/store.h"
#include "workers/reactors/runtime/reactor.h"

namespace parley::reactors {

/// Calls that are not finished, timers that are not fired, whether effects are on; and how far the log was read.
/// Everything in it is made of events, but for what close() is told: so it can be lost, and is folded again. Belongs to
/// one thread. What touches the disk throws store::Failure; the folder is then to be destroyed and the log folded again
/// (not so after store::DiskFull).
class State {
 public:
  /// Opens or creates it. `log`: the identity of the topic that it is folded from, any text. `begin`: of a new one,
  /// where calls begin: earlier events ask for none. One of another fold, or of a build that knew other types of
  /// events, is discarded and begun anew, as is one that cannot be opened. The error says why there can be none
  /// (another process has it). `reactor` must outlive it.
  static std::expected<State, std::string> open(std::string path, const store::Memory& memory, const std::string& log,
                                                const Reactor& reactor, std::int64_t begin);

  /// Of what stands in a folder that nobody has open, whatever build folded it: the log that it was folded from; empty
  /// where that cannot be read; nothing where nothing was folded.
  static std::optional<std::string> log_at(const std::string& path);

  /// The log that it was folded from: another one than the caller's must not be folded into it.
  const std::string& log() const { return log_; }
  /// Of the events: the next to fold; the last that was folded, -1 before the first, and its id. That event must still
  /// stand there.
  std::int64_t next() const { return next_; }
  std::int64_t last() const { return last_; }
  const std::string& last_id() const { return last_id_; }

  /// An event; nothing for one of an unknown type. In order; one that was folded before is passed over.
  void fold(std::int64_t offset, const schema::Envelope& envelope, const std::optional<Event>& event,
            std::string_view value);
  /// Writes what was folded and closed since the last time, all at once. What reads the store does so too.
  void keep();

  /// Effects are off where the partition was restored from a backup, until effects::SwitchedOn is decided in this log.
  bool are_effects_on() const { return are_effects_on_; }

  struct Call {
    std::int64_t offset = 0;  ///< Of its event.
    Cause cause;
    bool was_begun = false;  ///< Its attempt stands in the log.
  };
  std::optional<Call> call(std::int64_t offset) const;
  struct Open {
    std::int64_t offset = 0;
    std::string stream;
  };
  /// Calls that are not finished, from that event on, in the order of events.
  std::vector<Open> open_calls(std::int64_t from, std::size_t count_max);
  /// The event of the oldest call that is not finished, or next(): what a reactor that has lost its state begins with.
  std::int64_t oldest_unfinished();
  /// When that event happened; nothing when every call is finished.
  std::optional<Timestamp> oldest_time();
  /// How many calls are not finished, and how many timers are set.
  std::size_t calls() const { return calls_; }
  std::size_t timers() const { return timers_; }

  struct Due {
    Timer timer;
    std::string command_id;
    std::string correlation;
  };
  /// Timers that are due, by time.
  std::vector<Due> due(Timestamp now, std::size_t count_max);

  /// The call, or the timer with that command, has come to its end by a decision that no event tells of.
  void close(std::int64_t offset);
  void close_timer(std::string_view command_id);
  /// Since the last time: the offsets of calls that have come to their end, and the command ids of timers that were
  /// fired, moved or cancelled.
  struct Closed {
    std::vector<std::int64_t> calls;
    std::vector<std::string> timers;
  };
  Closed take_closed() { return std::exchange(closed_, {}); }
  std::size_t bytes() const { return store_.bytes(); }

 private:
  State(std::string log, const Reactor& reactor, store::Store store, std::int64_t begin);
  bool read_meta(std::string_view text);
  void count();
  std::optional<std::string> get(const std::string& key) const;
  void put(std::string key, std::string value) { staged_[std::move(key)] = std::move(value); }
  void erase(std::string key) { staged_[std::move(key)] = std::nullopt; }
  void settle(std::string_view command_id);
  void open_call(std::int64_t offset, const schema::Envelope& envelope, std::string_view value);
  void drop_timer(const std::string& name);
  void set_timer(const Cause& cause, const TimerFact& fact);

  std::string log_;
  const Reactor* reactor_;
  store::Store store_;
  std::map<std::string, std::optional<std::string>> staged_;  ///< Not written yet; nothing: to be erased.
  Closed closed_;
  std::int64_t begin_ = 0;
  std::int64_t next_ = 0;
  std::int64_t last_ = -1;
  std::string last_id_;
  bool are_effects_on_ = true;
  std::size_t calls_ = 0;
  std::size_t timers_ = 0;
  std::int64_t oldest_ = 0;  ///< No call before it is open: where the search begins, past those that are gone.
  Timestamp earliest_;       ///< No timer is due before it: the same.
};

}  // namespace parley::reactors
