#pragma once
// What an answer may be, by the type that an endpoint's function returns: JSON of a described type, and what stands
// here.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/endpoint/parameters.h"
#include "api/http/message.h"
#include "schemas/fields.h"

namespace parley::endpoint {

/// A query's answer that is one thing: its version is the answer's ETag, and what a later If-Match names.
template <class T>
struct Versioned {
  T value;
  std::int64_t version = 0;
};
/// A query's answer that is an array, or a part of one: where it goes on, the answer's X-Next-Cursor says.
template <class T>
struct Paged {
  std::vector<T> rows;
  std::optional<std::string> next_cursor;
};
/// text/plain, exactly so: what senders of webhooks look for ("OK").
struct PlainText {
  std::string text;
};

/// Where an endpoint may send its client: a constant of the program or of its settings, known by its address. A path of
/// this host ("/login") or a whole address ("https://oauth.example/authorize"), without query and fragment; the
/// registry refuses any other.
struct RedirectTarget {
  std::string url;
};
/// The client goes elsewhere (Spec::status 302, or 303 after a POST). Only to a target that its endpoint declares
/// (Spec::redirects); what comes from a request can stand in the query alone, where it is encoded.
struct Redirect {
  const RedirectTarget* to = nullptr;
  std::vector<std::pair<std::string, std::string>> query{};  ///< Name and value: {"state", ...}.
};
/// Of a Location, with its query: what most clients take.
inline constexpr std::size_t kLocationBytesMax = 8'000;
/// Whether a target is one as RedirectTarget says.
bool is_target(std::string_view url);
/// The target with its query. Throws std::length_error past kLocationBytesMax: the endpoint's parameters have limits.
std::string location(const Redirect& redirect);

/// An answer without its endpoint: status, ETag and framing are not in it.
struct Body {
  http::Response response{};
  std::optional<std::int64_t> version{};
  std::optional<std::string> next_cursor{};
  const RedirectTarget* redirect = nullptr;
  /// Where given, makes the response, with its status, of what the request's header says.
  std::move_only_function<http::Response(const http::Headers& request)> finish{};
};

/// How an answer of that type is written and described.
template <class Out>
struct AnswerCodec {
  static constexpr std::string_view kMediaType = "application/json";
  static constexpr bool kVersioned = false, kPaged = false, kIsList = schema::is_list<Out>, kIsFile = false;
  static std::string schema(schema::Components& components) { return schema::json_schema<Out>(&components); }
  static Body body(const Out& out) { return {http::Response::json(0, schema::write(out))}; }
};
template <class T>
struct AnswerCodec<Versioned<T>> : AnswerCodec<T> {
  static constexpr bool kVersioned = true;
  static Body body(const Versioned<T>& out) { return {AnswerCodec<T>::body(out.value).response, out.version}; }
};
template <class T>
struct AnswerCodec<Paged<T>> : AnswerCodec<std::vector<T>> {
  static constexpr bool kPaged = true;
  static Body body(const Paged<T>& out) {
    return {AnswerCodec<std::vector<T>>::body(out.rows).response, std::nullopt, out.next_cursor};
  }
};
/// An answer that is not JSON has no list and no version.
struct OtherAnswer {
  static constexpr bool kVersioned = false, kPaged = false, kIsList = false, kIsFile = false;
};
template <>
struct AnswerCodec<Nothing> : OtherAnswer {
  static constexpr std::string_view kMediaType = "";  // no body
  static std::string schema(schema::Components&) { return {}; }
  static Body body(const Nothing&) { return {}; }
};
template <>
struct AnswerCodec<PlainText> : OtherAnswer {
  static constexpr std::string_view kMediaType = "text/plain";
  static std::string schema(schema::Components&) { return R"({"type":"string"})"; }
  static Body body(const PlainText& out);
};
template <>
struct AnswerCodec<Redirect> : OtherAnswer {
  static constexpr std::string_view kMediaType = "";
  static std::string schema(schema::Components&) { return {}; }
  static Body body(const Redirect& out);
};

}  // namespace parley::endpoint
