#pragma once
// What is asked of the read models. Each query takes a Reader (a Lease, or a Snapshot where several must agree) and
// blocks. Who may see a row is part of its WHERE clause: what one may not see is not there. Statements are served by
// the indexes of schemas/sql.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/kernel.h"
#include "domain/model.h"
#include "platform/postgres/pool.h"
#include "projections/contexts/dialogs.h"
#include "projections/lists.h"
#include "schemas/point_in_time.h"

namespace parley::projections {

/// Between two pages of a list: it goes on as the list stood at the cut, whatever has happened since.
struct DialogCursor {
  std::vector<std::int64_t> cut;  ///< Of each partition: the first event that is not counted.
  Timestamp activity;             ///< Of the last dialog before, as of the cut;
  DialogId id;                    ///< and which one that is.
  friend bool operator==(const DialogCursor&, const DialogCursor&) = default;
};
struct DialogFilter {
  std::optional<std::string> status = {};
  std::optional<std::string> handoff_status = {};
  std::optional<std::string> platform = {};
  std::optional<AssistantId> assistant = {};
  /// As people write them for a search engine ("exact words", or, -without). Whatever is written here is a search and
  /// nothing else. Found are dialogs with a message that has them, in the forms of Russian and English, and those whose
  /// visitor's names do. search.h says what a word is.
  std::optional<std::string> words = {};
  int limit = 50;  ///< 0..kRowsMax; the surface has its own, smaller limit.
  std::int64_t offset = 0;
  std::optional<DialogCursor> after = {};  ///< Instead of an offset.
};
struct DialogPage {
  std::vector<DialogRow> dialogs;
  std::int64_t total = 0;  ///< That pass the filter, on all pages.
  bool has_more = false;
  std::optional<DialogCursor> next = {};  ///< When there is more: where it goes on.
};
/// The owner's dialogs, the one with the latest activity first. One statement, so page and total agree.
///
/// Pages by cursor are those of the list as it was in the read model when its first page was read: every dialog that
/// was there then comes once, in the order of then, however they move meanwhile; one that is opened later does not
/// come. Rows and filters are as of now. (An exception: a dialog that the read model had parked at the cut, and that
/// was let go on since, may come twice or not at all.) A page costs as much as the first, and what of the owner's
/// dialogs has moved since the cut.
postgres::Result<DialogPage> dialogs_of(postgres::Reader& reader, AccountId owner, const DialogFilter& filter);
/// Nothing when there is no such dialog, or when `viewer` may not know of it: an Owner and its team see its own, a
/// Visitor those of the site's assistant (the guest's secret is the API's to check), anybody else none.
postgres::Result<std::optional<DialogRow>> dialog(postgres::Reader& reader, const Principal& viewer, DialogId id);

/// What one message takes as JSON at most; a surface that lets people write more says so here.
inline constexpr std::int64_t kMessageBytesMax = 64 << 10;
/// What a message takes whose texts have so many characters, or bytes, together: six for each at most, and the rest.
constexpr std::int64_t message_bytes(std::size_t characters) { return 6 * static_cast<std::int64_t>(characters) + 200; }
/// The dialog's latest `limit` messages (below version `before`), in their order. Nothing when the viewer may not know
/// of the dialog.
postgres::Result<std::optional<Page<MessageRow>>> messages(postgres::Reader& reader, const Principal& viewer,
                                                           DialogId id, int limit = kRowsMax,
                                                           std::optional<std::int64_t> before = {});

/// The messages with versions above `after`, in order. Nothing when the viewer may not know of the dialog.
postgres::Result<std::optional<Page<MessageRow>>> messages_after(postgres::Reader& reader, const Principal& viewer,
                                                                 DialogId id, std::int64_t after, int limit = kRowsMax);

/// The dialog's version when the viewer may know of it.
postgres::Result<std::optional<std::int64_t>> visible_version(postgres::Reader& reader, const Principal& viewer,
                                                              DialogId id);

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
/// Whose dialog it is, for a caller that decides who may know; nothing when there is none.
postgres::Result<std::optional<AccountId>> owner_of_dialog(postgres::Reader& reader, DialogId id);
/// The events of a dialog above a version, in order: what happened, without their data. Nothing when the viewer may not
/// know of it.
postgres::Result<std::optional<std::vector<EventRow>>> dialog_events(postgres::Reader& reader, const Principal& viewer,
                                                                     DialogId id, std::int64_t after_version = 0,
                                                                     int limit = 1'000);
/// The same of any stream, for whoever knows that their caller may see it.
postgres::Result<std::vector<EventRow>> stream_events(postgres::Reader& reader, const Stream& stream,
                                                      std::int64_t after_version, int limit);
/// The version that the stream had at that point in time, as far as the index goes; 0 before its first event.
postgres::Result<std::int64_t> version_at(postgres::Reader& reader, const Stream& stream,
                                          const schema::PointInTime& point);

}  // namespace parley::projections
