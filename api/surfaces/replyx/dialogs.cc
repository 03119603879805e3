// /api/dialogs, for their owner and its team.
#include "schemas/contexts/dialogs.h"
#include "api/auth/tokens.h"
#include "api/directory/directory.h"
#include "api/endpoint/answer_of.h"
#include "api/endpoint/group.h"
#include "api/streams/log_token.h"
#include "api/surfaces/replyx/access_policies.h"
#include "api/surfaces/replyx/messages.h"
#include "api/surfaces/replyx/pages.h"
#include "api/surfaces/replyx/replyx.h"
#include "api/surfaces/replyx/texts.h"
#include "api/surfaces/replyx/time_travel.h"
#include "api/surfaces/replyx/values.h"

namespace parley::replyx {

enum class HandoffStatus { none, requested, active, released };
enum class DialogPlatform { telegram, website };

struct DialogsQuery {
  std::optional<dialogs::Status> status;
  std::optional<HandoffStatus> handoff_status;
  std::optional<DialogPlatform> platform;
  std::optional<AssistantId> assistant_id;
  std::optional<Search> q;
  std::int64_t limit = 50;
  std::int64_t offset = 0;
  std::optional<std::string> cursor;
};
struct ListedDialog {
  DialogId id;
  AssistantId assistant_id;
  std::string platform;
  schema::Nullable<std::string> telegram_chat_id;
  schema::Nullable<Personal> telegram_username;
  schema::Nullable<Personal> first_name;
  schema::Nullable<Personal> last_name;
  std::string status;
  std::string handoff_status;
  bool is_taken_over = false;
  schema::Nullable<Personal> last_message;
  schema::Nullable<Timestamp> last_message_time;
  Timestamp created_at;
};
struct DialogList {
  std::vector<ListedDialog> dialogs;
  std::int64_t total = 0;
  bool has_more = false;
  schema::Nullable<std::string> next_cursor;
};
struct DialogStatus {
  DialogId id;
  std::string status;
};
struct Dialog {
  DialogId id;
  AssistantId assistant_id;
  schema::Nullable<std::string> assistant_name;
  std::string platform;
  schema::Nullable<std::string> telegram_chat_id;
  schema::Nullable<Personal> telegram_username;
  schema::Nullable<Personal> first_name;
  schema::Nullable<Personal> last_name;
  std::string status;
  std::string handoff_status;
  schema::Nullable<std::string> handoff_reason;
  schema::Nullable<Timestamp> handoff_requested_at;
  bool is_taken_over = false;
  schema::Nullable<AccountId> taken_over_by;
  Timestamp created_at;
};
struct OperatorMessage {
  Text text;
  std::optional<Words> operator_name;
};

struct DialogQuery {
  DialogId dialog_id;
  std::optional<schema::PointInTime> at;
};
struct OwnerMessagesQuery {
  DialogId dialog_id;
  std::int64_t limit = kMessagesMax;
  std::optional<std::int64_t> after;
  std::optional<std::int64_t> before;
  std::optional<schema::PointInTime> at;
};

/// Characters of a cursor: what 1,024 partitions need.
inline constexpr std::size_t kCursorMax = 6'000;

/// Dialogs that one answer holds at most. Each shows one message, and names beside it, of at most six bytes a character
/// (as JSON).
inline constexpr std::int64_t kDialogsMax = 100;
inline constexpr std::int64_t kShownOfDialogMax = 6 * (kMessageMax + 4 * kPersonNameMax) + 2'000;
static_assert(kDialogsMax * kShownOfDialogMax <= projections::kPageBytesMax);

inline constexpr std::string_view kAtDescription =
    "The earlier time that the response shows: a version of the dialog (7), or a time in UTC "
    "(2026-11-21T10:17:00.123Z, without milliseconds, or a date, which means its midnight). The API folds the log's "
    "events, 20,000 at most; it checks the caller's present rights";

/// Events of a history that one answer holds at most.
inline constexpr std::int64_t kHistoryMax = 1'000;
/// Bytes of their data: what comes after is for the next question.
inline constexpr std::size_t kHistoryBytesMax = projections::kPageBytesMax;
struct HistoryQuery {
  DialogId dialog_id;
  std::int64_t limit = kHistoryMax;
  std::int64_t after = 0;
};
struct HistoryPosition {
  std::int64_t partition = 0;
  std::int64_t offset = 0;
};
struct HistoryEvent {
  std::int64_t version = 0;
  std::string type;
  std::string event_id;
  Timestamp time;
  std::string actor;
  std::string causation_id;
  std::string correlation_id;
  std::string hash;
  HistoryPosition position;
  schema::Nullable<schema::Raw> data;
};
struct History {
  std::vector<HistoryEvent> events;
};

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr std::array names<replyx::HandoffStatus>{
    std::pair{replyx::HandoffStatus::none, std::string_view("none")},
    std::pair{replyx::HandoffStatus::requested, std::string_view("requested")},
    std::pair{replyx::HandoffStatus::active, std::string_view("active")},
    std::pair{replyx::HandoffStatus::released, std::string_view("released")},
};
template <>
inline constexpr std::array names<replyx::DialogPlatform>{
    std::pair{replyx::DialogPlatform::telegram, std::string_view("telegram")},
    std::pair{replyx::DialogPlatform::website, std::string_view("website")},
};
template <>
inline constexpr auto fields<replyx::ListedDialog> = std::tuple{
    field("id", &replyx::ListedDialog::id),
    field("assistant_id", &replyx::ListedDialog::assistant_id),
    field("platform", &replyx::ListedDialog::platform),
    field("telegram_chat_id", &replyx::ListedDialog::telegram_chat_id),
    field("telegram_username", &replyx::ListedDialog::telegram_username),
    field("first_name", &replyx::ListedDialog::first_name),
    field("last_name", &replyx::ListedDialog::last_name),
    field("status", &replyx::ListedDialog::status),
    field("handoff_status", &replyx::ListedDialog::handoff_status),
    field("is_taken_over", &replyx::ListedDialog::is_taken_over),
    field("last_message", &replyx::ListedDialog::last_message),
    field("last_message_time", &replyx::ListedDialog::last_message_time),
    field("created_at", &replyx::ListedDialog::created_at),
};
template <>
inline constexpr auto fields<replyx::DialogList> = std::tuple{
    field("dialogs", &replyx::DialogList::dialogs, {.length_max = replyx::kDialogsMax},
          "Dialogs, the one with the latest activity first"),
    field("total", &replyx::DialogList::total, {}, "The number of dialogs on all pages"),
    field("has_more", &replyx::DialogList::has_more),
    field("next_cursor", &replyx::DialogList::next_cursor, {},
          "Send it as `cursor` to get the next page; null on the last page"),
};
template <>
inline constexpr auto fields<replyx::DialogStatus> = std::tuple{
    field("id", &replyx::DialogStatus::id), field("status", &replyx::DialogStatus::status, {}, "active or archived")};
template <>
inline constexpr auto fields<replyx::Dialog> = std::tuple{
    field("id", &replyx::Dialog::id),
    field("assistant_id", &replyx::Dialog::assistant_id),
    field("assistant_name", &replyx::Dialog::assistant_name),
    field("platform", &replyx::Dialog::platform),
    field("telegram_chat_id", &replyx::Dialog::telegram_chat_id),
    field("telegram_username", &replyx::Dialog::telegram_username),
    field("first_name", &replyx::Dialog::first_name),
    field("last_name", &replyx::Dialog::last_name),
    field("status", &replyx::Dialog::status),
    field("handoff_status", &replyx::Dialog::handoff_status),
    field("handoff_reason", &replyx::Dialog::handoff_reason),
    field("handoff_requested_at", &replyx::Dialog::handoff_requested_at),
    field("is_taken_over", &replyx::Dialog::is_taken_over),
    field("taken_over_by", &replyx::Dialog::taken_over_by),
    field("created_at", &replyx::Dialog::created_at),
};
template <>
inline constexpr auto fields<replyx::OperatorMessage> = std::tuple{
    field("text", &replyx::OperatorMessage::text, {.length_min = 1, .length_max = replyx::kMessageMax}),
    field("operator_name", &replyx::OperatorMessage::operator_name, {.length_max = replyx::kPersonNameMax}),
};
template <>
inline constexpr auto fields<replyx::HistoryPosition> = std::tuple{
    field("partition", &replyx::HistoryPosition::partition), field("offset", &replyx::HistoryPosition::offset)};
template <>
inline constexpr auto fields<replyx::HistoryEvent> = std::tuple{
    field("version", &replyx::HistoryEvent::version),
    field("type", &replyx::HistoryEvent::type),
    field("event_id", &replyx::HistoryEvent::event_id),
    field("time", &replyx::HistoryEvent::time),
    field("actor", &replyx::HistoryEvent::actor, {}, "Who made the request: account/<id>, visitor/<assistant id>"),
    field("causation_id", &replyx::HistoryEvent::causation_id, {}, "The command that led to the event"),
    field("correlation_id", &replyx::HistoryEvent::correlation_id, {},
          "The id of the request, as in X-Request-Id and logs"),
    field("hash", &replyx::HistoryEvent::hash, {},
          "SHA-256 of the event and the hash before it, 64 hexadecimal digits"),
    field("position", &replyx::HistoryEvent::position, {}, "The event's position in parley.events"),
    field("data", &replyx::HistoryEvent::data, {},
          "The event's data, as the schema of its type describes it; secrets are null. The data is null when this "
          "server does not know the type, and for parley.stream.* events (repairs by the installation's operators)"),
};
template <>
inline constexpr auto fields<replyx::History> =
    std::tuple{field("events", &replyx::History::events, {.length_max = replyx::kHistoryMax})};
template <>
inline constexpr std::string_view example<replyx::DialogList> =
    R"({"dialogs":[{"id":1,"assistant_id":1,"platform":"telegram","telegram_chat_id":"123456789","telegram_username":"user123",
    "first_name":"John","last_name":"Doe","status":"active","handoff_status":"none","is_taken_over":false,"last_message":"Привет!",
    "last_message_time":"2025-09-01T12:00:00Z","created_at":"2025-09-01T10:00:00Z"}],"total":25,"has_more":false,"next_cursor":null})";
template <>
inline constexpr std::string_view example<replyx::Dialog> =
    R"({"id":1,"assistant_id":1,"assistant_name":"Техподдержка","platform":"telegram","telegram_chat_id":"123456789",
    "telegram_username":"user123","first_name":"John","last_name":"Doe","status":"active","handoff_status":"none","handoff_reason":null,
    "handoff_requested_at":null,"is_taken_over":false,"taken_over_by":null,"created_at":"2025-09-01T10:00:00Z"})";
template <>
inline constexpr std::string_view example<replyx::OperatorMessage> =
    R"({"text":"Сообщение от оператора","operator_name":"Анна"})";

}  // namespace parley::schema

namespace parley::endpoint {

template <>
inline constexpr auto parameters<replyx::DialogsQuery> = std::tuple{
    query("status", &replyx::DialogsQuery::status),
    query("handoff_status", &replyx::DialogsQuery::handoff_status),
    query("platform", &replyx::DialogsQuery::platform),
    query("assistant_id", &replyx::DialogsQuery::assistant_id),
    query(
        "q", &replyx::DialogsQuery::q, {},
        "Words to search for, in any form that Russian and English grammar gives them; also \"exact words\", `or` and "
        "`-without`. The search finds a dialog when one of its messages or its visitor's name has the words. Text that "
        "is copied from a message finds the message. The search reads a word with signs in it (an e-mail address, a "
        "URL, A-1234) as its parts next to each other, and finds a phone number in any grouping of its digits"),
    query("limit", &replyx::DialogsQuery::limit, {.min = 1, .max = replyx::kDialogsMax}),
    query("offset", &replyx::DialogsQuery::offset, {.min = 0, .max = 1'000'000},
          "A page of the list as it is now: dialogs move in the list while messages arrive. To read the whole list, "
          "use `cursor`"),
    query("cursor", &replyx::DialogsQuery::cursor,
          {.length_max = replyx::kCursorMax, .pattern = R"(^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$)"},
          "The `next_cursor` of a response, sent with the same filters: the next page of the list as it was when the "
          "client read its first page. Every dialog of that list comes exactly once, even when dialogs move in the "
          "meantime; a dialog that is opened later does not come. Rows and filters show the present state. The API "
          "refuses a cursor of another log, or of a longer log"),
};
template <>
inline constexpr auto parameters<replyx::DialogQuery> = std::tuple{
    path("dialog_id", &replyx::DialogQuery::dialog_id),
    query("at", &replyx::DialogQuery::at, {}, replyx::kAtDescription),
};
template <>
inline constexpr auto parameters<replyx::OwnerMessagesQuery> = std::tuple{
    path("dialog_id", &replyx::OwnerMessagesQuery::dialog_id),
    query("limit", &replyx::OwnerMessagesQuery::limit, {.min = 1, .max = replyx::kMessagesMax},
          "The largest number of messages in the response: the latest ones, unless `after` is given"),
    query("after", &replyx::OwnerMessagesQuery::after, {.min = 0, .max = kIdMax},
          "A version of the dialog: the response has later messages only, the oldest first"),
    query("before", &replyx::OwnerMessagesQuery::before, {.min = 1, .max = kIdMax}, replyx::kBeforeDescription),
    query("at", &replyx::OwnerMessagesQuery::at, {}, replyx::kAtDescription),
};
template <>
inline constexpr auto parameters<replyx::HistoryQuery> = std::tuple{
    path("dialog_id", &replyx::HistoryQuery::dialog_id),
    query("limit", &replyx::HistoryQuery::limit, {.min = 1, .max = replyx::kHistoryMax}),
    query("after", &replyx::HistoryQuery::after, {.min = 0, .max = kIdMax},
          "A version: the response has later events only"),
};

}  // namespace parley::endpoint

namespace parley::replyx {
namespace {

using endpoint::answer_of;
using endpoint::Call;
using endpoint::Deps;
using endpoint::Group;
using endpoint::Result;
using endpoint::Sending;

template <class T>
std::optional<std::string> filter(const std::optional<T>& value) {
  return value ? std::optional(std::string(schema::name_of(*value))) : std::nullopt;
}
bool is_taken_over(const projections::DialogRow& row) {
  return row.handoff_status == schema::name_of(HandoffStatus::active);
}

// A cursor's numbers: the last dialog's activity in milliseconds and its id, then the cut.
constexpr std::size_t kNumbersBeforeCut = 2;

std::string text_of(const projections::DialogCursor& cursor, const Deps& deps) {
  std::vector<std::int64_t> numbers{cursor.activity.time_since_epoch().count(), cursor.id.value};
  numbers.insert(numbers.end(), cursor.cut.begin(), cursor.cut.end());
  return api::write_log_token(deps.log_identity(), numbers);
}
Result<projections::DialogCursor> read_cursor(const std::string& text, const Deps& deps) {
  const auto token = api::read_log_token(text);
  if (!token) return endpoint::invalid("cursor", "must be a next_cursor as it was answered");
  if (token->log != deps.log_identity())
    return endpoint::invalid("cursor", "is a cursor of another log: begin without it");
  const auto& numbers = token->numbers;
  if (numbers.size() != kNumbersBeforeCut + static_cast<std::size_t>(deps.partitions) || numbers[0] > kTimeMax)
    return endpoint::invalid("cursor", "must be a next_cursor as it was answered");
  return projections::DialogCursor{.cut = {numbers.begin() + kNumbersBeforeCut, numbers.end()},
                                   .activity = Timestamp{std::chrono::milliseconds{numbers[0]}},
                                   .id = {numbers[1]}};
}

/// The list is that of the cut: the read model has to be there, or there again.
std::vector<endpoint::Claim> claims_of(const Call<DialogsQuery>& call, const Deps& deps) {
  std::vector<endpoint::Claim> claims;
  if (!call.parameters.cursor) return claims;
  const auto cursor = read_cursor(*call.parameters.cursor, deps);
  if (!cursor) return claims;  // what is wrong with it the query says
  for (std::size_t i = 0; i < cursor->cut.size(); ++i) {
    if (cursor->cut[i] == 0) continue;
    claims.push_back({.position = {.partition = static_cast<std::int64_t>(i), .offset = cursor->cut[i] - 1},
                      .field = "cursor",
                      .issue = "is a cursor of a longer log: begin without it"});
  }
  return claims;
}

Result<DialogList> list_dialogs(const Call<DialogsQuery>& call, postgres::Lease& db, const Deps& deps) {
  const auto& in = call.parameters;
  projections::DialogFilter wanted{.status = filter(in.status),
                                   .handoff_status = filter(in.handoff_status),
                                   .platform = filter(in.platform),
                                   .assistant = in.assistant_id,
                                   .limit = static_cast<int>(in.limit),
                                   .offset = in.offset};
  if (in.q && !is_blank(in.q->text)) wanted.words = in.q->text;
  if (in.cursor) {
    if (in.offset != 0) return endpoint::invalid("cursor", "cannot be given beside offset");
    auto cursor = read_cursor(*in.cursor, deps);
    if (!cursor) return endpoint::fail(std::move(cursor.error()));
    wanted.after = std::move(*cursor);
  }
  auto page = projections::dialogs_of(db, owner_behind(call.caller.principal).value(), wanted);
  if (!page) return endpoint::fail(page.error());
  DialogList out{.dialogs = {}, .total = page->total, .has_more = page->has_more, .next_cursor = {}};
  if (page->next) out.next_cursor = text_of(*page->next, deps);
  for (auto& row : page->dialogs) {
    const bool taken_over = is_taken_over(row);
    auto& listed = out.dialogs.emplace_back(answer_of<ListedDialog, "is_taken_over">(std::move(row)));
    listed.is_taken_over = taken_over;
  }
  return out;
}

/// Handoffs have no columns yet; the name of the assistant is joined.
endpoint::Versioned<Dialog> shown(projections::DialogRow row) {
  const bool taken_over = is_taken_over(row);
  const auto version = row.version;
  auto assistant_name = std::move(row.assistant_name);
  auto out =
      answer_of<Dialog, "assistant_name", "handoff_reason", "handoff_requested_at", "is_taken_over", "taken_over_by">(
          std::move(row));
  out.assistant_name = std::move(assistant_name);
  out.is_taken_over = taken_over;
  return {std::move(out), version};
}

Result<endpoint::Versioned<Dialog>> get_dialog(const Call<DialogQuery>& call, postgres::Lease& db, const Deps& deps) {
  const auto& [id, at] = call.parameters;
  if (!at) return found(projections::dialog(db, call.caller.principal, id), dialogs::kDialogNotFound, shown);
  const auto past = dialog_at(call.caller.principal, id, *at, db, deps);
  if (!past) return endpoint::fail(past.error());
  auto row = *past->row<projections::DialogRow>();
  const auto* time = std::get_if<schema::AtTime>(&*at);
  auto name = assistant_name_at(row.assistant, time != nullptr ? time->time : past->time(), db, deps);
  if (!name) return endpoint::fail(name.error());
  row.assistant_name = std::move(*name);
  return shown(std::move(row));
}

Result<Messages> messages(const Call<OwnerMessagesQuery>& call, postgres::Lease& db, const Deps& deps) {
  const auto& [id, limit, after, before, at] = call.parameters;
  if (!at) return read_messages({{id, limit, after, before}, {}, call.caller}, db, dialogs::kDialogNotFound);
  if (after && before) return endpoint::invalid("before", "cannot be given beside after");
  const auto past = dialog_at(call.caller.principal, id, *at, db, deps);
  if (!past) return endpoint::fail(past.error());
  return page_of(past->row<std::vector<projections::MessageRow>>().value(), limit, after, before);
}

template <class Change>
Result<Sending> set_status(const Call<DialogPath>& call, const Deps&) {
  return Sending{Stream{Kind::dialog, call.parameters.dialog_id.value}, dialogs::Command{Change{}}};
}
DialogStatus status_of(const dialogs::DialogIs& answer, const endpoint::Decided&) {
  return {answer.dialog, std::string(schema::name_of(answer.status))};
}

Result<Sending> post_message(const Call<DialogPath, OperatorMessage>& call, const Deps&) {
  return Sending{
      Stream{Kind::dialog, call.parameters.dialog_id.value},
      dialogs::Command{dialogs::PostOperatorMessage{Personal{call.body.text.text}, personal(call.body.operator_name)}}};
}

/// As whom the caller reads what happened in the dialog: an admin reads it as its owner, whom its realm must know.
Result<Principal> reader_of(const endpoint::Caller& caller, DialogId id, postgres::Lease& db, const Deps& deps) {
  if (!std::holds_alternative<Admin>(caller.principal)) return caller.principal;
  const auto owner = projections::owner_of_dialog(db, id);
  if (!owner) return endpoint::fail(owner.error());
  if (!*owner || deps.directory.realm_of(**owner) != deps.tokens.realm())
    return endpoint::fail(dialogs::kDialogNotFound);
  return Owner{**owner};
}

Result<History> history(const Call<HistoryQuery>& call, postgres::Lease& db, const Deps& deps) {
  const auto& in = call.parameters;
  const auto reader = reader_of(call.caller, in.dialog_id, db, deps);
  if (!reader) return std::unexpected(reader.error());
  auto found = projections::dialog_events(db, *reader, in.dialog_id, in.after, static_cast<int>(in.limit));
  if (!found) return endpoint::fail(found.error());
  if (!*found) return endpoint::fail(dialogs::kDialogNotFound);
  auto& rows = **found;
  History out;
  std::size_t bytes = 0;
  const auto read = read_events(rows, deps, [&](const projections::Record& record) {
    auto& row = rows[out.events.size()];
    out.events.push_back({.version = row.version,
                          .type = std::move(row.type),
                          .event_id = std::move(row.event_id),
                          .time = row.at,
                          .actor = std::move(row.actor),
                          .causation_id = std::move(row.cause),
                          .correlation_id = std::move(row.correlation),
                          .hash = std::move(row.hash),
                          .position = {row.partition, row.position},
                          .data = {}});
    if (auto data = data_for_owner(record)) out.events.back().data = schema::Raw{std::move(*data)};
    bytes += record.value.size();
    return bytes < kHistoryBytesMax;
  });
  if (!read) return endpoint::fail(read.error());
  return out;
}

}  // namespace

void add_dialogs(endpoint::Registry& registry) {
  const Group all({.path = "/api/dialogs", .access = &kTeam, .right = kDialogsRead});
  const Group one(all({.path = "/{dialog_id}", .errors = {dialogs::kDialogNotFound}}));
  registry.query(all({.method = "GET",
                      .operation = "listDialogs",
                      .summary = "List or search the owner's dialogs, page by page",
                      .page = endpoint::PageBounds{.rows_max = kDialogsMax, .bytes_max = projections::kPageBytesMax}}),
                 list_dialogs, claims_of);
  registry.query(one({.method = "GET", .operation = "getDialog", .summary = "Get a dialog, now or at an earlier time"}),
                 get_dialog);
  registry.query(one({.method = "GET",
                      .path = "/messages",
                      .operation = "listMessages",
                      .summary = "List a dialog's messages, now or at an earlier time",
                      .page = kMessagesPage}),
                 messages);
  registry.command(one({.method = "POST",
                        .path = "/messages",
                        .right = kDialogsWrite,
                        .status = 201,
                        .operation = "postOperatorMessage",
                        .summary = "Send a message as an operator"}),
                   post_message, posted_message);
  registry.command(
      one({.method = "POST",
           .path = "/archive",
           .right = kDialogsWrite,
           .operation = "archiveDialog",
           .summary = "Archive a dialog",
           .description = "Archiving an archived dialog succeeds too. A new message of the visitor makes the "
                          "dialog active again; a message of an operator does not",
           .single = true}),
      set_status<dialogs::Archive>, status_of);
  registry.command(one({.method = "POST",
                        .path = "/unarchive",
                        .right = kDialogsWrite,
                        .operation = "unarchiveDialog",
                        .summary = "Unarchive a dialog",
                        .single = true}),
                   set_status<dialogs::Unarchive>, status_of);
  registry.query(
      one({.method = "GET",
           .path = "/history",
           .access = &kAccount,
           .operation = "getHistory",
           .summary = "List a dialog's events",
           .description = "The API reads the events from the log: the answer is UNAVAILABLE while Kafka "
                          "does not respond. A response "
                          "may have fewer rows than `limit` when its events are large: repeat the request "
                          "with the last version as "
                          "`after` until a response is empty. An admin may read the events of every dialog of this "
                          "product's owners",
           .page = endpoint::PageBounds{.rows_max = kHistoryMax, .bytes_max = kHistoryBytesMax}}),
      history);
}

}  // namespace parley::replyx
