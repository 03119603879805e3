#include "api/streams/decode.h"

#include <utility>

#include "platform/log/log.h"
#include "schemas/events.h"

namespace parley::api {

EventRecord with_event(EventRecord record, std::string_view type, std::string_view value) {
  auto decoded = schema::decode_event(type, value);
  if (!decoded) {
    unreadable_events().add();
    log::error("an event of the log cannot be read",
               {{"type", type}, {"stream", to_string(record.stream)}, {"sequence", record.sequence}});
  } else if (auto& event = *decoded; event) {
    record.event = std::move(*event);
  }
  return record;
}

metrics::Counter& unreadable_events() {
  static auto events =
      metrics::counter("parley_stream_hub_unreadable_total", "Records of the log that streams could not show");
  return events;
}

}  // namespace parley::api
