// Server-sent events: of a dialog (/api/dialogs/{dialog_id}/events), for owner and visitor, and of an account
// (/api/events).
#include "api/streams/streams.h"

#include "api/surfaces/replyx/access_policies.h"
#include "api/surfaces/replyx/limits.h"
#include "api/surfaces/replyx/replyx.h"

namespace parley::replyx {

struct EventsQuery {
  DialogId dialog_id;
  std::optional<std::string> last_id_header;
  std::optional<std::string> last_id_query;
};

struct FeedQuery {
  std::optional<std::string> last_id_header;
  std::optional<std::string> last_id_query;
};

/// Characters of a feed's id: what 1,024 partitions need.
inline constexpr std::size_t kFeedIdMax = 6'000;

}  // namespace parley::replyx

namespace parley::endpoint {

/// A version of the dialog, or nothing.
inline constexpr std::string_view kLastIdPattern = "^(0|[1-9][0-9]{0,14})?$";

constexpr std::string_view kFeedIdPattern = R"(^([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)?$)";

template <>
inline constexpr auto parameters<replyx::FeedQuery> = std::tuple{
    header("Last-Event-ID", &replyx::FeedQuery::last_id_header,
           {.length_max = replyx::kFeedIdMax, .pattern = kFeedIdPattern},
           "The last id that the client has received. Without an id the feed begins now"),
    query("last_event_id", &replyx::FeedQuery::last_id_query,
          {.length_max = replyx::kFeedIdMax, .pattern = kFeedIdPattern},
          "The same, for clients that cannot send the header; the header wins"),
};
template <>
inline constexpr auto parameters<replyx::EventsQuery> = std::tuple{
    path("dialog_id", &replyx::EventsQuery::dialog_id),
    header("Last-Event-ID", &replyx::EventsQuery::last_id_header, {.pattern = kLastIdPattern},
           "The last id that the client has received: the stream sends every later event, in order and once. Without "
           "an id the stream begins now; with 0 it begins with the first event"),
    query("last_event_id", &replyx::EventsQuery::last_id_query, {.pattern = kLastIdPattern},
          "The same, for clients that cannot send the header; the header wins"),
};

}  // namespace parley::endpoint

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Deps;
using endpoint::Opening;
using endpoint::Result;

/// The last id that the client has; the header's, where it gives two. `read` makes it of a text, or nothing of a
/// malformed one. An EventSource that never got an id sends an empty one, or none.
template <class Query, class Read>
auto last_id(const Query& in, Read read, std::string_view issue) -> Result<decltype(read(std::string_view()))> {
  decltype(read(std::string_view())) last;
  for (const auto& [text, name] :
       {std::pair{&in.last_id_query, "last_event_id"}, std::pair{&in.last_id_header, "Last-Event-ID"}}) {
    if (!*text || (*text)->empty()) continue;
    last = read(**text);
    if (!last) return endpoint::fail({endpoint::kInvalidLastEventId, {name, std::string(issue)}});
  }
  return last;
}
Result<std::optional<std::int64_t>> last_version(const EventsQuery& in) {
  return last_id(in, endpoint::plain_integer, "must be an integer");
}

/// The id of a feed's last frame. Numbers of another log are none of ours: the feed says so then.
Result<std::optional<api::LogToken>> last_of_feed(const FeedQuery& in, const Deps& deps) {
  const auto read = [&](std::string_view text) -> std::optional<api::LogToken> {
    auto token = api::read_log_token(text);
    const bool is_whole = token && (token->log != deps.log_identity() ||
                                    token->numbers.size() == static_cast<std::size_t>(deps.partitions));
    return is_whole ? std::move(token) : std::nullopt;
  };
  return last_id(in, read, "must be an id as this feed gives it");
}

Result<void> open_feed(const Call<FeedQuery>& call, const Deps& deps, Opening client) {
  auto last = last_of_feed(call.parameters, deps);
  if (!last) return endpoint::fail(std::move(last.error()));
  deps.streams.open(
      api::FeedRequest{.responder = std::move(client.responder),
                       .owner = owner_behind(call.caller.principal).value(),
                       .views = surface().events,
                       .log = deps.log_identity(),
                       .last = std::move(*last),
                       .extra = std::move(client.extra),
                       .error = std::move(client.error),
                       .over = [caller = call.caller, &deps] { return endpoint::session_over(caller, deps); }});
  return {};
}

Result<void> open_events(const Call<EventsQuery>& call, const Deps& deps, Opening client) {
  const auto last = last_version(call.parameters);
  if (!last) return endpoint::fail(last.error());
  deps.streams.open(
      api::StreamRequest{.responder = std::move(client.responder),
                         .stream = {Kind::dialog, call.parameters.dialog_id.value},
                         .views = surface().events,
                         .viewer = call.caller.principal,
                         .last_id = *last,
                         .extra = std::move(client.extra),
                         .error = std::move(client.error),
                         .over = [caller = call.caller, &deps] { return endpoint::session_over(caller, deps); }});
  return {};
}

}  // namespace

void add_streams(endpoint::Registry& registry) {
  registry.stream(
      {.method = "GET",
       .path = "/api/dialogs/{dialog_id}/events",
       .access = &kViewer,
       .right = kDialogsRead,
       .operation = "followDialog",
       .summary = "Stream a dialog's events live",
       .description = "Frames: `data: {\"type\":\"connection.established\",\"client_id\",\"timestamp\"}`; `id: 7` with "
                      "`data: {\"type\":\"dialog.message.created\",\"dialog_id\",\"message\",\"timestamp\"}`, where "
                      "the id is the dialog's version; `id: 8` alone for an event that this viewer does not see; "
                      "`{\"type\":\"operator.typing\",\"dialog_id\",\"operator_name\",\"timestamp\"}` (to owner and "
                      "team `visitor.typing` too) without an id, because it is not stored; `data: __ping__` every 15 "
                      "seconds of silence; `{\"type\":\"stream.delayed\"}` while earlier events cannot be read; "
                      "`{\"type\":\"stream.reset\"}` when the given id belongs to another log or lies beyond the log's "
                      "end; `{\"type\":\"error\"}` as the last frame, within a second after the caller's session ends.",
       .errors = {endpoint::kInvalidLastEventId, kOverloaded, kUnavailable},
       .limit = &kStreamLimit,
       .address_limit = &kAddressLimit},
      open_events);
  registry.stream(
      {.method = "GET",
       .path = "/api/events",
       .access = &kFeed,
       .right = kDialogsRead,
       .operation = "followAccount",
       .summary = "Stream the new events of all dialogs of an account live",
       .description =
           "For the owner and the owner's team. Frames: `data: {\"type\":\"connection.established\",...}`; then `id:` "
           "with `data:` of `dialog.created`, `dialog.message.created`, `dialog.archived`, `dialog.unarchived`, each "
           "event once; the events of one dialog come in their order, events of different dialogs in no particular "
           "order. The id is the client's position in the whole log: a client that sends it again, to this server or "
           "another, gets all later events. `operator.typing` and `visitor.typing` have no id; `data: __ping__` comes "
           "with a newer id after 15 seconds of silence. `{\"type\":\"stream.delayed\"}` while earlier events cannot "
           "be read; `{\"type\":\"stream.reset\"}` when the feed has left out events: the given id belongs to another "
           "log, lies beyond the log's end (the log has lost its end) or is too old (more than 500,000 events of all "
           "accounts behind the newest one), or the feed cannot show an event. The client must then read the dialogs "
           "again, with GET /api/dialogs",
       .errors = {endpoint::kInvalidLastEventId, kOverloaded, kUnavailable}},
      open_feed);
}

}  // namespace parley::replyx
