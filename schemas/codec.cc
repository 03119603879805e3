#include <stdexcept>
#include <unordered_map>

#include "schemas/context.h"

namespace parley::schema {

// One table a context, each in its own file.
#define PARLEY_CONTEXT(context, kind) extern const ContextSchema context##_schema;
#define PARLEY_CONTEXT_WITHOUT_STREAMS(context) extern const ContextSchema context##_schema;
#include "domain/contexts.def"

namespace {

constexpr std::array kContexts{
// in the order of the list
#define PARLEY_CONTEXT(context, kind) &context##_schema,
#define PARLEY_CONTEXT_WITHOUT_STREAMS(context) &context##_schema,
#include "domain/contexts.def"
};

template <class Row>
using ByName = std::unordered_map<std::string_view, const Row*>;
/// Throws std::logic_error when two have one name.
template <class Row>
ByName<Row> by_name(std::span<const Row> ContextSchema::* part, std::string_view Row::* name) {
  ByName<Row> out;
  for (const auto* context : kContexts) {
    for (const auto& row : context->*part) {
      if (!out.emplace(row.*name, &row).second) throw std::logic_error("two contexts have " + std::string(row.*name));
    }
  }
  return out;
}
struct Composed {
  ByName<EventType> events = by_name(&ContextSchema::events, &EventType::name);
  ByName<NamedType<State>> states = by_name(&ContextSchema::states, &NamedType<State>::name);
  ByName<NamedType<Command>> commands = by_name(&ContextSchema::commands, &NamedType<Command>::name);
  ByName<NamedType<Answer>> answers = by_name(&ContextSchema::answers, &NamedType<Answer>::name);
  ByName<EntryType> entries = by_name(&ContextSchema::entries, &EntryType::prefix);
};
const Composed& composed() {
  static const Composed all;
  return all;
}
template <class Row>
const Row* find(const ByName<Row>& rows, std::string_view name) {
  const auto found = rows.find(name);
  return found == rows.end() ? nullptr : found->second;
}

template <class AnyOf>
const ContextSchema& context_of(const AnyOf& value, bool (*ContextSchema::*has)(const AnyOf&)) {
  for (const auto* context : kContexts) {
    if (context->*has != nullptr && (context->*has)(value)) return *context;
  }
  throw std::logic_error("a value of no context");
}
const ContextSchema& context_of(const Event& event) { return context_of(event, &ContextSchema::has_event); }

template <class AnyOf>
Read<std::optional<AnyOf>> read_named(const ByName<NamedType<AnyOf>>& types, std::string_view type, json::Value value) {
  const auto* found = find(types, type);
  if (found == nullptr) return std::optional<AnyOf>{};
  auto read = found->read(value);
  if (!read) return std::unexpected(std::move(read.error()));
  return std::optional<AnyOf>(std::move(*read));
}

template <class Row>
Read<std::optional<std::string>> disclosed_named(const ByName<Row>& types, std::string_view type, json::Value value,
                                                 Disclosure disclosure) {
  const auto* found = find(types, type);
  if (found == nullptr) return std::optional<std::string>{};
  auto text = found->disclosed(value, disclosure);
  if (!text) return std::unexpected(std::move(text.error()));
  return std::optional<std::string>(std::move(*text));
}

void add_to_catalogue(std::string& out, const EventType& type) {
  out.append("\n## ").append(type.name).append("\n\n").append(type.about).append(".\n");
  if (!type.fields.empty()) out.append("\n| field | is | |\n|---|---|---|\n");
  for (const auto& f : type.fields) {
    out.append("| `").append(f.name).append("` | ").append(f.is_list ? "list of " : "").append(f.kind);
    if (f.is_optional) out.append(", may be absent");
    if (f.is_patch) out.append("; absent: as it was, null: cleared");
    out.append(" | ");
    for (bool first = true; const auto name : f.names)
      out.append(std::exchange(first, false) ? "" : ", ").append("`").append(name).append("`");
    out.append(f.description).append(" |\n");
  }
}
template <class F>
void each_event_type(F f) {
  for (const bool is_old : {false, true}) {
    for (const auto* context : kContexts) {
      for (const auto& type : context->events) {
        if (type.is_old == is_old) f(type);
      }
    }
  }
}

}  // namespace

std::span<const ContextSchema* const> contexts() {
  (void)composed();
  return kContexts;
}

Read<std::optional<Event>> decode_event(std::string_view type, std::string_view value) {
  const auto* found = find(composed().events, type);
  const auto document = json::Document::parse(std::string(value), json::Strict::no);
  if (!document) return problem(document.error().issue);
  if (found == nullptr) return std::optional<Event>{};
  auto event = found->read(document->root());
  if (!event) return std::unexpected(std::move(event.error()));
  return std::optional<Event>(std::move(*event));
}
Encoded encode_event(const Event& event) { return context_of(event).encode_event(event); }
Read<std::optional<std::string>> disclosed_event(std::string_view type, std::string_view value, Disclosure disclosure) {
  const auto document = json::Document::parse(std::string(value), json::Strict::no);
  if (!document) return problem(document.error().issue);
  return disclosed_named(composed().events, type, document->root(), disclosure);
}
std::string in_words(const Event& event, const Telling& telling) { return context_of(event).in_words(event, telling); }
std::vector<Stream> streams_named(const Event& event) { return context_of(event).streams_named(event); }

std::string encode_state(const State& state) {
  const auto encoded = context_of(state, &ContextSchema::has_state).encode_state(state);
  return std::string(encoded.type) + " " + encoded.json;
}
Read<State> decode_state(std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return problem("is no state");
  const auto document = json::Document::parse(std::string(text.substr(space + 1)), json::Strict::no);
  if (!document) return problem(document.error().issue);
  auto state = read_named(composed().states, text.substr(0, space), document->root());
  if (!state) return std::unexpected(std::move(state.error()));
  if (!*state) return problem("unknown type of state");
  return std::move(**state);
}
Encoded disclosed_state(const State& state, Disclosure disclosure) {
  const auto encoded = context_of(state, &ContextSchema::has_state).encode_state(state);
  const auto document = json::Document::parse(encoded.json, json::Strict::no);
  auto shown = disclosed_named(composed().states, encoded.type, document.value().root(), disclosure);
  return {encoded.type, std::move(shown.value().value())};  // what was encoded is read again
}

Encoded encode_command(const Command& command) {
  return context_of(command, &ContextSchema::has_command).encode_command(command);
}
Read<std::optional<Command>> decode_command(std::string_view type, json::Value value) {
  return read_named(composed().commands, type, value);
}
Encoded encode_answer(const Answer& answer) {
  return context_of(answer, &ContextSchema::has_answer).encode_answer(answer);
}
Read<std::optional<Answer>> decode_answer(std::string_view type, json::Value value) {
  return read_named(composed().answers, type, value);
}
Read<std::optional<std::string>> disclosed_answer(std::string_view type, json::Value value, Disclosure disclosure) {
  return disclosed_named(composed().answers, type, value, disclosure);
}

std::vector<std::string_view> event_types() {
  std::vector<std::string_view> out;
  each_event_type([&](const EventType& type) { out.push_back(type.name); });
  return out;
}
std::vector<std::string_view> old_event_types() {
  std::vector<std::string_view> out;
  each_event_type([&](const EventType& type) {
    if (type.is_old) out.push_back(type.name);
  });
  return out;
}
std::vector<std::pair<std::string_view, std::string>> event_schemas() {
  std::vector<std::pair<std::string_view, std::string>> out;
  each_event_type([&](const EventType& type) { out.emplace_back(type.name, type.json_schema()); });
  return out;
}
std::string event_catalogue() {
  std::string out =
      "# Catalogue of event types\n\nWhat `ce_type` may be, and the fields of the value. Made of the types of this "
      "build; the JSON Schemas are in\n"
      "[schemas/events](../schemas/events), how to read the topic in [events.md](events.md).\n";
  each_event_type([&](const EventType& type) { add_to_catalogue(out, type); });
  return out;
}

namespace {

/// "parley.account.logged_in.v2" as "accountLoggedIn"; what is not written any more keeps its version:
/// "accountLoggedInV1".
std::string message_name(const EventType& type) {
  auto name = type.name.substr(type.name.find('.') + 1);
  const auto version = name.substr(name.rfind('.') + 2);
  name = name.substr(0, name.rfind('.'));
  std::string out;
  bool is_upper = false;
  for (const char c : name) {
    if (c == '.' || c == '_') {
      is_upper = true;
    } else {
      out += is_upper && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
      is_upper = false;
    }
  }
  return type.is_old ? out.append("V").append(version) : out;
}
/// Puts `lines` between two comments.
void fill(std::string& document, std::string_view begin, std::string_view end, const std::string& lines) {
  const auto from = document.find(begin);
  const auto to = document.find(end);
  if (from == std::string::npos || to == std::string::npos || to < from)
    throw std::invalid_argument("no place for the event types");
  const auto first = document.find('\n', from) + 1;
  document.replace(first, document.rfind('\n', to) + 1 - first, lines);
}

}  // namespace

std::string asyncapi_with_event_types(std::string_view document) {
  std::string references, messages;
  each_event_type([&](const EventType& type) {
    const auto name = message_name(type);
    const std::string full(type.name);
    references += "      " + name + ": { $ref: '#/components/messages/" + name + "' }\n";
    messages += "    " + name + ": { name: " + full + (type.is_old ? ", summary: Not written any more" : "") +
                ", traits: [ { $ref: '#/components/messageTraits/envelope' } ], payload: { $ref: 'events/" + full +
                ".json' } }\n";
  });
  std::string out(document);
  fill(out, "# Event types of this build", "# End of the event types", references);
  fill(out, "# Messages of the event types of this build", "# End of the messages of the event types", messages);
  return out;
}

}  // namespace parley::schema
