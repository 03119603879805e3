#include "api/surfaces/replyx/event_views.h"

#include "api/surfaces/replyx/messages.h"
#include "domain/dialogs/dialogs.h"
#include "schemas/contexts/dialogs.h"

namespace parley::replyx {

/// `dialog.message.created` of an event stream.
struct MessageCreatedEvent {
  std::string type = "dialog.message.created";
  DialogId dialog_id;
  Message message;
  Timestamp timestamp;
};

/// `dialog.created` of a feed.
struct CreatedDialog {
  DialogId id;
  AssistantId assistant_id;
  std::string platform;
  schema::Nullable<Personal> first_name;
  std::string status;
  Timestamp created_at;
};
struct DialogCreatedEvent {
  std::string type = "dialog.created";
  DialogId dialog_id;
  CreatedDialog dialog;
  Timestamp timestamp;
};
/// `dialog.archived` or `dialog.unarchived` of a feed.
struct DialogChangedEvent {
  std::string type;
  DialogId dialog_id;
  Timestamp timestamp;
};

/// `operator.typing` or `visitor.typing`.
struct TypingEvent {
  std::string type;
  DialogId dialog_id;
  std::optional<Personal> operator_name;
  Timestamp timestamp;
};

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr auto fields<replyx::MessageCreatedEvent> = std::tuple{
    field("type", &replyx::MessageCreatedEvent::type),
    field("dialog_id", &replyx::MessageCreatedEvent::dialog_id),
    field("message", &replyx::MessageCreatedEvent::message),
    field("timestamp", &replyx::MessageCreatedEvent::timestamp),
};
template <>
inline constexpr auto fields<replyx::CreatedDialog> = std::tuple{
    field("id", &replyx::CreatedDialog::id),
    field("assistant_id", &replyx::CreatedDialog::assistant_id),
    field("platform", &replyx::CreatedDialog::platform),
    field("first_name", &replyx::CreatedDialog::first_name),
    field("status", &replyx::CreatedDialog::status),
    field("created_at", &replyx::CreatedDialog::created_at),
};
template <>
inline constexpr auto fields<replyx::DialogCreatedEvent> = std::tuple{
    field("type", &replyx::DialogCreatedEvent::type),
    field("dialog_id", &replyx::DialogCreatedEvent::dialog_id),
    field("dialog", &replyx::DialogCreatedEvent::dialog),
    field("timestamp", &replyx::DialogCreatedEvent::timestamp),
};
template <>
inline constexpr auto fields<replyx::DialogChangedEvent> = std::tuple{
    field("type", &replyx::DialogChangedEvent::type),
    field("dialog_id", &replyx::DialogChangedEvent::dialog_id),
    field("timestamp", &replyx::DialogChangedEvent::timestamp),
};
template <>
inline constexpr auto fields<replyx::TypingEvent> = std::tuple{
    field("type", &replyx::TypingEvent::type),
    field("dialog_id", &replyx::TypingEvent::dialog_id),
    field("operator_name", &replyx::TypingEvent::operator_name),
    field("timestamp", &replyx::TypingEvent::timestamp),
};

}  // namespace parley::schema

namespace parley::replyx {
namespace {

using api::EventRecord;
using api::Viewer;
using Shown = api::EventViews::Shown;

std::string name_of(auto value) { return std::string(schema::name_of(value)); }

Shown message_created(const dialogs::MessageCreated& created, const EventRecord& record, Viewer) {
  return schema::write(MessageCreatedEvent{
      .dialog_id = {record.stream.id},
      .message = {created.message, name_of(created.sender), created.text, created.operator_name, record.at},
      .timestamp = record.at,
  });
}

// On a dialog's own stream a client that follows it learns nothing from these.

Shown dialog_created(const dialogs::Opened& opened, const EventRecord& record, Viewer viewer) {
  if (viewer != Viewer::feed) return std::nullopt;
  const DialogId dialog{record.stream.id};
  return schema::write(DialogCreatedEvent{.dialog_id = dialog,
                                          .dialog = {dialog, opened.assistant, name_of(opened.platform),
                                                     opened.first_name, name_of(dialogs::Status::active), record.at},
                                          .timestamp = record.at});
}

Shown dialog_changed(std::string type, const EventRecord& record, Viewer viewer) {
  if (viewer != Viewer::feed) return std::nullopt;
  return schema::write(DialogChangedEvent{std::move(type), {record.stream.id}, record.at});
}
Shown dialog_archived(const dialogs::Archived&, const EventRecord& record, Viewer viewer) {
  return dialog_changed("dialog.archived", record, viewer);
}
Shown dialog_unarchived(const dialogs::Unarchived&, const EventRecord& record, Viewer viewer) {
  return dialog_changed("dialog.unarchived", record, viewer);
}

/// A visitor knows that they are typing.
Shown typing_shown(const schema::Typing& typing, Viewer viewer) {
  const bool is_visitor = typing.sender == dialogs::Sender::user;
  if (is_visitor && viewer == Viewer::visitor) return std::nullopt;
  return schema::write(
      TypingEvent{is_visitor ? "visitor.typing" : "operator.typing", typing.dialog, typing.operator_name, typing.at});
}

}  // namespace

api::EventViews event_views() {
  api::EventViews views;
  views.view<dialogs::MessageCreated>(message_created)
      .view<dialogs::Opened>(dialog_created)
      .view<dialogs::Archived>(dialog_archived)
      .view<dialogs::Unarchived>(dialog_unarchived)
      .typing(typing_shown);
  return views;
}

}  // namespace parley::replyx
