#pragma once
// What events said, and what a dialog was at a point in time: out of the log, where the read models say that its events
// stand.
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "api/endpoint/registry.h"
#include "projections/contexts/assistants.h"
#include "projections/contexts/dialogs.h"
#include "projections/queries.h"
#include "projections/record.h"
#include "projections/stream_fold.h"
#include "schemas/point_in_time.h"

namespace parley::replyx {

/// Events, and bytes of them, that one answer folds at most.
inline constexpr std::int64_t kEventsFoldedMax = 20'000;
inline constexpr std::size_t kBytesFoldedMax = 32 << 20;

/// Hands over the records of these rows, in order, until `each` returns false. UNAVAILABLE when Kafka does not answer
/// in time, or too many ask.
endpoint::Result<void> read_events(std::span<const projections::EventRow> rows, const endpoint::Deps& deps,
                                   const std::function<bool(const projections::Record&)>& each);

/// What an event says, for the dialog's owner: with their visitors' texts, without secrets. Nothing for a type that
/// this build does not know, and for events of parking, whose words are the system's operators'.
std::optional<std::string> data_for_owner(const projections::Record& record);

/// The dialog's rows as they were at that point in time. `dialog_not_found` when the viewer may not know of it now, or
/// it had not begun; a problem of `at` when the dialog has not come to that version, or had more events than one answer
/// may fold.
endpoint::Result<projections::StreamFold> dialog_at(const Principal& viewer, DialogId id,
                                                    const schema::PointInTime& point, postgres::Lease& db,
                                                    const endpoint::Deps& deps);
/// What the assistant was called then.
endpoint::Result<std::optional<std::string>> assistant_name_at(AssistantId id, Timestamp time, postgres::Lease& db,
                                                               const endpoint::Deps& deps);

}  // namespace parley::replyx
