#pragma once
// A message as this surface shows it, the same in answers and in event streams; and what both sides of a dialog share.
#include <optional>
#include <string>
#include <vector>

#include "api/endpoint/parameters.h"
#include "api/endpoint/registry.h"
#include "domain/dialogs/dialogs.h"
#include "projections/queries.h"
#include "schemas/contexts/dialogs.h"
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
  std::int64_t first_version = 0;
};

struct DialogPath {
  DialogId dialog_id;
};
/// Messages that one answer holds at most.
inline constexpr std::int64_t kMessagesMax = 1'000;
inline constexpr endpoint::PageBounds kMessagesPage{.rows_max = kMessagesMax, .bytes_max = projections::kPageBytesMax};
struct MessagesQuery {
  DialogId dialog_id;
  std::int64_t limit = kMessagesMax;
  std::optional<std::int64_t> after;
  std::optional<std::int64_t> before;
};
inline constexpr std::string_view kBeforeDescription =
    "A version of the dialog: the response has the latest messages before it. Send the `first_version` of a response "
    "to get the page before it";

Message to_message(projections::MessageRow row);
/// The part of a dialog's messages that was asked for, within kMessagesPage. `limit`, `after` and `before` are as
/// MessagesQuery has them, `rows` all messages there are.
Messages page_of(std::vector<projections::MessageRow> rows, std::int64_t limit, std::optional<std::int64_t> after,
                 std::optional<std::int64_t> before = {});
PostedMessage posted_message(const dialogs::MessagePosted& answer, const endpoint::Decided& decided);
/// Without `after` the latest ones (below `before`), otherwise those above that version; `missing` when the caller may
/// not know of the dialog.
endpoint::Result<Messages> read_messages(const endpoint::Call<MessagesQuery>& call, postgres::Lease& db, Code missing);

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
    field("messages", &replyx::Messages::messages, {.length_max = replyx::kMessagesMax}, "In their order"),
    field("has_more", &replyx::Messages::has_more, {},
          "true when there are more messages: older ones, or newer ones when `after` was given. A response may have "
          "fewer messages than `limit` when they are long"),
    field("version", &replyx::Messages::version, {},
          "The dialog's version up to which the API has read the messages. Send it as the next `after`, or as the "
          "last_event_id of an event stream that continues from here"),
    field("first_version", &replyx::Messages::first_version, {},
          "The dialog's version at the first message of the response. Send it as the next `before`; 0 when there is no "
          "message"),
};
template <>
inline constexpr std::string_view example<replyx::PostedMessage> =
    R"({"id":3,"dialog_id":1,"sender":"operator","text":"Сообщение от оператора","operator_name":"Анна","created_at":"2025-09-01T10:05:00Z"})";
template <>
inline constexpr std::string_view example<replyx::Messages> =
    R"({"messages":[{"id":1,"sender":"user","text":"Привет!","created_at":"2025-09-01T10:00:00Z"},{"id":2,"sender":"assistant",
    "text":"Привет! Как дела?","created_at":"2025-09-01T10:01:00Z"},{"id":3,"sender":"operator","text":"Оператор Анна подключилась к диалогу",
    "operator_name":"Анна","created_at":"2025-09-01T10:05:00Z"}],"has_more":false,"version":4,"first_version":2})";

}  // namespace parley::schema

namespace parley::endpoint {

template <>
inline constexpr auto parameters<replyx::DialogPath> = std::tuple{path("dialog_id", &replyx::DialogPath::dialog_id)};
template <>
inline constexpr auto parameters<replyx::MessagesQuery> = std::tuple{
    path("dialog_id", &replyx::MessagesQuery::dialog_id),
    query("limit", &replyx::MessagesQuery::limit, {.min = 1, .max = replyx::kMessagesMax},
          "The largest number of messages in the response: the latest ones, unless `after` is given"),
    query("after", &replyx::MessagesQuery::after, {.min = 0, .max = kIdMax},
          "A version of the dialog: the response has later messages only, the oldest first"),
    query("before", &replyx::MessagesQuery::before, {.min = 1, .max = kIdMax}, replyx::kBeforeDescription),
};

}  // namespace parley::endpoint
