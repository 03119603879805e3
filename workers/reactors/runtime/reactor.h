#pragma once
// What a reactor that acts outside says of itself; all else of it is the runtime's. README.md shows one.
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/model.h"
#include "schemas/envelope.h"

namespace parley::reactors {

/// An event as it stands in the log. Of a restored one (Envelope::is_restored()) the call may have been made.
struct Cause {
  schema::Envelope envelope;
  Stream stream;
  Event event;
};

/// How one call to the outside ended, or one question about it.
struct CallEnd {
  enum class Kind {
    done,      ///< There is a result, good or bad: it is final.
    not_done,  ///< Surely nothing was done, and the same may be tried again. As a question's end: the outside does not
               ///< know the call.
    unknown,   ///< It was sent, and there is no answer.
  };
  Kind kind{};
  std::string detail;                                      ///< The reactor's own words, for its outcome.
  std::optional<std::chrono::milliseconds> retry_after{};  ///< Not before that, says the outside.
};

/// What came of the calls for one event: what the outcome's command tells.
struct Result {
  enum class Kind {
    done,
    failed,   ///< Surely not done, and not tried again here: as often as allowed, or the outside wants to be left alone
              ///< for longer than the runtime waits.
    unknown,  ///< Nobody knows whether it was done.
  };
  Kind kind{};
  std::string detail;  ///< Of the last call.
  std::optional<std::chrono::milliseconds> retry_after{};
};

/// What is done about a call that may have been made: the process died between it and its outcome, or no answer came.
enum class OnUnknown {
  repeat,   ///< It is made again with the same idempotency key, which the outside knows; or a repetition does no harm.
  ask,      ///< The outside is asked first.
  give_up,  ///< It is not made again: its outcome is recorded as unknown.
};

/// What an event says of a timer of its stream.
struct TimerFact {
  std::string name;              ///< Within the stream; one that is set again moves.
  std::optional<Timestamp> due;  ///< Nothing: it is not wanted any more.
};
/// A timer that is due.
struct Timer {
  Stream stream;
  std::string name;
  Timestamp due;
};

/// One reactor. What it says of events is pure and the same for ever: it is asked again after a restart, and ids are
/// made of its name. Methods are called by the runtime's thread alone and must not block; what they throw ends the
/// process.
class Reactor {
 public:
  virtual ~Reactor() = default;

  /// In metrics, folders and the group, and in the ids of commands: never renamed.
  virtual std::string_view name() const = 0;
  /// Bumped when it says something else of the same events: what was folded is discarded and folded again.
  virtual int fold_version() const = 0;

  /// Whether the event asks for a call. Such calls are made in the order of events within a stream, one at a time.
  virtual bool wants_call(const Cause& cause) const = 0;
  /// What the event says of timers.
  virtual std::vector<TimerFact> timers_of(const Cause&) const { return {}; }
  /// To the timer's stream, when it is due; ignored there when its reason is gone.
  virtual Command when_due(const Timer& timer) const;

  virtual OnUnknown on_unknown() const = 0;
  /// To the cause's stream, decided before the call: a refusal is the end of it, and nothing is called. It must lead to
  /// an event, by which a later process knows of it. Nothing: the call needs no record of its beginning, because it may
  /// be repeated.
  virtual std::optional<Command> attempt(const Cause& cause) const = 0;
  /// To the cause's stream, when there is nothing left to try. Where it leads to no event, a lost store lets the call
  /// be made again.
  virtual Command outcome(const Cause& cause, const Result& result) const = 0;

  using Done = std::function<void(CallEnd)>;
  /// Begins the call and returns. `key` is the same one whenever this event's call is made. `done` may be called on any
  /// thread, also before this returns, and must be called once.
  virtual void call(const Cause& cause, const std::string& key, const Done& done) = 0;
  /// Asks the outside whether it knows the call: for OnUnknown::ask.
  virtual void ask(const Cause& cause, const std::string& key, const Done& done);
};

}  // namespace parley::reactors
