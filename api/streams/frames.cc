#include "api/streams/frames.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "schemas/fields.h"
#include "schemas/json.h"

namespace parley::api::frames {
namespace {

std::string note(std::string_view type, const std::optional<Stream>& stream, std::optional<std::int64_t> last_event_id,
                 Timestamp now) {
  json::Writer w;
  w.begin_object();
  w.key("type");
  w.string(type);
  if (stream) {
    w.key(std::string(to_string(stream->kind)) + "_id");
    w.integer(stream->id);
  }
  if (last_event_id) {
    w.key("last_event_id");
    w.integer(*last_event_id);
  }
  w.key("timestamp");
  w.string(schema::format_time(now));
  w.end_object();
  return w.take();
}

}  // namespace

std::string data(std::string json) {
  std::ranges::replace_if(json, [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return "data: " + std::move(json) + "\n\n";
}

std::string event(std::int64_t id, std::string json) {
  return "id: " + std::to_string(id) + "\n" + data(std::move(json));
}

std::string hidden(std::int64_t id) { return "id: " + std::to_string(id) + "\n\n"; }

Frame of_stream(const EventRecord& record, const EventViews& views, Viewer viewer) {
  auto json = views.show(record, viewer);
  return std::make_shared<const std::string>(json ? event(record.sequence, std::move(*json)) : hidden(record.sequence));
}

Frame of_feed(const EventRecord& record, const EventViews& views) {
  auto json = views.show(record, Viewer::feed);
  return json ? std::make_shared<const std::string>(data(std::move(*json))) : nullptr;
}

std::string established(std::string_view client_id, Timestamp now) {
  json::Writer w;
  w.begin_object();
  w.key("type");
  w.string("connection.established");
  w.key("client_id");
  w.string(client_id);
  w.key("timestamp");
  w.string(schema::format_time(now));
  w.end_object();
  return data(w.take());
}

std::string delayed(const Stream& stream, Timestamp now) {
  return data(note("stream.delayed", stream, std::nullopt, now));
}

std::string reset(const Stream& stream, std::int64_t current, Timestamp now) {
  return event(current, note("stream.reset", stream, current, now));
}

std::string error(const std::string& error_json) {
  const auto members = error_json.find('{');
  if (members == std::string::npos) return data(R"({"type":"error"})");
  return data(R"({"type":"error",)" + error_json.substr(members + 1));
}

std::string part(std::string_view id, const std::string& frame) {
  const auto data = frame.starts_with("id: ") ? frame.find('\n') + 1 : 0;
  return "id: " + std::string(id) + "\n" + frame.substr(data);
}

std::string feed_id(std::string_view id) { return "id: " + std::string(id) + "\n\n"; }

std::string feed_delayed(Timestamp now) { return data(note("stream.delayed", {}, {}, now)); }

std::string feed_reset(std::string_view id, Timestamp now) { return part(id, data(note("stream.reset", {}, {}, now))); }

const Frame& ping() {
  static const Frame frame = std::make_shared<const std::string>("data: __ping__\n\n");
  return frame;
}

}  // namespace parley::api::frames
