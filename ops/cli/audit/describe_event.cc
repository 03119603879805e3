#include "ops/cli/audit/describe_event.h"

#include <fmt/format.h>

#include "ops/cli/audit/event_line.h"
#include "platform/text/printable.h"
#include "schemas/events.h"

namespace parley::audit {
std::string describe_event(const projections::Record& record, schema::Disclosure disclosure) {
  const auto& e = record.envelope;
  if (const auto event = schema::decode_event(e.type, record.value); event && *event) {
    return text::printable(schema::in_words(**event, {e.actor, disclosure}));
  }
  const auto data = event_data(record, disclosure);
  return text::printable(fmt::format("{} by {} {}", e.type, e.actor, data ? *data : "(" + data.error() + ")"));
}

}  // namespace parley::audit
