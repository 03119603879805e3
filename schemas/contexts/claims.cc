#include "schemas/contexts/claims.h"

#include "schemas/context_tables.h"
#include "schemas/contexts/words.h"

namespace parley::schema {

// States, as deciders keep them. They may change freely with the context's fold version.

template <>
inline constexpr auto wire<claims::Free> = named_type("claim.free");
template <>
inline constexpr auto wire<claims::Held> = named_type(
    "claim.held", field("process_id", &claims::Held::process_id), field("holder", &claims::Held::holder),
    field("holder_version", &claims::Held::holder_version), field("is_confirmed", &claims::Held::is_confirmed));

// Commands.

template <>
inline constexpr auto wire<claims::Reserve> =
    named_type("parley.claim.reserve.v1", field("index", &claims::Reserve::index), field("key", &claims::Reserve::key),
               field("process_id", &claims::Reserve::process_id), field("holder_id", &claims::Reserve::holder),
               field("holder_version", &claims::Reserve::holder_version));
template <>
inline constexpr auto wire<claims::Confirm> =
    named_type("parley.claim.confirm.v1", field("process_id", &claims::Confirm::process_id));
template <>
inline constexpr auto wire<claims::Release> =
    named_type("parley.claim.release.v1", field("index", &claims::Release::index), field("key", &claims::Release::key),
               field("process_id", &claims::Release::process_id));

// Answers.

template <>
inline constexpr auto wire<claims::Noted> = named_type("claim.noted");

namespace {

/// What each event tells.
struct Words {
  std::string operator()(const claims::Reserved& e, const Telling&) const {
    return e.index + " is reserved for " + std::to_string(e.holder);
  }
  std::string operator()(const claims::Refused& e, const Telling&) const {
    return e.index + " is not reserved for " + std::to_string(e.holder) + ": another stream has it";
  }
  std::string operator()(const claims::Confirmed&, const Telling&) const { return "what was reserved is used"; }
  std::string operator()(const claims::Released& e, const Telling&) const { return e.index + " is released"; }
};

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<claims::Event, Words>(out);
  add_states<claims::State>(out);
  add_commands<claims::Command>(out);
  add_answers<claims::Answer>(out);
  return out;
}

}  // namespace

extern constinit const ContextSchema claims_schema = made();

}  // namespace parley::schema
