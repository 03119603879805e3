#pragma once
// The text of a stream (WHATWG HTML, 9.2 server-sent events). A frame is whole: it ends with its empty line.
#include <cstdint>
#include <string>
#include <string_view>

#include "api/streams/views.h"
#include "api/streams/window.h"
#include "domain/model.h"

namespace parley::api::frames {

/// `json` is one JSON text. A CR or LF in it would end the line; in JSON they can only stand between tokens, so they
/// become spaces.
std::string data(std::string json);
std::string event(std::int64_t id, std::string json);
/// An event that the viewer may not see: the id moves on, no data is dispatched.
std::string hidden(std::int64_t id);

/// What a viewer of the event's stream gets: what its surface shows, or a hidden one.
Frame of_stream(const EventRecord& record, const EventViews& views, Viewer viewer);
/// What a feed gets, without an id; nothing where nothing is shown.
Frame of_feed(const EventRecord& record, const EventViews& views);

std::string established(std::string_view client_id, Timestamp now);
/// What follows has to wait for the read model.
std::string delayed(const Stream& stream, Timestamp now);
/// The client's id is of another log; the stream goes on after `current`.
std::string reset(const Stream& stream, std::int64_t current, Timestamp now);
/// `error_json` is the surface's error body, an object with the member "error".
std::string error(const std::string& error_json);

// Of a feed, whose ids have a form of their own.

/// `frame` with that id instead of its own, if it has one.
std::string part(std::string_view id, const std::string& frame);
/// Where the client stands.
std::string feed_id(std::string_view id);
std::string feed_delayed(Timestamp now);
/// The client's id is of another log, or too long ago, or something cannot be shown: it has to look for itself. The
/// feed goes on after `id`.
std::string feed_reset(std::string_view id, Timestamp now);

/// "data: __ping__"
const Frame& ping();

}  // namespace parley::api::frames
