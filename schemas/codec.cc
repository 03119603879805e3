#include "schemas/events.h"
#include "schemas/old_events.h"

namespace parley::schema {
namespace {

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
template <class T>
void add_schemas(std::vector<std::pair<std::string_view, std::string>>& out) {
  if constexpr (is_variant<T>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (add_schemas<std::variant_alternative_t<I, T>>(out), ...);
    }(std::make_index_sequence<std::variant_size_v<T>>{});
  } else {
    const auto schema = json_schema<T>();
    out.emplace_back(type_name<T>, json::pretty(R"({"$schema":"https://json-schema.org/draft/2020-12/schema","title":")" + std::string(type_name<T>) +
                                                R"(",)" + schema.substr(1)));
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
  auto event = decode_text<Event>(type, value);
  if (!event || *event) return event;
  const auto old_event = decode_text<OldEvent>(type, value);
  if (!old_event) return std::unexpected(old_event.error());
  if (!*old_event) return std::optional<Event>{};
  return std::visit([](const auto& e) { return upcast(e); }, **old_event);
}
Encoded encode_event(const Event& event) { return encode(event); }
Read<std::optional<std::string>> disclosed_event(std::string_view type, std::string_view value, Disclosure disclosure) {
  // As it stands there: not what it means today.
  const auto event = decode_text<std::variant<Event, OldEvent>>(type, value);
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
  add_types<std::variant<Event, OldEvent>>(out);
  return out;
}

std::vector<std::pair<std::string_view, std::string>> event_schemas() {
  std::vector<std::pair<std::string_view, std::string>> out;
  add_schemas<std::variant<Event, OldEvent>>(out);
  return out;
}

}  // namespace parley::schema
