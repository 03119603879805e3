#pragma once
// An event of the log for those who show it.
#include <string_view>

#include "api/streams/views.h"
#include "platform/metrics/metrics.h"

namespace parley::api {

/// `record` with its event, out of the type and value that the log holds. It stays empty when this build does not know
/// the type, or when the value cannot be read, which is logged and counted. Thread-safe, as the next.
EventRecord with_event(EventRecord record, std::string_view type, std::string_view value);

/// Counts the events of the log that could not be shown; exported from the first call on.
metrics::Counter& unreadable_events();

}  // namespace parley::api
