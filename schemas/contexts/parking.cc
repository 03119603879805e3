#include "schemas/contexts/parking.h"

#include "schemas/context_tables.h"
#include "schemas/contexts/words.h"

namespace parley::schema {

// Commands.

template <>
inline constexpr auto fields<parking::SentCommand::Header> = std::tuple{
    field("name", &parking::SentCommand::Header::name), field("value", &parking::SentCommand::Header::value)};
template <>
inline constexpr auto fields<parking::SentCommand> =
    std::tuple{field("key", &parking::SentCommand::key), field("headers", &parking::SentCommand::headers),
               field("value", &parking::SentCommand::value)};
template <>
inline constexpr auto wire<parking::Retry> = named_type(
    "parley.stream.retry.v1", field("reason", &parking::Retry::reason), field("command", &parking::Retry::command),
    field("projection", &parking::Retry::projection), field("version", &parking::Retry::version));
template <>
inline constexpr auto wire<parking::Skip> =
    named_type("parley.stream.skip.v1", field("reason", &parking::Skip::reason),
               field("projection", &parking::Skip::projection), field("version", &parking::Skip::version));

// Answers.

template <>
inline constexpr auto wire<parking::StreamUnparked> =
    named_type("stream.unparked", field("action", &parking::StreamUnparked::action));

namespace {

/// What each event tells.
struct Words {
  std::string operator()(const parking::Parked& e, const Telling&) const { return "the stream is parked: " + e.reason; }
  std::string operator()(const parking::Unparked& e, const Telling&) const {
    return "the stream goes on (" + std::string(name_of(e.action)) + ")" + (e.reason.empty() ? "" : ": " + e.reason);
  }
};

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<parking::Event, Words>(out);
  add_commands<parking::Command>(out);
  add_answers<parking::Answer>(out);
  return out;
}

}  // namespace

extern constinit const ContextSchema parking_schema = made();

}  // namespace parley::schema
