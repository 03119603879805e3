#pragma once
// What the read models say of a dialog: its row, and one for each of its messages.
#include <optional>
#include <string>

#include "projections/table.h"

namespace parley::projections {

struct DialogRow {
  DialogId id;
  std::int64_t version = 0;
  AccountId owner;
  AssistantId assistant;
  std::optional<std::string>
      assistant_name;  ///< Joined from the assistant's row; absent until the assistant's own stream is projected.
  std::string platform;
  std::string status = "active";
  std::string handoff_status = "none";
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  std::optional<std::string> telegram_chat_id;
  std::optional<Personal> telegram_username;
  std::int64_t message_count = 0;
  std::optional<Personal> last_message;
  std::optional<Timestamp> last_message_time;
  Timestamp last_activity_at;  ///< Of the last message, before the first one of the opening: what lists are ordered by.
  Timestamp created_at;
};
template <>
inline constexpr std::string_view table<DialogRow> = "dialogs";
template <>
inline constexpr auto columns<DialogRow> = std::tuple{
    column<&DialogRow::id>("id"),
    column<&DialogRow::version>("version"),
    column<&DialogRow::owner>("owner_id"),
    column<&DialogRow::assistant>("assistant_id"),
    column<&DialogRow::platform>("platform"),
    column<&DialogRow::status>("status"),
    column<&DialogRow::handoff_status>("handoff_status"),
    column<&DialogRow::first_name>("first_name"),
    column<&DialogRow::last_name>("last_name"),
    column<&DialogRow::telegram_chat_id>("telegram_chat_id"),
    column<&DialogRow::telegram_username>("telegram_username"),
    column<&DialogRow::message_count>("message_count"),
    column<&DialogRow::last_message>("last_message"),
    column<&DialogRow::last_message_time>("last_message_time"),
    column<&DialogRow::last_activity_at>("last_activity_at"),
    column<&DialogRow::created_at>("created_at"),
};

struct MessageRow {
  MessageId id;
  std::int64_t version = 0;  ///< The dialog's version: ce_sequence of the event, and an SSE id.
  std::string sender;
  Personal text;
  std::optional<Personal> operator_name;
  Timestamp created_at;
};
/// The table has the dialog and its owner beside these: for look-ups and for search.
template <>
inline constexpr std::string_view table<MessageRow> = "messages";
template <>
inline constexpr auto columns<MessageRow> = std::tuple{
    column<&MessageRow::id>("id"),
    column<&MessageRow::version>("version"),
    column<&MessageRow::sender>("sender"),
    column<&MessageRow::text>("text"),
    column<&MessageRow::operator_name>("operator_name"),
    column<&MessageRow::created_at>("created_at"),
};

}  // namespace parley::projections
