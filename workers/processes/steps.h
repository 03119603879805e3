#pragma once
// The follow-ups of an event as commands on the wire.
#include <string>
#include <vector>

#include "schemas/commands.h"
#include "schemas/envelope.h"

namespace parley::processes {

struct Step {
  schema::CommandEnvelope envelope;  ///< Without attempt_id and not_after, which are each sending's own.
  Command command;
};
/// The same ones for the same event, whoever asks and whenever.
std::vector<Step> steps_of(const schema::Envelope& envelope, const Event& event);
/// The ids of their commands.
std::vector<std::string> step_ids(const schema::Envelope& envelope, const Event& event);

}  // namespace parley::processes
