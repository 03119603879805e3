#pragma once
// What the body of a request may be, by the type that a Call has for it: JSON of a described type, and what stands
// here.
//
//   registry.command({.method = "POST", .path = "/widget/leads", ...}, +[](const Call<Nothing, FormEncoded<Lead>>&, ...
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/endpoint/failure.h"
#include "api/endpoint/parameters.h"
#include "api/http/message.h"
#include "schemas/fields.h"
#include "schemas/json.h"

namespace parley::endpoint {

/// The fields of a form (application/x-www-form-urlencoded), read into a described type whose members are texts,
/// numbers, booleans, names, and lists of those: with the limits and the errors that the same type has as JSON. A list
/// is its name several times; a name that the type does not have is ignored. Nothing that stands for null: what is not
/// sent is absent.
template <class T>
struct FormEncoded {
  T fields;
};

/// The bytes of the body as they came. Only for an endpoint that verifies them first (Spec::verify).
struct RawBody {
  std::string bytes;
  std::string content_type;  ///< As sent; empty when it was not.
};

/// A name and a value, decoded.
struct FormPair {
  std::string name;
  std::string value;
};
/// Of one form; those that the endpoint ignores count too.
inline constexpr std::size_t kFormPairsMax = 100;
/// In their order. An error names the value that is not UTF-8 or is not encoded as it must be.
Result<std::vector<FormPair>> form_pairs(std::string_view encoded);

/// The pairs of the body of a form, whose Content-Type says so or is not sent.
Result<std::vector<FormPair>> form_of(const http::Request& request);
/// The body as JSON: an empty one is {}, so that what is required is missed by name.
Result<json::Document> json_of(const http::Request& request);
/// The problem of a body as a whole is the body's.
schema::Problem at_body(schema::Problem problem);

namespace internal {

template <class M>
struct FormValue {
  using Type = M;
};
template <class M>
  requires schema::is_optional<M>
struct FormValue<M> : FormValue<typename M::value_type> {};
template <class M>
  requires(schema::is_patch<M> || schema::is_given<M>)
struct FormValue<M> : FormValue<typename decltype(M::value)::value_type> {};

template <class T>
concept WholeNumber = std::same_as<T, std::int64_t> || std::same_as<T, Kopecks>;
template <class T>
inline constexpr bool is_id = false;
template <class Tag>
inline constexpr bool is_id<Id<Tag>> = true;

/// A value that its type does not have stays a text, which the type then refuses in its own words.
template <class T>
void write_form_value(json::Writer& w, const std::string& text) {
  static_assert(!schema::Described<T> && !schema::is_list<T>, "a form has no values inside values");
  if constexpr (std::same_as<T, bool>) {
    if (text == "true" || text == "false") return w.boolean(text == "true");
  } else if constexpr (WholeNumber<T> || is_id<T>) {
    if (const auto number = schema::parse_integer(text)) return w.integer(*number);
  } else if constexpr (std::same_as<T, double>) {
    double number = 0;
    const auto end = text.data() + text.size();
    if (std::from_chars(text.data(), end, number, std::chars_format::fixed).ptr == end && !text.empty() &&
        number - number == 0)
      return w.number(number);
  }
  w.string(text);
}

/// The pairs as the JSON of a described type.
template <schema::Described T>
Result<std::string> json_of_form(const std::vector<FormPair>& pairs) {
  json::Writer w;
  std::optional<Failure> failed;
  const auto one = [&]<class M>(const schema::Field<T, M>& field) {
    using Value = typename FormValue<M>::Type;
    std::vector<const std::string*> values;
    for (const auto& pair : pairs) {
      if (pair.name == field.name) values.push_back(&pair.value);
    }
    if (values.empty()) return true;
    w.key(field.name);
    if constexpr (schema::is_list<Value>) {
      w.begin_array();
      for (const auto* value : values) write_form_value<typename Value::value_type>(w, *value);
      w.end_array();
    } else {
      if (values.size() > 1) failed = schema::Problem{std::string(field.name), "must not be given twice"};
      write_form_value<Value>(w, *values.front());
    }
    return !failed;
  };
  w.begin_object();
  std::apply([&](const auto&... field) { (void)(one(field) && ...); }, schema::fields<T>);
  w.end_object();
  if (failed) return fail(std::move(*failed));
  return w.take();
}

template <class T>
Result<T> read_described(const Result<json::Document>& document) {
  if (!document) return fail(document.error());
  auto value = schema::read<T>(document->root());
  if (!value) return fail(at_body(std::move(value.error())));
  return std::move(*value);
}

/// The fields of a form as their type.
template <schema::Described T>
Result<T> read_form(const std::vector<FormPair>& pairs) {
  const auto json = json_of_form<T>(pairs);
  if (!json) return fail(json.error());
  http::Request request;
  request.body = *json;
  return read_described<T>(json_of(request));
}

}  // namespace internal

/// How a body of that type is read and described. `described` of Nothing is not asked.
template <class B>
struct BodyCodec {
  static constexpr std::string_view kMediaType = "application/json";
  static std::string schema(schema::Components& components) { return schema::json_schema<B>(&components); }
  static bool required() { return !schema::read_text<B>("{}").has_value(); }
  static Result<B> read(const http::Request& request) { return internal::read_described<B>(json_of(request)); }
};
template <>
struct BodyCodec<Nothing> {
  static Result<Nothing> read(const http::Request&) { return Nothing{}; }
};
template <class T>
struct BodyCodec<FormEncoded<T>> {
  static constexpr std::string_view kMediaType = "application/x-www-form-urlencoded";
  static std::string schema(schema::Components& components) { return BodyCodec<T>::schema(components); }
  static bool required() { return BodyCodec<T>::required(); }
  static Result<FormEncoded<T>> read(const http::Request& request) {
    const auto pairs = form_of(request);
    if (!pairs) return fail(pairs.error());
    auto fields = internal::read_form<T>(*pairs);
    if (!fields) return fail(std::move(fields.error()));
    return FormEncoded<T>{std::move(*fields)};
  }
};
template <>
struct BodyCodec<RawBody> {
  static constexpr std::string_view kMediaType = "*/*";
  static std::string schema(schema::Components&) { return "{}"; }
  static bool required() { return true; }
  static Result<RawBody> read(const http::Request& request) {
    return RawBody{request.body, std::string(request.headers.get("Content-Type"))};
  }
};

}  // namespace parley::endpoint
