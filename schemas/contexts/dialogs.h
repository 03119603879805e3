#pragma once
// Dialogs on the wire: their events. Names and fields are never edited after release: a changed event is a new
// type (.v2) with an upcaster.
#include "domain/dialogs/dialogs.h"
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
inline constexpr auto wire<dialogs::Opened> =
    event_type("parley.dialog.opened.v1", "A visitor has opened a dialog with an assistant",
               field("assistant_id", &dialogs::Opened::assistant), field("owner_id", &dialogs::Opened::owner),
               field("platform", &dialogs::Opened::platform), field("first_name", &dialogs::Opened::first_name));
template <>
inline constexpr auto wire<dialogs::MessageCreated> = event_type(
    "parley.dialog.message_created.v1", "A message was sent in a dialog",
    field("message_id", &dialogs::MessageCreated::message), field("sender", &dialogs::MessageCreated::sender),
    field("text", &dialogs::MessageCreated::text), field("operator_name", &dialogs::MessageCreated::operator_name));
template <>
inline constexpr auto wire<dialogs::Archived> = event_type("parley.dialog.archived.v1", "A dialog was archived");
template <>
inline constexpr auto wire<dialogs::Unarchived> =
    event_type("parley.dialog.unarchived.v1",
               "An archived dialog is active again: it was unarchived, or its visitor has sent a message (then it "
               "follows that message)");

}  // namespace parley::schema
