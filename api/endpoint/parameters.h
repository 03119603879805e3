#pragma once
// Path, query and header parameters of an endpoint, typed: a type says them once, and reading and OpenAPI follow.
//
//   template <> inline constexpr auto parameters<Page> = std::tuple{query("limit", &Page::limit, {.min = 1, .max =
//   100}, "How many")};
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "api/endpoint/failure.h"
#include "api/http/message.h"
#include "schemas/fields.h"
#include "schemas/point_in_time.h"

namespace parley::endpoint {

enum class In { path, query, header };

/// Of a number: its range (both zero: any). Of a text: its length in bytes, and, for OpenAPI alone, the pattern that
/// its endpoint asks for.
struct Bounds {
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::size_t length_max = 0;
  std::string_view pattern{};
};

template <class Owner, class Member>
struct Parameter {
  In in;
  std::string_view name;
  Member Owner::* member;
  Bounds bounds;
  std::string_view description;
};
template <class Owner, class Member>
constexpr Parameter<Owner, Member> path(std::string_view name, Member Owner::* member,
                                        std::string_view description = {}) {
  return {In::path, name, member, {}, description};
}
/// One that is no std::optional keeps its member's initial value when it is not given.
template <class Owner, class Member>
constexpr Parameter<Owner, Member> query(std::string_view name, Member Owner::* member, Bounds bounds = {},
                                         std::string_view description = {}) {
  return {In::query, name, member, bounds, description};
}
template <class Owner, class Member>
constexpr Parameter<Owner, Member> header(std::string_view name, Member Owner::* member, Bounds bounds = {},
                                          std::string_view description = {}) {
  return {In::header, name, member, bounds, description};
}

/// Specialised once for each type of parameters, beside the type.
template <class T>
inline constexpr int parameters = 0;

/// No parameters; or no body.
struct Nothing {};
template <>
inline constexpr auto parameters<Nothing> = std::tuple<>{};

/// As a decimal number without sign, space or needless zeros. Nothing for anything else and for what is past kIdMax.
std::optional<std::int64_t> plain_integer(std::string_view text);

template <class T>
struct ParameterCodec;
template <>
struct ParameterCodec<std::string> {
  static schema::Read<std::string> read(std::string_view text, const Bounds& bounds);
  static void schema(json::Writer& w, const Bounds& bounds);
};
template <>
struct ParameterCodec<std::int64_t> {
  static schema::Read<std::int64_t> read(std::string_view text, const Bounds& bounds);
  static void schema(json::Writer& w, const Bounds& bounds);
};
template <class Tag>
struct ParameterCodec<Id<Tag>> {
  static schema::Read<Id<Tag>> read(std::string_view text, const Bounds&) {
    const auto id = plain_integer(text);
    if (!id || *id == 0) return schema::problem("must be an id");
    return Id<Tag>{*id};
  }
  static void schema(json::Writer& w, const Bounds&) {
    ParameterCodec<std::int64_t>::schema(w, {.min = 1, .max = kIdMax});
  }
};
template <schema::Named T>
struct ParameterCodec<T> {
  static schema::Read<T> read(std::string_view text, const Bounds&) {
    if (const auto value = schema::named<T>(text)) return *value;
    std::string issue = "must be one of";
    for (const auto& [value, name] : schema::names<T>) issue += " " + std::string(name);
    return schema::problem(std::move(issue));
  }
  static void schema(json::Writer& w, const Bounds&) { schema::Codec<T>::schema(w, {}); }
};
template <>
struct ParameterCodec<schema::PointInTime> {
  static schema::Read<schema::PointInTime> read(std::string_view text, const Bounds&);
  static void schema(json::Writer& w, const Bounds&);
};
template <class T>
struct ParameterCodec<std::optional<T>> {
  static schema::Read<std::optional<T>> read(std::string_view text, const Bounds& bounds) {
    auto value = ParameterCodec<T>::read(text, bounds);
    if (!value) return std::unexpected(std::move(value.error()));
    return std::optional<T>(std::move(*value));
  }
  static void schema(json::Writer& w, const Bounds& bounds) { ParameterCodec<T>::schema(w, bounds); }
};

/// The text of a parameter as it was sent; nothing when it was not.
std::optional<std::string_view> sent(const http::Request& request, In in, std::string_view name);

/// The first problem names its parameter. Parameters that the type does not name are ignored.
template <class T>
Result<T> read_parameters(const http::Request& request) {
  T out{};
  std::optional<Failure> failed;
  auto one = [&]<class M>(const Parameter<T, M>& p) {
    const auto text = sent(request, p.in, p.name);
    if (!text) return true;
    auto value = ParameterCodec<M>::read(*text, p.bounds);
    if (value) {
      out.*p.member = std::move(*value);
    } else {
      failed = schema::Problem{std::string(p.name), std::move(value.error().issue)};
    }
    return value.has_value();
  };
  std::apply([&](const auto&... p) { (void)(one(p) && ...); }, parameters<T>);
  if (failed) return fail(std::move(*failed));
  return out;
}

/// A parameter as OpenAPI has it.
struct DescribedParameter {
  In in;
  std::string name;
  std::string description;
  std::string schema;  ///< JSON
};
template <class T>
std::vector<DescribedParameter> described_parameters() {
  std::vector<DescribedParameter> out;
  auto one = [&]<class M>(const Parameter<T, M>& p) {
    json::Writer w;
    w.begin_object();
    ParameterCodec<M>::schema(w, p.bounds);
    if constexpr (std::same_as<M, std::int64_t>) {
      w.key("default");
      w.integer(T{}.*p.member);
    }
    w.end_object();
    out.push_back({p.in, std::string(p.name), std::string(p.description), w.take()});
  };
  std::apply([&](const auto&... p) { (one(p), ...); }, parameters<T>);
  return out;
}

}  // namespace parley::endpoint

namespace parley::schema {
template <>
inline constexpr auto fields<endpoint::Nothing> = std::tuple<>{};
}  // namespace parley::schema
