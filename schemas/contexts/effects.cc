#include "schemas/contexts/effects.h"

#include "schemas/context_tables.h"

namespace parley::schema {

// States, as deciders keep them. They may change freely with the context's fold version.

template <>
inline constexpr auto wire<effects::Untouched> = named_type("effects.untouched");
template <>
inline constexpr auto wire<effects::On> = named_type("effects.on", field("log", &effects::On::log));

// Answers.

template <>
inline constexpr auto wire<effects::AreOn> = named_type("effects.are_on", field("were_on", &effects::AreOn::were_on));

namespace {

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<effects::Event>(out);
  add_states<effects::State>(out);
  add_commands<effects::Command>(out);
  add_answers<effects::Answer>(out);
  return out;
}

}  // namespace

extern constinit const ContextSchema effects_schema = made();

}  // namespace parley::schema
