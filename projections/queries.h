#pragma once
// What is asked of the read models. Each query takes a Reader (a Lease, or a Snapshot where several must agree) and blocks. Who may see a
// row is part of its WHERE clause: what one may not see is not there. Statements are served by the indexes of 0001_read_models.sql.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/kernel.h"
#include "domain/model.h"
#include "platform/postgres/pool.h"
#include "schemas/moment.h"

namespace parley::projections {

/// Rows that one answer holds at most, whatever is asked.
inline constexpr int kRowsMax = 10'000;

struct AccountRow {
  AccountId id;
  std::int64_t version = 0;
  Personal email;
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  Kopecks balance;
  Kopecks welcome_bonus;
  std::optional<Timestamp> last_login_at;
  Timestamp created_at;
};
/// Nothing when there is no such account (yet).
postgres::Result<std::optional<AccountRow>> account(postgres::Reader& reader, AccountId id);

struct AssistantRow {
  AssistantId id;
  std::int64_t version = 0;
  AccountId owner;
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> system_prompt;
  std::string ai_model;
  bool is_active = true;
  std::string site_token;
  std::optional<Sealed> telegram_bot_token;
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
  std::optional<Timestamp> deleted_at;
  Timestamp created_at;
};
/// Nothing when there is no such assistant (any more), or it is somebody else's.
postgres::Result<std::optional<AssistantRow>> assistant(postgres::Reader& reader, AccountId owner, AssistantId id);
/// The owner's assistants without deleted ones, oldest first, at most kRowsMax.
postgres::Result<std::vector<AssistantRow>> assistants_of(postgres::Reader& reader, AccountId owner);

struct DialogRow {
  DialogId id;
  std::int64_t version = 0;
  AccountId owner;
  AssistantId assistant;
  std::optional<std::string> assistant_name;  ///< Absent until the assistant's own stream is projected.
  std::string platform;
  std::string status;
  std::string handoff_status;
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  std::optional<std::string> telegram_chat_id;
  std::optional<Personal> telegram_username;
  std::int64_t message_count = 0;
  std::optional<Personal> last_message;
  std::optional<Timestamp> last_message_time;
  Timestamp created_at;
};
struct DialogFilter {
  std::optional<std::string> status = {};
  std::optional<std::string> handoff_status = {};
  std::optional<std::string> platform = {};
  int limit = 50;  ///< 0..kRowsMax; the surface has its own, smaller limit.
  std::int64_t offset = 0;
};
struct DialogPage {
  std::vector<DialogRow> dialogs;
  std::int64_t total = 0;  ///< That pass the filter, on all pages.
  bool has_more = false;
};
/// The owner's dialogs, the one with the latest activity first. One statement, so page and total agree.
postgres::Result<DialogPage> dialogs_of(postgres::Reader& reader, AccountId owner, const DialogFilter& filter);
/// Nothing when there is no such dialog, or when `viewer` may not know of it: an Owner sees its own, a Visitor those of the site's
/// assistant (the guest's secret is the API's to check), anybody else none.
postgres::Result<std::optional<DialogRow>> dialog(postgres::Reader& reader, const Principal& viewer, DialogId id);

struct MessageRow {
  MessageId id;
  std::int64_t version = 0;  ///< The dialog's version: ce_sequence of the event, and an SSE id.
  std::string sender;
  Personal text;
  std::optional<Personal> operator_name;
  Timestamp created_at;
};
/// The dialog's latest `limit` messages, in their order. Nothing when the viewer may not know of the dialog.
postgres::Result<std::optional<std::vector<MessageRow>>> messages(postgres::Reader& reader, const Principal& viewer, DialogId id,
                                                                  int limit = kRowsMax);

/// A dialog's past for a stream that resumes: everything in it belongs to one state of the database.
struct StreamHistory {
  std::vector<MessageRow> messages;  ///< Versions above the one asked for, in order, at most `limit`.
  bool has_more = false;             ///< `limit` cut it: ask again after the last version here.
  std::int64_t version = 0;          ///< The dialog's version; those without a message here are events that a stream does not show.
  std::int64_t checkpoint = 0;       ///< The partition's: events below this offset are reflected, those from it on are not.
  /// Of a parked dialog: where it stopped. Its own events from this offset on are not reflected, wherever the checkpoint is.
  std::optional<std::int64_t> parked_at = {};
};
/// Nothing when the viewer may not know of the dialog — or when its opening is not projected yet. `partition` is the dialog's.
postgres::Result<std::optional<StreamHistory>> dialog_history(postgres::Lease& lease, const Principal& viewer, DialogId id,
                                                              std::int64_t after_version, std::int32_t partition, int limit = 1'000);

/// Where a dialog is parked of which nothing is reflected, its opening being what could not be applied. Nothing: it is not.
postgres::Result<std::optional<std::int64_t>> opening_parked_at(postgres::Reader& reader, DialogId id);

struct EventRow {
  std::int64_t version = 0;
  std::string event_id;
  std::string type;
  std::string cause;
  std::string correlation;
  std::string actor;
  Timestamp at;
  std::string hash;  ///< 64 hexadecimal digits
  std::int32_t partition = 0;
  std::int64_t position = 0;
};
/// The events of a dialog above a version, in order: what happened, without their data. Nothing when the viewer may not know of it.
postgres::Result<std::optional<std::vector<EventRow>>> dialog_events(postgres::Reader& reader, const Principal& viewer, DialogId id,
                                                                     std::int64_t after_version = 0, int limit = 1'000);
/// The same of any stream, for whoever knows that their caller may see it.
postgres::Result<std::vector<EventRow>> stream_events(postgres::Reader& reader, const Stream& stream, std::int64_t after_version, int limit);
/// The version that the stream had at the moment, as far as the index goes; 0 before its first event.
postgres::Result<std::int64_t> version_at(postgres::Reader& reader, const Stream& stream, const schema::Moment& moment);

}  // namespace parley::projections
