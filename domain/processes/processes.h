#pragma once
// What goes on in another slot after an event: every step of every process is here.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/model.h"

namespace parley::processes {

/// A command that an event asks for, by a Reactor.
struct FollowUpCommand {
  std::variant<Stream, UniqueKey> target;
  Command command;
};

/// Of the event with that version of the stream. In their order, which is part of their names. None for most events.
/// Pure, and the same for ever: what it says is sent again whenever that is not known to have happened, and the
/// receivers make it happen once.
std::vector<FollowUpCommand> follow_ups(const Stream& stream, std::int64_t version, const Event& event);

/// The text of which a follow-up's command id is made: the same one again for the same step of the same event.
std::string follow_up_name(std::string_view event_id, std::size_t step);

}  // namespace parley::processes
