#include "api/surfaces/replyx/time_travel.h"

#include <algorithm>
#include <vector>

#include "api/log/log_reader.h"
#include "domain/parking/parking.h"
#include "schemas/events.h"

namespace parley::replyx {
namespace {

using endpoint::Deps;
using endpoint::fail;
using endpoint::Result;

/// Rows of the index that are held at once.
constexpr int kIndexPage = 2'000;

std::unexpected<endpoint::Failure> too_much() {
  return endpoint::invalid("at", "must be earlier: one answer is made of at most " + std::to_string(kEventsFoldedMax) +
                                     " events with " + std::to_string(kBytesFoldedMax) + " bytes");
}

/// The stream's first events up to a version. Stops before an event that the read models could not apply either.
Result<projections::StreamFold> fold(const Stream& stream, std::int64_t version, postgres::Lease& db,
                                     const Deps& deps) {
  if (version > kEventsFoldedMax) return too_much();
  projections::StreamFold out(stream);
  std::size_t bytes = 0;
  bool goes_on = true;
  for (std::int64_t after = 0; goes_on && after < version;) {
    const auto rows = projections::stream_events(db, stream, after,
                                                 static_cast<int>(std::min<std::int64_t>(kIndexPage, version - after)));
    if (!rows) return fail(rows.error());
    if (rows->empty()) break;
    const auto read = read_events(*rows, deps, [&](const projections::Record& record) {
      bytes += record.value.size();
      goes_on = bytes <= kBytesFoldedMax && out.add(record.envelope, record.value).has_value();
      return goes_on;
    });
    if (!read) return fail(read.error());
    if (bytes > kBytesFoldedMax) return too_much();
    after = rows->back().version;
  }
  return out;
}

}  // namespace

Result<void> read_events(std::span<const projections::EventRow> rows, const Deps& deps,
                         const std::function<bool(const projections::Record&)>& each) {
  std::vector<api::EventPlace> places;
  places.reserve(rows.size());
  for (const auto& row : rows) places.push_back({row.partition, row.position, row.event_id});
  if (const auto read = deps.log.read(places, each); !read) return fail(kUnavailable);
  return {};
}

std::optional<std::string> data_for_owner(const projections::Record& record) {
  const auto& type = record.envelope.type;
  const auto event = schema::decode_event(type, record.value);
  if (!event || !*event || (*event)->holds<parking::Event>()) return std::nullopt;
  return schema::disclosed_event(type, record.value, schema::Disclosure::personal).value_or(std::nullopt);
}

Result<projections::StreamFold> dialog_at(const Principal& viewer, DialogId id, const schema::PointInTime& point,
                                          postgres::Lease& db, const Deps& deps) {
  const auto now = projections::dialog(db, viewer, id);
  if (!now) return fail(now.error());
  if (!*now) return fail(dialogs::kDialogNotFound);
  const Stream stream{Kind::dialog, id.value};
  const auto version = projections::version_at(db, stream, point);
  if (!version) return fail(version.error());
  const auto* wanted = std::get_if<schema::AtVersion>(&point);
  if (wanted != nullptr && wanted->version > *version) {
    return endpoint::invalid("at", "must be at most the dialog's version, which is " + std::to_string(*version));
  }
  auto past = fold(stream, *version, db, deps);
  if (past && !past->row<projections::DialogRow>()) return fail(dialogs::kDialogNotFound);
  return past;
}

Result<std::optional<std::string>> assistant_name_at(AssistantId id, Timestamp time, postgres::Lease& db,
                                                     const Deps& deps) {
  const Stream stream{Kind::assistant, id.value};
  const auto version = projections::version_at(db, stream, schema::AtTime{time});
  if (!version) return fail(version.error());
  // Its clock may be another decider's: an assistant was there before its dialogs, whatever the times say.
  const auto past = fold(stream, std::max<std::int64_t>(*version, 1), db, deps);
  if (!past) return fail(past.error());
  const auto assistant = past->row<projections::AssistantRow>();
  return assistant ? std::optional(assistant->name) : std::nullopt;
}

}  // namespace parley::replyx
