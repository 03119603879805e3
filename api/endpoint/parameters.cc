#include "api/endpoint/parameters.h"

#include <fmt/format.h>

#include <charconv>

namespace parley::endpoint {

std::optional<std::int64_t> plain_integer(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-' || value > kIdMax)
    return std::nullopt;
  return value;
}

schema::Read<std::string> ParameterCodec<std::string>::read(std::string_view text, const Bounds& bounds) {
  if (bounds.length_max != 0 && text.size() > bounds.length_max) {
    return schema::problem(fmt::format("must be at most {} characters", bounds.length_max));
  }
  return std::string(text);
}
void ParameterCodec<std::string>::schema(json::Writer& w, const Bounds& bounds) {
  schema::text_schema(w, {.length_max = bounds.length_max}, bounds.pattern);
}

schema::Read<std::int64_t> ParameterCodec<std::int64_t>::read(std::string_view text, const Bounds& bounds) {
  const auto value = plain_integer(text);
  if (value && *value >= bounds.min && (bounds.max == 0 || *value <= bounds.max)) return *value;
  if (bounds.max == 0) return schema::problem("must be an integer");
  return schema::problem(fmt::format("must be an integer from {} to {}", bounds.min, bounds.max));
}
void ParameterCodec<std::int64_t>::schema(json::Writer& w, const Bounds& bounds) {
  schema::Codec<std::int64_t>::schema(w, {});
  w.key("minimum");
  w.integer(bounds.min);
  w.key("maximum");
  w.integer(bounds.max == 0 ? kIdMax : bounds.max);
}

schema::Read<schema::PointInTime> ParameterCodec<schema::PointInTime>::read(std::string_view text, const Bounds&) {
  if (const auto point = schema::parse_point_in_time(text)) return *point;
  return schema::problem(std::string(schema::kPointInTimeIssue));
}
void ParameterCodec<schema::PointInTime>::schema(json::Writer& w, const Bounds&) {
  schema::text_schema(w, {}, schema::kPointInTimePattern);
  w.key("examples");
  w.begin_array();
  for (const auto* example : {"7", "2026-11-21T10:17:00.123Z", "2026-11-21T10:17:00Z", "2026-11-21"}) w.string(example);
  w.end_array();
}

std::optional<std::string_view> sent(const http::Request& request, In in, std::string_view name) {
  switch (in) {
    case In::path:
      return request.path.find(name);
    case In::query:
      return request.query.find(name);
    case In::header:
      if (!request.headers.has(name)) return std::nullopt;
      return request.headers.get(name);
  }
  return std::nullopt;
}

}  // namespace parley::endpoint
