#pragma once
// given(events).when(command): a decision on the fold of the events.
#include <gtest/gtest.h>

#include <concepts>

#include "domain/model.h"

namespace parley {

inline constexpr std::string_view kCommandId = "c1";
inline constexpr Timestamp kNow{std::chrono::milliseconds{1'763'720'220'123}};

template <class StateOf, class EventOf>
struct Given {
  StateOf state;
  std::int64_t stream_id = 5 * kSlots + 7;
  Principal principal = Anonymous{};
  bool key_is_taken = false;

  Given by(Principal who) const { return {state, stream_id, who, key_is_taken}; }
  /// Another stream owns the key that the command wants.
  Given taken() const { return {state, stream_id, principal, true}; }
  template <class CommandOf>
  auto when(CommandOf command) const {
    IdSource ids{slot_of(stream_id), 41};
    Context context{principal, kNow, stream_id, ids, kCommandId, key_is_taken};
    return decide(state, {std::move(command)}, context);
  }
};
template <class StateOf, class EventOf>
Given<StateOf, EventOf> given_events(std::initializer_list<EventOf> events) {
  StateOf state;
  Occurred when{kNow, 0};
  for (const auto& event : events) {
    ++when.version;
    if constexpr (requires {
                    { evolve(state, event, when) } -> std::same_as<StateOf>;
                  }) {
      state = evolve(state, event, when);
    } else {
      state = evolve(state, event);
    }
  }
  return {state};
}

}  // namespace parley
