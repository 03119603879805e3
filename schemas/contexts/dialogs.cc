#include "schemas/contexts/dialogs.h"

#include "schemas/context_tables.h"
#include "schemas/contexts/words.h"

namespace parley::schema {

// States, as deciders keep them. They may change freely with the context's fold version.

template <>
inline constexpr auto wire<dialogs::NoDialog> = named_type("dialog.none");
template <>
inline constexpr auto wire<dialogs::Dialog> =
    named_type("dialog", field("assistant", &dialogs::Dialog::assistant), field("owner", &dialogs::Dialog::owner),
               field("status", &dialogs::Dialog::status));

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

// Answers.

template <>
inline constexpr auto wire<dialogs::DialogOpened> =
    named_type("dialog.opened", field("dialog_id", &dialogs::DialogOpened::dialog),
               field("opened", &dialogs::DialogOpened::opened));
template <>
inline constexpr auto wire<dialogs::MessagePosted> =
    named_type("dialog.message_posted", field("dialog_id", &dialogs::MessagePosted::dialog),
               field("message", &dialogs::MessagePosted::message));
template <>
inline constexpr auto wire<dialogs::DialogIs> = named_type("dialog.is", field("dialog_id", &dialogs::DialogIs::dialog),
                                                           field("status", &dialogs::DialogIs::status));

namespace {

/// What each event tells.
struct Words {
  std::string operator()(const dialogs::Opened& e, const Telling& t) const {
    return "visitor" + named(e.first_name, t) + " opens the dialog (" + std::string(name_of(e.platform)) +
           ", assistant " + std::to_string(e.assistant.value) + ")";
  }
  std::string operator()(const dialogs::MessageCreated& e, const Telling& t) const {
    const bool is_visitor = e.sender == dialogs::Sender::user;
    return (is_visitor ? "visitor" : std::string(name_of(e.sender))) + named(e.operator_name, t) + ": " +
           told(e.text, t);
  }
  std::string operator()(const dialogs::Archived&, const Telling& t) const { return by(t) + " archives the dialog"; }
  std::string operator()(const dialogs::Unarchived&, const Telling& t) const {
    return "the dialog is active again, through " + by(t);
  }
};

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<dialogs::Event, Words>(out);
  add_states<dialogs::State>(out);
  add_commands<dialogs::Command>(out);
  add_answers<dialogs::Answer>(out);
  return out;
}

}  // namespace

extern constinit const ContextSchema dialogs_schema = made();

}  // namespace parley::schema
