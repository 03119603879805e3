#include "schemas/contexts/parking.h"

#include "schemas/context_tables.h"

namespace parley::schema {

// Answers.

template <>
inline constexpr auto wire<parking::StreamUnparked> =
    named_type("stream.unparked", field("action", &parking::StreamUnparked::action));

namespace {

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<parking::Event>(out);
  add_commands<parking::Command>(out);
  add_answers<parking::Answer>(out);
  return out;
}

}  // namespace

extern constinit const ContextSchema parking_schema = made();

}  // namespace parley::schema
