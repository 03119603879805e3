#include "schemas/contexts/claims.h"

#include "schemas/context_tables.h"

namespace parley::schema {

// States, as deciders keep them. They may change freely with the context's fold version.

template <>
inline constexpr auto wire<claims::Free> = named_type("claim.free");
template <>
inline constexpr auto wire<claims::Held> = named_type(
    "claim.held", field("process_id", &claims::Held::process_id), field("holder", &claims::Held::holder),
    field("holder_version", &claims::Held::holder_version), field("is_confirmed", &claims::Held::is_confirmed));

// Answers.

template <>
inline constexpr auto wire<claims::Noted> = named_type("claim.noted");

namespace {

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<claims::Event>(out);
  add_states<claims::State>(out);
  add_commands<claims::Command>(out);
  add_answers<claims::Answer>(out);
  return out;
}

}  // namespace

extern constinit const ContextSchema claims_schema = made();

}  // namespace parley::schema
