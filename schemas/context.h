#pragma once
// A context on the wire, as the rest of the house sees it: a table of its types and of what can be done with each, made
// of the context's descriptions (schemas/contexts/) when the program is composed. Internal to schemas/; the functions
// that use it are in events.h, commands.h, replies.h, directory.h.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/model.h"
#include "schemas/directory.h"
#include "schemas/disclosed.h"
#include "schemas/events.h"
#include "schemas/fields.h"

namespace parley::schema {

/// A field as the catalogue of events shows it.
struct CatalogueField {
  std::string_view name;
  std::string_view description;
  std::string_view kind;
  bool is_list;
  bool is_optional;
  bool is_patch;
  std::span<const std::string_view> names;  ///< Of an enumeration.
};
/// A type of event that may stand in a log.
struct EventType {
  std::string_view name;
  bool is_old;                         ///< Not written any more.
  Read<Event> (*read)(json::Value v);  ///< An old one as what it means today.
  Read<std::string> (*disclosed)(json::Value v, Disclosure disclosure);
  std::string (*json_schema)();
  std::string_view about;
  std::span<const CatalogueField> fields;
};
/// A type of command, answer or state.
template <class AnyOf>
struct NamedType {
  std::string_view name;
  Read<AnyOf> (*read)(json::Value v);
  Read<std::string> (*disclosed)(json::Value v, Disclosure disclosure);
};
/// Entries of the directory under one prefix.
struct EntryType {
  std::string_view prefix;  ///< "site_token/"
  std::optional<Stream> (*stream)(std::string_view value);
  std::string (*json_schema)();
};

/// Nothing where the context has no such part.
struct ContextSchema {
  std::span<const EventType> events;
  bool (*has_event)(const Event&) = nullptr;
  Encoded (*encode_event)(const Event&) = nullptr;
  std::string (*in_words)(const Event&, const Telling&) = nullptr;
  std::vector<Stream> (*streams_named)(const Event&) = nullptr;

  std::span<const NamedType<State>> states;
  bool (*has_state)(const State&) = nullptr;
  Encoded (*encode_state)(const State&) = nullptr;

  std::span<const NamedType<Command>> commands;
  bool (*has_command)(const Command&) = nullptr;
  Encoded (*encode_command)(const Command&) = nullptr;

  std::span<const NamedType<Answer>> answers;
  bool (*has_answer)(const Answer&) = nullptr;
  Encoded (*encode_answer)(const Answer&) = nullptr;

  std::span<const EntryType> entries;
  std::vector<DirectoryRecord> (*directory)(const Stream&, const State&) = nullptr;
};

Encoded encode_command(const Command& command);
/// Nothing for a type that this build does not know.
Read<std::optional<Command>> decode_command(std::string_view type, json::Value value);
Encoded encode_answer(const Answer& answer);
Read<std::optional<Answer>> decode_answer(std::string_view type, json::Value value);
/// An answer as it may be shown (disclosed.h). Nothing for a type that this build does not know.
Read<std::optional<std::string>> disclosed_answer(std::string_view type, json::Value value, Disclosure disclosure);

/// All of them, in the order of domain/contexts.def. Throws std::logic_error when two types, or two prefixes, have one
/// name.
std::span<const ContextSchema* const> contexts();

}  // namespace parley::schema
