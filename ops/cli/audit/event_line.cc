#include "ops/cli/audit/event_line.h"

#include "platform/text/printable.h"
#include "schemas/events.h"
#include "schemas/json.h"

namespace parley::audit {

std::expected<std::string, std::string> event_data(const projections::Record& record, schema::Disclosure disclosure) {
  auto data = schema::disclosed_event(record.envelope.type, record.value, disclosure);
  if (!data) return std::unexpected("it cannot be read");
  if (!*data) return std::unexpected("this build does not know the type");
  return text::escaped(**data);
}

std::string event_line(const projections::Record& record, Shown shown) {
  const auto& e = record.envelope;
  json::Writer w;
  const auto text = [&w](std::string_view name, std::string_view value) {
    w.key(name);
    w.string(value);
  };
  const auto number = [&w](std::string_view name, std::int64_t value) {
    w.key(name);
    w.integer(value);
  };
  w.begin_object();
  w.key("position");
  w.begin_object();
  number("partition", record.partition);
  number("offset", record.offset);
  w.end_object();
  text("specversion", "1.0");
  text("id", e.id);
  text("source", e.source);
  text("type", e.type);
  text("subject", e.subject);
  text("time", schema::format_time(e.time));
  text("datacontenttype", schema::kJson);
  number("sequence", e.sequence);
  text("correlationid", e.correlation);
  text("causationid", e.causation);
  text("actor", e.actor);
  number("commandoffset", e.command_offset);
  number("slotcounter", e.slot_counter);
  text("hash", e.hash);
  if (!e.traceparent.empty()) text("traceparent", e.traceparent);
  if (shown) {
    const auto data = event_data(record, *shown);
    if (data) {
      w.key("data");
      w.raw(*data);
    } else {
      text("data_left_out", data.error());
    }
  }
  w.end_object();
  return text::escaped(w.text());
}

std::optional<std::pair<std::int32_t, std::int64_t>> position_of_line(std::string_view line) {
  const auto document = json::Document::parse(std::string(line), json::Strict::no);
  if (!document) return std::nullopt;
  const auto position = document->root().member("position");
  const auto partition = position.member("partition").integer(), offset = position.member("offset").integer();
  if (!partition || !offset) return std::nullopt;
  return std::pair{static_cast<std::int32_t>(*partition), *offset};
}

}  // namespace parley::audit
