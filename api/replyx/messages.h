#pragma once
// A message as this surface shows it, the same in answers and in event streams; and what both sides of a dialog share.
#include <optional>
#include <string>
#include <vector>

#include "api/endpoint/parameters.h"
#include "api/endpoint/registry.h"
#include "domain/dialogs/dialogs.h"
#include "projections/queries.h"
#include "schemas/events.h"

namespace parley::replyx {

struct Message {
  MessageId id;
  std::string sender;
  Personal text;
  std::optional<Personal> operator_name;
  Timestamp created_at;
};
struct PostedMessage {
  MessageId id;
  DialogId dialog_id;
  std::string sender;
  Personal text;
  std::optional<Personal> operator_name;
  Timestamp created_at;
};
struct Messages {
  std::vector<Message> messages;
  bool has_more = false;
  std::int64_t version = 0;
};

/// `dialog.message.created` of an event stream.
struct MessageCreatedEvent {
  std::string type = "dialog.message.created";
  DialogId dialog_id;
  Message message;
  Timestamp timestamp;
};

struct DialogPath {
  DialogId dialog_id;
};
/// Messages that one answer holds at most.
inline constexpr std::int64_t kMessagesMax = 1'000;
struct MessagesQuery {
  DialogId dialog_id;
  std::int64_t limit = kMessagesMax;
  std::optional<std::int64_t> after;
};

Message to_message(projections::MessageRow row);
/// The part of a dialog's messages that was asked for. `after` and `limit` are as MessagesQuery has them, `rows` all messages there are.
Messages page_of(std::vector<projections::MessageRow> rows, std::int64_t limit, std::optional<std::int64_t> after);
/// A message in an event stream (api::MessageFormat). Thread-safe.
std::string message_created_json(DialogId dialog, Timestamp time, const dialogs::MessageCreated& created);

PostedMessage posted_message(const dialogs::MessagePosted& answer, const endpoint::Decided& decided);
/// Without `after` the latest ones, otherwise those above that version; `missing` when the caller may not know of the dialog.
endpoint::Result<Messages> read_messages(const endpoint::Call<MessagesQuery>& call, postgres::Lease& db, const endpoint::Deps& deps, Code missing);

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr auto fields<replyx::Message> = std::tuple{
    field("id", &replyx::Message::id),
    field("sender", &replyx::Message::sender, {}, "user, assistant or operator"),
    field("text", &replyx::Message::text),
    field("operator_name", &replyx::Message::operator_name),
    field("created_at", &replyx::Message::created_at),
};
template <>
inline constexpr auto fields<replyx::PostedMessage> = std::tuple{
    field("id", &replyx::PostedMessage::id),
    field("dialog_id", &replyx::PostedMessage::dialog_id),
    field("sender", &replyx::PostedMessage::sender, {}, "user, assistant or operator"),
    field("text", &replyx::PostedMessage::text),
    field("operator_name", &replyx::PostedMessage::operator_name),
    field("created_at", &replyx::PostedMessage::created_at),
};
template <>
inline constexpr auto fields<replyx::Messages> = std::tuple{
    field("messages", &replyx::Messages::messages, {}, "In their order"),
    field("has_more", &replyx::Messages::has_more, {}, "There are more: older ones, or, where `after` was given, newer ones"),
    field(
        "version", &replyx::Messages::version, {},
        "The dialog's version up to which the messages were read: the next `after`, and the last_event_id of an event stream that goes on from here"),
};
template <>
inline constexpr auto fields<replyx::MessageCreatedEvent> = std::tuple{
    field("type", &replyx::MessageCreatedEvent::type),
    field("dialog_id", &replyx::MessageCreatedEvent::dialog_id),
    field("message", &replyx::MessageCreatedEvent::message),
    field("timestamp", &replyx::MessageCreatedEvent::timestamp),
};
template <>
inline constexpr std::string_view example<replyx::PostedMessage> =
    R"({"id":3,"dialog_id":1,"sender":"operator","text":"Сообщение от оператора","operator_name":"Анна","created_at":"2025-09-01T10:05:00Z"})";
template <>
inline constexpr std::string_view example<replyx::Messages> =
    R"({"messages":[{"id":1,"sender":"user","text":"Привет!","created_at":"2025-09-01T10:00:00Z"},{"id":2,"sender":"assistant",
    "text":"Привет! Как дела?","created_at":"2025-09-01T10:01:00Z"},{"id":3,"sender":"operator","text":"Оператор Анна подключилась к диалогу",
    "operator_name":"Анна","created_at":"2025-09-01T10:05:00Z"}],"has_more":false,"version":4})";

}  // namespace parley::schema

namespace parley::endpoint {

template <>
inline constexpr auto parameters<replyx::DialogPath> = std::tuple{path("dialog_id", &replyx::DialogPath::dialog_id)};
template <>
inline constexpr auto parameters<replyx::MessagesQuery> = std::tuple{
    path("dialog_id", &replyx::MessagesQuery::dialog_id),
    query("limit", &replyx::MessagesQuery::limit, {.min = 1, .max = replyx::kMessagesMax},
          "At most so many: the latest ones unless `after` is given"),
    query("after", &replyx::MessagesQuery::after, {.min = 0, .max = kIdMax}, "A version of the dialog: only messages above it, the oldest first"),
};

}  // namespace parley::endpoint
