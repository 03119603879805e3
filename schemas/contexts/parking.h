#pragma once
// Parking on the wire: its events, which stand in streams of every kind. Names and fields are never edited after
// release: a changed event is a new type (.v2) with an upcaster.
#include "domain/parking/parking.h"
#include "schemas/contexts/words.h"
#include "schemas/fields.h"

namespace parley::schema {

template <>
inline constexpr std::array names<parking::Action>{std::pair{parking::Action::retry, std::string_view("retry")},
                                                   std::pair{parking::Action::skip, std::string_view("skip")}};

// Events.

template <>
inline constexpr auto wire<parking::Parked> = event_type<parking::Parked>(
    "parley.stream.parked.v1",
    "A stream was parked, because a decider failed to decide a command. The stream refuses commands from now on",
    [](const auto& e, const auto&) { return "the stream is parked: " + e.reason; },
    field("command_id", &parking::Parked::command_id, {}, "The id of the command that the decider failed to decide"),
    field("command_offset", &parking::Parked::command_offset, {},
          "The command's offset in parley.commands, in the partition with the same number as the event's"),
    field("fingerprint", &parking::Parked::fingerprint, {},
          "The command's fingerprint: HMAC of its sender and content"),
    field("reason", &parking::Parked::reason));
template <>
inline constexpr auto wire<parking::Unparked> = event_type<parking::Unparked>(
    "parley.stream.unparked.v1",
    "A parked stream was unparked: an operator retried or skipped the command or event that parked it",
    [](const auto& e, const auto&) {
      return "the stream goes on (" + std::string(name_of(e.action)) + ")" + (e.reason.empty() ? "" : ": " + e.reason);
    },
    field("action", &parking::Unparked::action), field("reason", &parking::Unparked::reason),
    field("projection", &parking::Unparked::projection, {},
          "The projection that failed to apply the event of that version; absent: the decider parked the stream"),
    field("version", &parking::Unparked::version, {},
          "The version of the event that parked the stream; absent when a command did"));

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

}  // namespace parley::schema
