#pragma once
// The functions of a context's table (context.h), made of its types' descriptions. Included by schemas/contexts/*.cc
// alone: what is instantiated here is compiled there and nowhere else.
#include <array>
#include <concepts>
#include <utility>

#include "schemas/context.h"

namespace parley::schema {
namespace internal {

template <class M>
inline constexpr bool is_id = false;
template <class Tag>
inline constexpr bool is_id<Id<Tag>> = true;

/// The names of the fields that are an M, or may be.
template <class T, class M>
void write_names(json::Writer& w, std::string_view key) {
  bool any = false;
  const auto one = [&]<class F>(const Field<T, F>& f) {
    if constexpr (std::same_as<F, M> || std::same_as<F, std::optional<M>> || std::same_as<F, Patch<M>>) {
      if (!std::exchange(any, true)) {
        w.key(key);
        w.begin_array();
      }
      w.string(f.name);
    }
  };
  std::apply([&](const auto&... f) { (one(f), ...); }, fields<T>);
  if (any) w.end_array();
}
template <class T>
std::string event_json_schema() {
  json::Writer w;
  w.begin_object();
  w.key("$schema");
  w.string("https://json-schema.org/draft/2020-12/schema");
  w.key("title");
  w.string(type_name<T>);
  w.key("description");
  w.string(wire<T>.about);
  Codec<T>::schema(w, {});
  write_names<T, Personal>(w, "x-personal");
  write_names<T, Sealed>(w, "x-sealed");
  w.end_object();
  return json::pretty(w.text());
}

/// Its own, and that of what is optional or in a list.
template <class M>
constexpr std::string_view kind_of_field() {
  if constexpr (is_optional<M> || is_list<M>) {
    return kind_of_field<typename M::value_type>();
  } else if constexpr (is_patch<M>) {
    return kind_of_field<typename decltype(M::value)::value_type>();
  } else if constexpr (std::same_as<M, Personal>) {
    return "personal text";
  } else if constexpr (std::same_as<M, Sealed>) {
    return "encrypted";
  } else if constexpr (std::same_as<M, std::string> || Named<M> || requires { Codec<M>::kIsText; }) {
    return "text";
  } else if constexpr (std::same_as<M, bool>) {
    return "true or false";
  } else if constexpr (std::same_as<M, Timestamp>) {
    return "time";
  } else if constexpr (Described<M>) {
    return "object";
  } else {
    return "integer";
  }
}
template <class M>
inline constexpr bool may_be_list = is_list<M>;
template <class M>
inline constexpr bool may_be_list<std::optional<M>> = is_list<M>;
template <class T, class M>
constexpr CatalogueField catalogue_field(const Field<T, M>& f) {
  CatalogueField out{f.name, f.description, kind_of_field<M>(), may_be_list<M>, is_optional<M>, is_patch<M>, {}};
  if constexpr (Named<M>) out.names = all_names<M>;
  return out;
}
template <class T>
inline constexpr auto catalogue_fields = std::apply(
    [](const auto&... f) { return std::array<CatalogueField, sizeof...(f)>{catalogue_field(f)...}; }, fields<T>);

/// The stream that a field names, if its type is an id of one.
template <class M>
std::optional<Stream> stream_named_by(const M& member) {
  if constexpr (is_optional<M>) {
    return member ? stream_named_by(*member) : std::nullopt;
  } else if constexpr (is_id<M>) {
    constexpr std::optional<Kind> kind = stream_kind<M>;
    return kind ? std::optional(Stream{*kind, member.value}) : std::nullopt;
  } else {
    return std::nullopt;
  }
}

template <class AnyOf, class Variant, class T>
Read<AnyOf> read_as(json::Value v) {
  auto value = Codec<T>::read(v, {});
  if (!value) return std::unexpected(std::move(value.error()));
  return AnyOf(Variant(std::move(*value)));
}
/// An old type comes as what it means today: the context's file has upcast(const T&), to its own Event.
template <class Variant, class T>
Read<Event> read_old(json::Value v) {
  auto value = Codec<T>::read(v, {});
  if (!value) return std::unexpected(std::move(value.error()));
  return Event(Variant(upcast(*value)));
}
template <class T>
Read<std::string> read_disclosed(json::Value v, Disclosure disclosure) {
  const auto value = Codec<T>::read(v, {});
  if (!value) return std::unexpected(value.error());
  return schema::disclosed(*value, disclosure);
}
template <class T>
constexpr EventType event_type_of(bool is_old, Read<Event> (*read)(json::Value)) {
  static_assert(!type_name<T>.empty() && !wire<T>.about.empty(), "an event type has a name and says what it is about");
  return {type_name<T>, is_old, read, read_disclosed<T>, event_json_schema<T>, wire<T>.about, catalogue_fields<T>};
}
template <class Variant, class... Ts, class... Old>
constexpr auto event_types_of(std::variant<Ts...>*, std::variant<Old...>*) {
  return std::array{event_type_of<Ts>(false, read_as<Event, Variant, Ts>)...,
                    event_type_of<Old>(true, read_old<Variant, Old>)...};
}
template <class Variant, class... Ts>
constexpr auto event_types_of(std::variant<Ts...>*, void*) {
  return std::array{event_type_of<Ts>(false, read_as<Event, Variant, Ts>)...};
}
template <class AnyOf, class Variant, class... Ts>
constexpr auto named_types_of(std::variant<Ts...>*) {
  return std::array{NamedType<AnyOf>{type_name<Ts>, read_as<AnyOf, Variant, Ts>, read_disclosed<Ts>}...};
}
template <class Variant, class Old>
inline constexpr auto event_types = event_types_of<Variant>(static_cast<Variant*>(nullptr), static_cast<Old*>(nullptr));
template <class AnyOf, class Variant>
inline constexpr auto named_types = named_types_of<AnyOf, Variant>(static_cast<Variant*>(nullptr));

}  // namespace internal

/// `Old`: a variant of the types that are not written any more, or void.
template <class Variant, class Old = void>
constexpr void add_events(ContextSchema& out) {
  out.events = internal::event_types<Variant, Old>;
  out.has_event = [](const Event& e) { return e.holds<Variant>(); };
  out.encode_event = [](const Event& e) { return encode(e.get<Variant>()); };
  out.in_words = [](const Event& event, const Telling& telling) {
    return std::visit([&]<class E>(const E& e) { return wire<E>.words(e, telling); }, event.get<Variant>());
  };
  out.streams_named = [](const Event& event) {
    std::vector<Stream> streams;
    const auto take = [&](const auto& member) {
      if (const auto stream = internal::stream_named_by(member)) streams.push_back(*stream);
    };
    std::visit([&]<class E>(const E& e) { std::apply([&](const auto&... f) { (take(e.*f.member), ...); }, fields<E>); },
               event.get<Variant>());
    return streams;
  };
}
template <class Variant>
constexpr void add_states(ContextSchema& out) {
  out.states = internal::named_types<State, Variant>;
  out.has_state = [](const State& s) { return s.holds<Variant>(); };
  out.encode_state = [](const State& s) { return encode(s.get<Variant>()); };
}
template <class Variant>
constexpr void add_commands(ContextSchema& out) {
  out.commands = internal::named_types<Command, Variant>;
  out.has_command = [](const Command& c) { return c.holds<Variant>(); };
  out.encode_command = [](const Command& c) { return encode(c.get<Variant>()); };
}
template <class Variant>
constexpr void add_answers(ContextSchema& out) {
  out.answers = internal::named_types<Answer, Variant>;
  out.has_answer = [](const Answer& a) { return a.holds<Variant>(); };
  out.encode_answer = [](const Answer& a) { return encode(a.get<Variant>()); };
}
/// `id_of`: which of the entry's ids is its stream's.
template <class Entry, auto id_member>
constexpr EntryType entry_type(std::string_view prefix) {
  return {prefix,
          [](std::string_view value) -> std::optional<Stream> {
            const auto entry = read_text<Entry>(value);
            return entry ? internal::stream_named_by((*entry).*id_member) : std::nullopt;
          },
          [] { return json::pretty(json_schema<Entry>()); }};
}

}  // namespace parley::schema
