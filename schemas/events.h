#pragma once
// Events as they stand in the log, and the states that deciders keep, whatever context they are of. What each type is
// called, says and holds is in schemas/contexts/, one file a context.
#include "domain/model.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/disclosed.h"
#include "schemas/fields.h"

namespace parley::schema {

/// An event of an old type comes as what it means today. Nothing for a type this build does not know (a rollback, or a
/// type from the future).
Read<std::optional<Event>> decode_event(std::string_view type, std::string_view value);
/// Throws std::logic_error for an event of no listed context, as all functions here do.
Encoded encode_event(const Event& event);
/// An event's data as it may be shown (disclosed.h). Nothing for a type that this build does not know: it cannot say
/// what of it is personal.
Read<std::optional<std::string>> disclosed_event(std::string_view type, std::string_view value, Disclosure disclosure);

/// The event in words, for people who watch a stream go by: who did what, without a full stop. May hold what a visitor
/// wrote.
std::string in_words(const Event& event, const Telling& telling);
/// The streams that the event's fields name by their ids.
std::vector<Stream> streams_named(const Event& event);

/// "type json", for a decider's store.
std::string encode_state(const State& state);
Read<State> decode_state(std::string_view text);
/// A state as it may be shown (disclosed.h).
Encoded disclosed_state(const State& state, Disclosure disclosure);
/// The wire names of all event types that this build knows, context by context; then those that are read and not
/// written any more.
std::vector<std::string_view> event_types();
/// Those that are read and not written any more.
std::vector<std::string_view> old_event_types();
/// The JSON Schema of each of them, by wire name; `x-personal` and `x-sealed` name the fields that hold texts about
/// people and encrypted secrets.
std::vector<std::pair<std::string_view, std::string>> event_schemas();
/// All of them as a page of Markdown.
std::string event_catalogue();
/// An AsyncAPI document (YAML) whose parts between the comments on event types are those of this build. Throws
/// std::invalid_argument without them.
std::string asyncapi_with_event_types(std::string_view document);

}  // namespace parley::schema
