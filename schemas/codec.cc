#include "schemas/events.h"

#include <utility>

#include "schemas/old_events.h"

namespace parley::schema {
namespace {

/// Whatever may stand in a log.
using AnyEvent = std::variant<Event, OldEvent>;

template <class T>
void add_types(std::vector<std::string_view>& out) {
  if constexpr (is_variant<T>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (add_types<std::variant_alternative_t<I, T>>(out), ...);
    }(std::make_index_sequence<std::variant_size_v<T>>{});
  } else {
    out.push_back(type_name<T>);
  }
}
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
void add_schemas(std::vector<std::pair<std::string_view, std::string>>& out) {
  if constexpr (is_variant<T>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (add_schemas<std::variant_alternative_t<I, T>>(out), ...);
    }(std::make_index_sequence<std::variant_size_v<T>>{});
  } else {
    static_assert(!about<T>.empty(), "an event type says what it is about");
    json::Writer w;
    w.begin_object();
    w.key("$schema");
    w.string("https://json-schema.org/draft/2020-12/schema");
    w.key("title");
    w.string(type_name<T>);
    w.key("description");
    w.string(about<T>);
    Codec<T>::schema(w, {});
    write_names<T, Personal>(w, "x-personal");
    write_names<T, Sealed>(w, "x-sealed");
    w.end_object();
    out.emplace_back(type_name<T>, json::pretty(w.text()));
  }
}

/// Its own, and that of what is optional or in a list.
template <class M>
std::string_view kind_of_field() {
  if constexpr (is_optional<M> || internal::is_list<M>) {
    return kind_of_field<typename M::value_type>();
  } else if constexpr (is_patch<M>) {
    return kind_of_field<typename decltype(M::value)::value_type>();
  } else if constexpr (std::same_as<M, Personal>) {
    return "personal text";
  } else if constexpr (std::same_as<M, Sealed>) {
    return "encrypted";
  } else if constexpr (std::same_as<M, std::string> || Named<M>) {
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
inline constexpr bool is_list = internal::is_list<M>;
template <class M>
inline constexpr bool is_list<std::optional<M>> = is_list<M>;
template <class T>
void add_to_catalogue(std::string& out) {
  if constexpr (is_variant<T>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (add_to_catalogue<std::variant_alternative_t<I, T>>(out), ...);
    }(std::make_index_sequence<std::variant_size_v<T>>{});
  } else {
    out.append("\n## ").append(type_name<T>).append("\n\n").append(about<T>).append(".\n");
    if constexpr (std::tuple_size_v<decltype(fields<T>)> != 0) out.append("\n| field | is | |\n|---|---|---|\n");
    const auto row = [&]<class M>(const Field<T, M>& f) {
      out.append("| `").append(f.name).append("` | ").append(is_list<M> ? "list of " : "").append(kind_of_field<M>());
      if constexpr (is_optional<M>) out.append(", may be absent");
      if constexpr (is_patch<M>) out.append("; absent: as it was, null: cleared");
      out.append(" | ");
      if constexpr (Named<M>) {
        for (bool first = true; const auto& [value, name] : names<M>)
          out.append(std::exchange(first, false) ? "" : ", ").append("`").append(name).append("`");
      }
      out.append(f.description).append(" |\n");
    };
    std::apply([&](const auto&... f) { (row(f), ...); }, fields<T>);
  }
}

/// Variants may be nested, as encode() has them.
template <class T>
std::string disclosed_alternative(const T& value, Disclosure disclosure) {
  if constexpr (is_variant<T>) {
    return std::visit([&](const auto& v) { return disclosed_alternative(v, disclosure); }, value);
  } else {
    return disclosed(value, disclosure);
  }
}

}  // namespace

Read<std::optional<Event>> decode_event(std::string_view type, std::string_view value) {
  auto event = decode_text<AnyEvent>(type, value);
  if (!event) return std::unexpected(std::move(event.error()));
  if (!*event) return std::optional<Event>{};
  return std::visit(overloaded{[](Event&& known) { return std::move(known); },
                               [](OldEvent&& old_event) { return std::visit([](const auto& e) { return upcast(e); }, old_event); }},
                    std::move(**event));
}
Encoded encode_event(const Event& event) { return encode(event); }
Read<std::optional<std::string>> disclosed_event(std::string_view type, std::string_view value, Disclosure disclosure) {
  // As it stands there: not what it means today.
  const auto event = decode_text<AnyEvent>(type, value);
  if (!event) return std::unexpected(event.error());
  if (!*event) return std::optional<std::string>{};
  return disclosed_alternative(**event, disclosure);
}

std::string encode_state(const State& state) {
  const auto encoded = encode(state);
  return std::string(encoded.type) + " " + encoded.json;
}
Read<State> decode_state(std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return problem("is no state");
  auto state = decode_text<State>(text.substr(0, space), text.substr(space + 1));
  if (!state) return std::unexpected(std::move(state.error()));
  if (!*state) return problem("unknown type of state");
  return std::move(**state);
}

std::vector<std::string_view> event_types() {
  std::vector<std::string_view> out;
  add_types<AnyEvent>(out);
  return out;
}

std::vector<std::pair<std::string_view, std::string>> event_schemas() {
  std::vector<std::pair<std::string_view, std::string>> out;
  add_schemas<AnyEvent>(out);
  return out;
}

std::string event_catalogue() {
  std::string out =
      "# Catalogue of event types\n\nWhat `ce_type` may be, and the fields of the value. Made of the types of this build; the JSON Schemas are in\n"
      "[schemas/events](../schemas/events), how to read the topic in [events.md](events.md).\n";
  add_to_catalogue<AnyEvent>(out);
  return out;
}

}  // namespace parley::schema
