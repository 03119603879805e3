#pragma once
// Effects on the wire: their event. Names and fields are never edited after release: a changed event is a new type
// (.v2) with an upcaster.
#include "domain/effects/effects.h"
#include "schemas/contexts/words.h"
#include "schemas/fields.h"

namespace parley::schema {

// Events.

template <>
inline constexpr auto wire<effects::SwitchedOn> = event_type<effects::SwitchedOn>(
    "parley.effects.switched_on.v1",
    "An operator switched effects on in a partition that was restored from a backup: reactors act outside again, for "
    "what was restored too. In a log that was restored from a later backup the event has no effect",
    [](const auto& e, const auto&) { return "effects are switched on: " + e.reason; },
    field("log", &effects::SwitchedOn::log, {}, "The id of the topic parley.events in which effects are on"),
    field("reason", &effects::SwitchedOn::reason, {}, "The operator's reason"));

// Commands.

template <>
inline constexpr auto wire<effects::SwitchOn> = named_type(
    "parley.effects.switch_on.v1", field("log", &effects::SwitchOn::log), field("reason", &effects::SwitchOn::reason));

}  // namespace parley::schema
