#include "schemas/contexts/dialogs.h"

#include "schemas/context_tables.h"

namespace parley::schema {

// States, as deciders keep them. They may change freely with the context's fold version.

template <>
inline constexpr auto wire<dialogs::NoDialog> = named_type("dialog.none");
template <>
inline constexpr auto wire<dialogs::Dialog> =
    named_type("dialog", field("assistant", &dialogs::Dialog::assistant), field("owner", &dialogs::Dialog::owner),
               field("status", &dialogs::Dialog::status));

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

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<dialogs::Event>(out);
  add_states<dialogs::State>(out);
  add_commands<dialogs::Command>(out);
  add_answers<dialogs::Answer>(out);
  return out;
}

}  // namespace

extern constinit const ContextSchema dialogs_schema = made();

}  // namespace parley::schema
