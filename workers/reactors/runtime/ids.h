#pragma once
// The ids that a reactor's commands and calls have. Part of the log's meaning: their making never changes.
#include <string>
#include <string_view>

#include "schemas/commands.h"

namespace parley::reactors {

enum class Step {
  attempt,  ///< The command that records the beginning of a call.
  outcome,  ///< The command that records its outcome.
  call,     ///< The idempotency key for the outside.
};

/// Of the call that the event asks the reactor for.
std::string id_of(std::string_view reactor, std::string_view event_id, Step step);
/// Of the command of a timer that the event has set.
std::string timer_id(std::string_view reactor, std::string_view event_id, std::string_view timer);

/// A reactor's command to a stream, without attempt_id and not_after, which are each sending's own.
schema::CommandEnvelope command_to(const Stream& stream, std::string command_id, std::string correlation);

}  // namespace parley::reactors
