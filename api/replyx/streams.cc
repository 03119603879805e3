// /api/dialogs/{dialog_id}/events: server-sent events, for owner and visitor.
#include "api/streams/streams.h"

#include "api/replyx/gates.h"
#include "api/replyx/limits.h"
#include "api/replyx/replyx.h"

namespace parley::replyx {

struct EventsQuery {
  DialogId dialog_id;
  std::optional<std::string> last_id_header;
  std::optional<std::string> last_id_query;
};

}  // namespace parley::replyx

namespace parley::endpoint {

/// A version of the dialog, or nothing.
inline constexpr std::string_view kLastIdPattern = "^(0|[1-9][0-9]{0,14})?$";

template <>
inline constexpr auto parameters<replyx::EventsQuery> = std::tuple{
    path("dialog_id", &replyx::EventsQuery::dialog_id),
    header(
        "Last-Event-ID", &replyx::EventsQuery::last_id_header, {.pattern = kLastIdPattern},
        "The last id that the client has: what came after it is sent, in order, each event once. Without one the stream begins now; 0 is everything"),
    query("last_event_id", &replyx::EventsQuery::last_id_query, {.pattern = kLastIdPattern},
          "The same, where a header cannot be sent; the header wins"),
};

}  // namespace parley::endpoint

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Deps;
using endpoint::Opening;
using endpoint::Result;

/// An EventSource that never got an id sends an empty one, or none.
Result<std::optional<std::int64_t>> last_id(const EventsQuery& in) {
  const bool from_header = in.last_id_header && !in.last_id_header->empty();
  const auto& text = from_header ? in.last_id_header : in.last_id_query;
  if (!text || text->empty()) return std::optional<std::int64_t>{};
  if (const auto id = endpoint::plain_integer(*text)) return id;
  return endpoint::fail({Code::invalid_last_event_id, {from_header ? "Last-Event-ID" : "last_event_id", "must be an integer"}});
}

Result<void> open_events(const Call<EventsQuery>& call, const Deps& deps, Opening client) {
  const auto last = last_id(call.parameters);
  if (!last) return endpoint::fail(last.error());
  deps.streams.open({.responder = std::move(client.responder),
                     .dialog = call.parameters.dialog_id,
                     .viewer = call.caller.principal,
                     .last_id = *last,
                     .extra = std::move(client.extra),
                     .error = std::move(client.error)});
  return {};
}

}  // namespace

void add_streams(endpoint::Registry& registry) {
  registry.stream(
      {.method = "GET",
       .path = "/api/dialogs/{dialog_id}/events",
       .gate = &kViewer,
       .operation = "followDialog",
       .summary = "The dialog's events as they happen",
       .description =
           "Frames: `data: {\"type\":\"connection.established\",\"client_id\",\"timestamp\"}`; `id: 7` with "
           "`data: {\"type\":\"dialog.message.created\",\"dialog_id\",\"message\",\"timestamp\"}`, where the id is the dialog's version; `id: 8` "
           "alone for an event that this viewer does not see; `data: __ping__` every 15 seconds of silence; "
           "`{\"type\":\"stream.delayed\"}` while earlier events cannot be read; `{\"type\":\"stream.reset\"}` when the given id is of another log.",
       .errors = {Code::invalid_last_event_id, Code::overloaded, Code::unavailable},
       .limit = &kStreamLimit,
       .address_limit = &kAddressLimit},
      open_events);
}

}  // namespace parley::replyx
