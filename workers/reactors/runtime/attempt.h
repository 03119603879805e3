#pragma once
// One event's way to its outcome: attempt, call, outcome. Pure: it says what is to be done next, and is told what came
// of it.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "workers/reactors/runtime/backoff.h"
#include "workers/reactors/runtime/reactor.h"

namespace parley::reactors {

/// What a reply says of a command.
enum class Decision {
  first,    ///< Decided now, and for this process's own sending.
  earlier,  ///< It had been decided before: by a process that is gone, perhaps.
  refused,  ///< For good.
};

class Attempt {
 public:
  struct Limits {
    int calls_max = 5;  ///< In one life of the process.
    Backoff backoff;
  };
  enum class Next {
    record_attempt,  ///< Send the attempt's command, and say decided().
    call,            ///< Make the call, and say ended().
    ask,             ///< Ask the outside, and say ended().
    pause,           ///< Wait for pause(), and say waited().
    record_outcome,  ///< Send the outcome's command, with result().
    nothing,         ///< The attempt was refused: nobody wants the call any more.
  };

  /// `seed`: of its pauses.
  Attempt(OnUnknown policy, const Limits& limits, std::uint64_t seed);

  /// `records`: whether there is an attempt to be recorded. `was_begun`: it was, before this process began; then, or
  /// when there is none, or when the cause is restored, the call may have been made.
  Next begin(bool records, bool was_begun, bool is_restored);
  Next decided(Decision decision);
  Next ended(CallEnd end);
  Next waited() const { return asks_ ? Next::ask : Next::call; }

  std::chrono::milliseconds pause() const { return pause_; }
  const Result& result() const { return result_; }

 private:
  Next when_unknown();
  Next again();
  Next end(Result::Kind kind);

  const OnUnknown policy_;
  const Limits limits_;
  const std::uint64_t seed_;
  bool is_restored_ = false;
  bool asks_ = false;        ///< What is under way, or comes after the pause, is a question.
  bool maybe_made_ = false;  ///< A call of which nobody knows whether it was made.
  int calls_ = 0;
  int questions_ = 0;
  CallEnd last_;
  std::chrono::milliseconds pause_{};
  Result result_;
};

}  // namespace parley::reactors
