#pragma once
// Dialogs on the wire: their events. Names and fields are never edited after release: a changed event is a new
// type (.v2) with an upcaster.
#include "domain/dialogs/dialogs.h"
#include "schemas/contexts/words.h"
#include "schemas/fields.h"

namespace parley::schema {

template <>
inline constexpr std::array names<dialogs::Platform>{
    std::pair{dialogs::Platform::website, std::string_view("website")}};
template <>
inline constexpr std::array names<dialogs::Sender>{
    std::pair{dialogs::Sender::user, std::string_view("user")},
    std::pair{dialogs::Sender::assistant, std::string_view("assistant")},
    std::pair{dialogs::Sender::operator_, std::string_view("operator")},
};
template <>
inline constexpr std::array names<dialogs::Status>{
    std::pair{dialogs::Status::active, std::string_view("active")},
    std::pair{dialogs::Status::archived, std::string_view("archived")},
};

// Events.

template <>
inline constexpr auto wire<dialogs::Opened> = event_type<dialogs::Opened>(
    "parley.dialog.opened.v1", "A visitor opened a dialog with an assistant",
    [](const auto& e, const auto& t) {
      return "visitor" + named(e.first_name, t) + " opens the dialog (" + std::string(name_of(e.platform)) +
             ", assistant " + std::to_string(e.assistant.value) + ")";
    },
    field("assistant_id", &dialogs::Opened::assistant), field("owner_id", &dialogs::Opened::owner),
    field("platform", &dialogs::Opened::platform), field("first_name", &dialogs::Opened::first_name));
template <>
inline constexpr auto wire<dialogs::MessageCreated> = event_type<dialogs::MessageCreated>(
    "parley.dialog.message_created.v1", "A message was sent in a dialog",
    [](const auto& e, const auto& t) {
      const bool is_visitor = e.sender == dialogs::Sender::user;
      return (is_visitor ? "visitor" : std::string(name_of(e.sender))) + named(e.operator_name, t) + ": " +
             told(e.text, t);
    },
    field("message_id", &dialogs::MessageCreated::message), field("sender", &dialogs::MessageCreated::sender),
    field("text", &dialogs::MessageCreated::text), field("operator_name", &dialogs::MessageCreated::operator_name));
template <>
inline constexpr auto wire<dialogs::Archived> =
    event_type<dialogs::Archived>("parley.dialog.archived.v1", "A dialog was archived",
                                  [](const auto&, const auto& t) { return by(t) + " archives the dialog"; });
template <>
inline constexpr auto wire<dialogs::Unarchived> = event_type<dialogs::Unarchived>(
    "parley.dialog.unarchived.v1",
    "A dialog was unarchived: by a request, or because its visitor sent a message (this event then follows that "
    "message)",
    [](const auto&, const auto& t) { return "the dialog is active again, through " + by(t); });

// Commands.

template <>
inline constexpr auto wire<dialogs::Open> =
    named_type("parley.dialog.open.v1", field("owner_id", &dialogs::Open::owner),
               field("platform", &dialogs::Open::platform), field("first_name", &dialogs::Open::first_name));
template <>
inline constexpr auto wire<dialogs::PostVisitorMessage> =
    named_type("parley.dialog.post_visitor_message.v1", field("text", &dialogs::PostVisitorMessage::text));
template <>
inline constexpr auto wire<dialogs::PostOperatorMessage> =
    named_type("parley.dialog.post_operator_message.v1", field("text", &dialogs::PostOperatorMessage::text),
               field("operator_name", &dialogs::PostOperatorMessage::operator_name));
template <>
inline constexpr auto wire<dialogs::Archive> = named_type("parley.dialog.archive.v1");
template <>
inline constexpr auto wire<dialogs::Unarchive> = named_type("parley.dialog.unarchive.v1");

}  // namespace parley::schema
