#pragma once
// A type says its fields once; reading with precise errors, writing and JSON Schema follow from it.
//
//   template <> inline constexpr auto fields<Created> = std::tuple{field("name", &Created::name, {.length_min = 1,
//   .length_max = 200})};
//
// Limits belong to requests. What stands in the log has none: lowering a limit must never make an old event unreadable.
#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <source_location>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "domain/kernel.h"
#include "schemas/json.h"

namespace parley::schema {

/// Where the schemas of described types are put, each once under its name, so that whatever mentions one refers to it.
struct Components {
  static constexpr std::string_view kPrefix = "#/components/schemas/";

  bool of_requests = false;  ///< What callers send: null stands for absent, and no text has the NUL character.
  std::map<std::string, std::string, std::less<>> schemas;

  /// Adds what another one has. Throws std::invalid_argument where the two mean different things by one name.
  void merge(const Components& other);
};

/// What a request's field may be; zero means no limit of its own. Lengths are Unicode characters, or elements of a
/// list, which may have to have one.
struct Limits {
  std::size_t length_min = 0;
  std::size_t length_max = 0;
  std::size_t element_length_max = 0;  ///< Of a list's texts.
  Components* components = nullptr;    ///< Of a schema: where it puts described types; in place where there is none.
};

/// A field's name in JSON and the member that holds it.
template <class Owner, class Member>
struct Field {
  std::string_view name;
  Member Owner::* member;
  Limits limits{};
  std::string_view description;  ///< For OpenAPI.
};
template <class Owner, class Member>
constexpr Field<Owner, Member> field(std::string_view name, Member Owner::* member, Limits limits = {},
                                     std::string_view description = {}) {
  return {name, member, limits, description};
}

/// What travels under a name of its own: the name, never changed once released; of an event, what it says; the fields.
template <class... Fields>
struct Wire {
  std::string_view type;
  std::string_view about;
  std::tuple<Fields...> fields;
};
/// Of an event, besides: what one of them tells (schemas/disclosed.h).
struct Telling;
template <class E, class... Fields>
struct EventWire {
  std::string_view type;
  std::string_view about;
  std::string (*words)(const E& event, const Telling& telling);
  std::tuple<Fields...> fields;
};
/// Of an event. `about`: a sentence without its full stop, for those who consume it. `words`: the same of one event,
/// for those who watch; a lambda.
template <class E, class... Fields>
constexpr EventWire<E, Fields...> event_type(std::string_view type, std::string_view about,
                                             std::string (*words)(const E&, const Telling&), Fields... fields) {
  return {type, about, words, {fields...}};
}
/// Of an event that is not written any more.
template <class... Fields>
constexpr Wire<Fields...> old_event_type(std::string_view type, std::string_view about, Fields... fields) {
  return {type, about, {fields...}};
}
/// Of commands, answers and states.
template <class... Fields>
constexpr Wire<Fields...> named_type(std::string_view type, Fields... fields) {
  return {type, {}, {fields...}};
}
/// Specialised once for each type that travels under a name, beside the type: event_type() or named_type().
template <class T>
inline constexpr int wire = 0;
namespace internal {
template <class T>
inline constexpr bool has_wire = !std::same_as<decltype(wire<T>), const int>;
template <class T>
constexpr auto fields_of() {
  if constexpr (has_wire<T>) {
    return wire<T>.fields;
  } else {
    return 0;
  }
}
template <class T>
constexpr std::string_view type_of() {
  if constexpr (has_wire<T>) {
    return wire<T>.type;
  } else {
    return "";
  }
}
}  // namespace internal

/// Those of wire<T>; specialised for types that travel inside others, without a name.
template <class T>
inline constexpr auto fields = internal::fields_of<T>();
template <class T>
concept Described = !std::same_as<decltype(fields<T>), const int>;

/// Specialised beside a described type of a surface: one value of it as JSON, for OpenAPI.
template <class T>
inline constexpr std::string_view example = "";

/// A type's name without its namespaces: "Session".
template <class T>
constexpr std::string_view type_title() {
  std::string_view text = std::source_location::current().function_name();  // "… [with T = parley::replyx::Session; …]"
  text.remove_prefix(text.find("T = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  return text.substr(text.rfind(':') + 1);
}

/// Specialised for each enumeration that travels: an array of pairs of value and name.
template <class T>
inline constexpr int names = 0;
template <class T>
concept Named = std::is_enum_v<T> && !std::same_as<decltype(names<T>), const int>;
template <Named T>
constexpr std::string_view name_of(T value) {
  for (const auto& [v, name] : names<T>) {
    if (v == value) return name;
  }
  return "unknown";
}
template <Named T>
constexpr std::optional<T> named(std::string_view text) {
  for (const auto& [v, name] : names<T>) {
    if (name == text) return v;
  }
  return std::nullopt;
}

/// Of an enumeration: its names.
template <Named T>
inline constexpr auto all_names = [] {
  std::array<std::string_view, names<T>.size()> out;
  std::ranges::transform(names<T>, out.begin(), [](const auto& pair) { return pair.second; });
  return out;
}();

/// Why a value was not accepted: the field's path ("allowed_domains[2]") and the problem, in words for the caller.
struct Problem {
  std::string field;
  std::string issue;
};
template <class T>
using Read = std::expected<T, Problem>;
std::unexpected<Problem> problem(std::string issue);
/// A problem of an element or a member, with its place before its path.
std::unexpected<Problem> problem_at(std::size_t index, Problem inner);
Problem problem_at(std::string_view name, Problem inner);

/// Unicode characters of valid UTF-8: every byte but the continuation ones.
inline std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Nothing for text that std::to_string() does not write ("07", "-0"): a number has one form, or two texts would have
/// one hash.
std::optional<std::int64_t> parse_integer(std::string_view text);

/// "2026-11-21T10:17:00.123Z"
std::string format_time(Timestamp time);
/// Nothing for text that format_time() does not write.
std::optional<Timestamp> parse_time(std::string_view text);

/// How one kind of value is read, written and described in JSON Schema.
template <class T>
struct Codec;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_patch = false;
template <class T>
inline constexpr bool is_patch<Patch<T>> = true;
template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;

/// Of a request that changes parts of something: what one becomes; nothing when the field is absent. Null is refused,
/// where Patch clears.
template <class T>
struct Given {
  std::optional<T> value;
  Given() = default;
  Given(T v) : value(std::move(v)) {}
};
template <class T>
inline constexpr bool is_given = false;
template <class T>
inline constexpr bool is_given<Given<T>> = true;
/// A value's part of a schema.
using WriteSchema = void (*)(json::Writer& w, const Limits& limits);
void nullable_schema(json::Writer& w, const Limits& limits, WriteSchema of_value);
void list_schema(json::Writer& w, const Limits& limits, WriteSchema of_element);
std::unexpected<Problem> not_one_of(std::span<const std::string_view> names);
void enum_schema(json::Writer& w, std::span<const std::string_view> names);
/// A text's part of a schema. `pattern`: what it must match besides (ECMA-262), where that is not empty.
void text_schema(json::Writer& w, const Limits& limits, std::string_view pattern = {});

template <>
struct Codec<std::string> {
  static Read<std::string> read(json::Value v, const Limits& limits);
  static void write(json::Writer& w, const std::string& s) { w.string(s); }
  static void schema(json::Writer& w, const Limits& limits);
};
/// Strong types around a text are texts in JSON.
template <class T, std::string T::* member>
struct TextCodec {
  static constexpr bool kIsText = true;
  static Read<T> read(json::Value v, const Limits& limits) {
    auto text = Codec<std::string>::read(v, limits);
    if (!text) return std::unexpected(std::move(text.error()));
    return T{std::move(*text)};
  }
  static void write(json::Writer& w, const T& value) { w.string(value.*member); }
  static void schema(json::Writer& w, const Limits& limits) { Codec<std::string>::schema(w, limits); }
};
template <>
struct Codec<Personal> : TextCodec<Personal, &Personal::text> {};
template <>
struct Codec<Sealed> : TextCodec<Sealed, &Sealed::box> {};
template <>
struct Codec<bool> {
  static Read<bool> read(json::Value v, const Limits&);
  static void write(json::Writer& w, bool b) { w.boolean(b); }
  static void schema(json::Writer& w, const Limits&);
};
template <>
struct Codec<std::int64_t> {
  static Read<std::int64_t> read(json::Value v, const Limits&);
  static void write(json::Writer& w, std::int64_t i) { w.integer(i); }
  static void schema(json::Writer& w, const Limits&);
};
/// A number with a fraction: only surfaces that document money so, never the domain.
template <>
struct Codec<double> {
  static Read<double> read(json::Value v, const Limits&);
  static void write(json::Writer& w, double d) { w.number(d); }
  static void schema(json::Writer& w, const Limits&);
};
template <>
struct Codec<Kopecks> {
  static Read<Kopecks> read(json::Value v, const Limits& limits) {
    auto amount = Codec<std::int64_t>::read(v, limits);
    if (!amount) return std::unexpected(std::move(amount.error()));
    return Kopecks{*amount};
  }
  static void write(json::Writer& w, Kopecks k) { w.integer(k.amount); }
  static void schema(json::Writer& w, const Limits& limits) { Codec<std::int64_t>::schema(w, limits); }
};
template <class Tag>
struct Codec<Id<Tag>> {
  static Read<Id<Tag>> read(json::Value v, const Limits&) {
    const auto id = v.integer();
    if (!id || *id <= 0 || *id > kIdMax) return problem("must be an id");
    return Id<Tag>{*id};
  }
  static void write(json::Writer& w, Id<Tag> id) { w.integer(id.value); }
  static void schema(json::Writer& w, const Limits& limits) { Codec<std::int64_t>::schema(w, limits); }
};
template <>
struct Codec<Timestamp> {
  static Read<Timestamp> read(json::Value v, const Limits&);
  static void write(json::Writer& w, Timestamp t) { w.string(format_time(t)); }
  static void schema(json::Writer& w, const Limits&);
};
template <Named T>
struct Codec<T> {
  static Read<T> read(json::Value v, const Limits&) {
    if (const auto text = v.string()) {
      if (const auto value = named<T>(*text)) return *value;
    }
    return not_one_of(all_names<T>);
  }
  static void write(json::Writer& w, T value) { w.string(name_of(value)); }
  static void schema(json::Writer& w, const Limits&) { enum_schema(w, all_names<T>); }
};
/// JSON text that is already written, as an answer carries an event's value unread.
struct Raw {
  std::string json;
};
template <>
struct Codec<Raw> {
  static void write(json::Writer& w, const Raw& raw) { w.raw(raw.json); }
  static void schema(json::Writer&, const Limits&) {}
};
/// Written as null when absent, where std::optional leaves the field out: what surfaces promise, and events do not.
template <class T>
struct Nullable {
  std::optional<T> value;
  Nullable() = default;
  Nullable(std::optional<T> v) : value(std::move(v)) {}
  Nullable(T v) : value(std::move(v)) {}
  Nullable(std::nullopt_t) {}
};
template <class T>
struct Codec<Nullable<T>> {
  static void write(json::Writer& w, const Nullable<T>& n) { n.value ? Codec<T>::write(w, *n.value) : w.null(); }
  static void schema(json::Writer& w, const Limits& limits) { nullable_schema(w, limits, Codec<T>::schema); }
};
/// In an object, absent is what leaves the field as it is; here null clears it.
template <class T>
struct Codec<Patch<T>> {
  static Read<Patch<T>> read(json::Value v, const Limits& limits) {
    if (v.is_null()) return Patch<T>(std::nullopt);
    auto value = Codec<T>::read(v, limits);
    if (!value) return std::unexpected(std::move(value.error()));
    return Patch<T>(std::move(*value));
  }
  static void write(json::Writer& w, const Patch<T>& patch) {
    patch.value ? Codec<T>::write(w, *patch.value) : w.null();
  }
  static void schema(json::Writer& w, const Limits& limits) { Codec<Nullable<T>>::schema(w, limits); }
};
template <class T>
struct Codec<Given<T>> {
  static Read<Given<T>> read(json::Value v, const Limits& limits) {
    if (v.is_null()) return problem("must not be null");
    auto value = Codec<T>::read(v, limits);
    if (!value) return std::unexpected(std::move(value.error()));
    return Given<T>(std::move(*value));
  }
  static void schema(json::Writer& w, const Limits& limits) { Codec<T>::schema(w, limits); }
};
template <class T>
struct Codec<std::vector<T>> {
  static Read<std::vector<T>> read(json::Value v, const Limits& limits) {
    if (!v.is_array()) return problem("must be a list");
    if (limits.length_min != 0 && v.size() == 0) return problem("must not be empty");
    if (limits.length_max != 0 && v.size() > limits.length_max)
      return problem("must have at most " + std::to_string(limits.length_max) + " elements");
    std::vector<T> out;
    out.reserve(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) {
      auto element = Codec<T>::read(v.at(i), {.length_max = limits.element_length_max});
      if (!element) return problem_at(i, std::move(element.error()));
      out.push_back(std::move(*element));
    }
    return out;
  }
  static void write(json::Writer& w, const std::vector<T>& list) {
    w.begin_array();
    for (const auto& element : list) Codec<T>::write(w, element);
    w.end_array();
  }
  static void schema(json::Writer& w, const Limits& limits) { list_schema(w, limits, Codec<T>::schema); }
};

/// A member of an object in JSON, or what is wrong with it: false. One function for all members of a type, whichever
/// their owners are.
template <class M>
bool read_member(json::Value object, std::string_view name, const Limits& limits, M& member, Problem& failed) {
  const auto value = object.member(name);
  const bool is_absent = !value.present() || value.is_null();
  const auto store = [&](auto result) {
    if (result) {
      member = std::move(*result);
    } else {
      failed = problem_at(name, std::move(result.error()));
    }
    return result.has_value();
  };
  if constexpr (is_optional<M>) {
    return is_absent || store(Codec<typename M::value_type>::read(value, limits));
  } else if constexpr (is_patch<M> || is_given<M>) {
    return !value.present() || store(Codec<M>::read(value, limits));
  } else {
    return is_absent ? store(Read<M>(problem("is required"))) : store(Codec<M>::read(value, limits));
  }
}
template <class M>
void write_member(json::Writer& w, std::string_view name, const M& member) {
  if constexpr (is_optional<M>) {
    if (!member) return;
    w.key(name);
    Codec<typename M::value_type>::write(w, *member);
  } else {
    if constexpr (is_patch<M>) {
      if (!member.given) return;
    }
    w.key(name);
    Codec<M>::write(w, member);
  }
}
// What most types are made of is compiled once, in fields.cc.
#define PARLEY_MEMBERS(of)                                                                                            \
  of(bool) of(std::int64_t) of(std::string) of(Personal) of(Sealed) of(Timestamp) of(Kopecks) of(AccountId)           \
      of(AssistantId) of(DialogId) of(MessageId) of(ApiKeyId) of(std::optional<bool>) of(std::optional<std::int64_t>) \
          of(std::optional<std::string>) of(std::optional<Personal>) of(std::optional<Sealed>)                        \
              of(std::optional<Timestamp>) of(std::optional<AccountId>) of(std::optional<AssistantId>)                \
                  of(Patch<std::string>) of(Patch<Personal>) of(Patch<Sealed>) of(std::vector<std::string>)           \
                      of(std::optional<std::vector<std::string>>)
#define PARLEY_DECLARED(M)                                                                         \
  extern template bool read_member<M>(json::Value, std::string_view, const Limits&, M&, Problem&); \
  extern template void write_member<M>(json::Writer&, std::string_view, const M&);
PARLEY_MEMBERS(PARLEY_DECLARED)
#undef PARLEY_DECLARED

/// A field without its type, for what tells of types.
struct DescribedField {
  std::string_view name;
  std::string_view description;
  Limits limits;
  bool may_be_absent = false;
  WriteSchema schema = nullptr;
  WriteSchema schema_in_requests = nullptr;  ///< Where null stands for absent.
};
void object_schema(json::Writer& w, std::span<const DescribedField> fields, std::string_view example,
                   Components* components);
/// The same under that name in `components`, and a reference to it here.
void named_object_schema(json::Writer& w, std::string_view name, std::span<const DescribedField> fields,
                         std::string_view example, Components& components);
template <class T, class M>
constexpr DescribedField described_field(const Field<T, M>& f) {
  if constexpr (is_optional<M>) {
    using Value = typename M::value_type;
    return {f.name, f.description, f.limits, true, Codec<Value>::schema, Codec<Nullable<Value>>::schema};
  } else {
    return {f.name, f.description, f.limits, is_patch<M> || is_given<M>, Codec<M>::schema, Codec<M>::schema};
  }
}
template <Described T>
inline constexpr auto described_fields = std::apply(
    [](const auto&... f) { return std::array<DescribedField, sizeof...(f)>{described_field(f)...}; }, fields<T>);

/// An object: the first problem is reported with the path of its field. Unknown fields are ignored.
template <Described T>
struct Codec<T> {
  static Read<T> read(json::Value v, const Limits&) {
    if (!v.is_object()) return schema::problem("must be an object");
    T out{};
    Problem failed;
    const auto one = [&](const auto& f) { return read_member(v, f.name, f.limits, out.*f.member, failed); };
    if (!std::apply([&](const auto&... f) { return (one(f) && ...); }, fields<T>))
      return std::unexpected(std::move(failed));
    return out;
  }
  static void write(json::Writer& w, const T& value) {
    w.begin_object();
    std::apply([&](const auto&... f) { (write_member(w, f.name, value.*f.member), ...); }, fields<T>);
    w.end_object();
  }
  static void schema(json::Writer& w, const Limits& limits) {
    if (limits.components == nullptr) return object_schema(w, described_fields<T>, example<T>, nullptr);
    named_object_schema(w, type_title<T>(), described_fields<T>, example<T>, *limits.components);
  }
};

/// A described value as JSON text.
template <class T>
std::string write(const T& value) {
  json::Writer w;
  Codec<T>::write(w, value);
  return w.take();
}
template <class T>
Read<T> read(json::Value v) {
  return Codec<T>::read(v, {});
}
/// Text from the log or a store: lenient. The problem of text that is no JSON has no field.
template <class T>
Read<T> read_text(std::string_view text) {
  const auto document = json::Document::parse(std::string(text), json::Strict::no);
  if (!document) return problem(document.error().issue);
  return read<T>(document->root());
}
/// JSON Schema (2020-12) of a type, as an object; with `components`, it refers to described types there.
template <class T>
std::string json_schema(Components* components = nullptr) {
  json::Writer w;
  w.begin_object();
  Codec<T>::schema(w, {.components = components});
  w.end_object();
  return w.take();
}

// A variant travels as the name of its alternative and the alternative's JSON.

/// An alternative's name on the wire.
template <class T>
inline constexpr std::string_view type_name = internal::type_of<T>();

template <class T>
inline constexpr bool is_variant = false;
template <class... Ts>
inline constexpr bool is_variant<std::variant<Ts...>> = true;

struct Encoded {
  std::string_view type;  ///< Lives for ever.
  std::string json;
};
/// Variants may be nested: the innermost alternative names the type.
template <class T>
Encoded encode(const T& value) {
  if constexpr (is_variant<T>) {
    return std::visit([](const auto& v) { return encode(v); }, value);
  } else {
    static_assert(!type_name<T>.empty(), "a type that travels has a name");
    return {type_name<T>, write(value)};
  }
}
/// The type that encode() would name.
template <class T>
std::string_view type_of(const T& value) {
  if constexpr (is_variant<T>) {
    return std::visit([](const auto& v) { return type_of(v); }, value);
  } else {
    return type_name<T>;
  }
}

/// Nothing for a name that no alternative has (a type from the future); a problem for a value that cannot be read.
template <class T>
Read<std::optional<T>> decode(std::string_view type, json::Value value) {
  if constexpr (is_variant<T>) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) -> Read<std::optional<T>> {
      Read<std::optional<T>> out{std::optional<T>{}};
      auto one = [&]<class A>(std::optional<A>*) {
        auto alternative = decode<A>(type, value);
        if (!alternative) {
          out = std::unexpected(std::move(alternative.error()));
          return true;
        }
        if (!*alternative) return false;
        out = std::optional<T>(std::in_place, std::move(**alternative));
        return true;
      };
      (void)(one(static_cast<std::optional<std::variant_alternative_t<I, T>>*>(nullptr)) || ...);
      return out;
    }(std::make_index_sequence<std::variant_size_v<T>>{});
  } else {
    if (type != type_name<T>) return std::optional<T>{};
    auto read = Codec<T>::read(value, {});
    if (!read) return std::unexpected(std::move(read.error()));
    return std::optional<T>(std::move(*read));
  }
}
template <class T>
Read<std::optional<T>> decode_text(std::string_view type, std::string_view text) {
  const auto document = json::Document::parse(std::string(text), json::Strict::no);
  if (!document) return problem(document.error().issue);
  return decode<T>(type, document->root());
}

}  // namespace parley::schema
