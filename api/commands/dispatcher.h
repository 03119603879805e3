#pragma once
// The way of a command from a request to its outcome. No thread waits: the reply, or the event that is the answer, and
// then the read model's position, complete the answer.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "domain/model.h"
#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "platform/kafka/message.h"
#include "platform/kafka/topic_watch.h"
#include "schemas/commands.h"
#include "schemas/replies.h"

namespace parley::api {

class Progress;

/// No outcome came in time. The command may have been decided, or may still be.
inline constexpr Code kCommandTimeout{"COMMAND_TIMEOUT"};

/// What became of a command, for the one who sent it.
struct CommandResult {
  /// The decision, a refusal included; or why there is none: kUnavailable, kOverloaded, kCommandTimeout,
  /// schema::kCommandExpired, parking::kStreamParked.
  std::expected<schema::Outcome, Error> outcome;
  bool repeated = false;  ///< It had been decided before: this is the first answer again.
  bool readable = true;   ///< The read model has what the command did; false: answer with X-Projection: pending.
};

/// Sends commands to parley.commands and finds what became of them: in the events that are their answers, which the
/// part that follows the log hands over (event()), and in parley.replies, of which it reads every partition from the
/// end that stood when it started. A command that has only begun is answered when it has come to its end. Owns a
/// producer and the thread "replies". Thread-safe.
class Dispatcher {
 public:
  struct Options {
    kafka::Config kafka;
    std::string topic_prefix = "parley";
    int partitions = kafka::kPartitionsDefault;
    std::size_t waiting_max = 20'000;  ///< Commands without an outcome; one more is overloaded.
    std::chrono::milliseconds decide_within{
        10'000};  ///< A command decided later is refused as expired (its not_after).
    std::chrono::milliseconds answer_within{
        12'000};  ///< After that the caller gets kCommandTimeout: longer, so that it follows an expiry.
  };
  using Done = std::function<void(CommandResult)>;

  /// Throws std::runtime_error when there can be no producer. `progress` and `watch` (which watches the replies) must
  /// outlive this.
  Dispatcher(Options options, Progress& progress, kafka::TopicWatch& watch);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// Sends a command; `done` is called exactly once, on any thread, and must not block. The envelope's attempt_id, type
  /// and not_after are set here.
  void send(schema::CommandEnvelope envelope, const Command& command, Done done);

  /// An event of the log, each in the order of its partition: where it is the answer of a command that is waited for,
  /// that is answered. Cheap for every other. On one thread; must not be called after the destructor began.
  void event(const kafka::Message& event);

  /// Not ready while replies cannot be seen. Commands are refused as unavailable meanwhile.
  health::Verdict verdict() const;
  /// False once the producer is beyond recovery: the process must start again.
  bool can_send() const;
  std::size_t waiting() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace parley::api
