#include "schemas/fields.h"

#include <charconv>

namespace parley::schema {
namespace {

constexpr std::string_view kNoNul = R"(^[^\u0000]*$)";

void type(json::Writer& w, std::string_view name) {
  w.key("type");
  w.string(name);
}

}  // namespace

#define PARLEY_DEFINED(M)                                                                   \
  template bool read_member<M>(json::Value, std::string_view, const Limits&, M&, Problem&); \
  template void write_member<M>(json::Writer&, std::string_view, const M&);
PARLEY_MEMBERS(PARLEY_DEFINED)
#undef PARLEY_DEFINED

std::unexpected<Problem> problem(std::string issue) { return std::unexpected(Problem{"", std::move(issue)}); }
std::unexpected<Problem> problem_at(std::size_t index, Problem inner) {
  return std::unexpected(Problem{"[" + std::to_string(index) + "]" + inner.field, std::move(inner.issue)});
}
Problem problem_at(std::string_view name, Problem inner) {
  const bool is_own = inner.field.empty() || inner.field.front() == '[';
  return {std::string(name) + (is_own ? "" : ".") + inner.field, std::move(inner.issue)};
}
std::unexpected<Problem> not_one_of(std::span<const std::string_view> names) {
  std::string issue = "must be one of";
  for (const auto name : names) issue.append(" ").append(name);
  return problem(std::move(issue));
}

Read<std::string> Codec<std::string>::read(json::Value v, const Limits& limits) {
  const auto text = v.string();
  if (!text) return problem("must be a string");
  const auto length = limits.length_min != 0 || limits.length_max != 0 ? characters(*text) : 0;
  if (length < limits.length_min)
    return problem(length == 0 ? "must not be empty"
                               : "must be at least " + std::to_string(limits.length_min) + " characters");
  if (limits.length_max != 0 && length > limits.length_max)
    return problem("must be at most " + std::to_string(limits.length_max) + " characters");
  return std::string(*text);
}
void Codec<std::string>::schema(json::Writer& w, const Limits& limits) {
  text_schema(w, limits, limits.components != nullptr && limits.components->of_requests ? kNoNul : "");
}

void text_schema(json::Writer& w, const Limits& limits, std::string_view pattern) {
  type(w, "string");
  if (limits.length_min != 0) {
    w.key("minLength");
    w.integer(static_cast<std::int64_t>(limits.length_min));
  }
  if (limits.length_max != 0) {
    w.key("maxLength");
    w.integer(static_cast<std::int64_t>(limits.length_max));
  }
  if (!pattern.empty()) {
    w.key("pattern");
    w.string(pattern);
  }
}

void enum_schema(json::Writer& w, std::span<const std::string_view> names) {
  type(w, "string");
  w.key("enum");
  w.begin_array();
  for (const auto name : names) w.string(name);
  w.end_array();
}
void nullable_schema(json::Writer& w, const Limits& limits, WriteSchema of_value) {
  // As a union rather than a list of types, so that it holds for described types too.
  w.key("anyOf");
  w.begin_array();
  w.begin_object();
  of_value(w, limits);
  w.end_object();
  w.begin_object();
  type(w, "null");
  w.end_object();
  w.end_array();
}
void list_schema(json::Writer& w, const Limits& limits, WriteSchema of_element) {
  type(w, "array");
  w.key("items");
  w.begin_object();
  of_element(w, {.length_max = limits.element_length_max, .components = limits.components});
  w.end_object();
  if (limits.length_min != 0) {
    w.key("minItems");
    w.integer(1);
  }
  if (limits.length_max != 0) {
    w.key("maxItems");
    w.integer(static_cast<std::int64_t>(limits.length_max));
  }
}
void object_schema(json::Writer& w, std::span<const DescribedField> fields, std::string_view example,
                   Components* components) {
  type(w, "object");
  w.key("properties");
  w.begin_object();
  for (const auto& f : fields) {
    Limits limits = f.limits;
    limits.components = components;
    w.key(f.name);
    w.begin_object();
    (components != nullptr && components->of_requests ? f.schema_in_requests : f.schema)(w, limits);
    if (!f.description.empty()) {
      w.key("description");
      w.string(f.description);
    }
    w.end_object();
  }
  w.end_object();
  if (std::ranges::any_of(fields, [](const auto& f) { return !f.may_be_absent; })) {
    w.key("required");
    w.begin_array();
    for (const auto& f : fields) {
      if (!f.may_be_absent) w.string(f.name);
    }
    w.end_array();
  }
  if (!example.empty()) {
    w.key("examples");
    w.begin_array();
    w.raw(example);
    w.end_array();
  }
}
void named_object_schema(json::Writer& w, std::string_view name, std::span<const DescribedField> fields,
                         std::string_view example, Components& components) {
  const std::string key(name);
  if (components.schemas.try_emplace(key).second) {  // before its members, which may be of its type
    json::Writer own;
    own.begin_object();
    object_schema(own, fields, example, &components);
    own.end_object();
    components.schemas[key] = own.take();
  }
  w.key("$ref");
  w.string(std::string(Components::kPrefix) + key);
}

void Components::merge(const Components& other) {
  for (const auto& [name, schema] : other.schemas) {
    if (schemas.try_emplace(name, schema).first->second != schema)
      throw std::invalid_argument("two types are called " + name);
  }
}

Read<bool> Codec<bool>::read(json::Value v, const Limits&) {
  const auto b = v.boolean();
  if (!b) return problem("must be true or false");
  return *b;
}
void Codec<bool>::schema(json::Writer& w, const Limits&) { type(w, "boolean"); }

Read<std::int64_t> Codec<std::int64_t>::read(json::Value v, const Limits&) {
  const auto i = v.integer();
  if (!i || *i > kIdMax || *i < -kIdMax) return problem("must be an integer");
  return *i;
}
void Codec<std::int64_t>::schema(json::Writer& w, const Limits&) { type(w, "integer"); }

Read<double> Codec<double>::read(json::Value v, const Limits&) {
  const auto d = v.number();
  if (!d) return problem("must be a number");
  return *d;
}
void Codec<double>::schema(json::Writer& w, const Limits&) { type(w, "number"); }

Read<Timestamp> Codec<Timestamp>::read(json::Value v, const Limits&) {
  if (const auto text = v.string()) {
    if (const auto time = parse_time(*text)) return *time;
  }
  return problem("must be a time like 2026-11-21T10:17:00.123Z");
}
void Codec<Timestamp>::schema(json::Writer& w, const Limits&) {
  type(w, "string");
  w.key("format");
  w.string("date-time");
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  const auto digits = text.substr(text.front() == '-' ? 1 : 0);
  if (digits.front() == '0' && text.size() > 1) return std::nullopt;
  return value;
}

std::string format_time(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  // By hand: every event, answer and log line has a time, and snprintf takes longer than the rest of them.
  std::string text = "0000-00-00T00:00:00.000Z";
  const auto put = [&text](std::size_t at, std::size_t digits, auto value) {
    auto rest = static_cast<std::uint64_t>(value);
    for (std::size_t i = at + digits; i-- > at; rest /= 10) text[i] = static_cast<char>('0' + rest % 10);
  };
  put(0, 4, static_cast<int>(date.year()));
  put(5, 2, static_cast<unsigned>(date.month()));
  put(8, 2, static_cast<unsigned>(date.day()));
  put(11, 2, clock.hours().count());
  put(14, 2, clock.minutes().count());
  put(17, 2, clock.seconds().count());
  put(20, 3, clock.subseconds().count());
  return text;
}

std::optional<Timestamp> parse_time(std::string_view text) {
  if (text.size() != 24 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
      text[19] != '.' || text[23] != 'Z')
    return std::nullopt;
  auto digits = [&](std::size_t at, std::size_t n) -> int {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + n, value);
    return error == std::errc{} && end == text.data() + at + n && text[at] != '-' ? value : -1;
  };
  const int year = digits(0, 4), month = digits(5, 2), day = digits(8, 2), hour = digits(11, 2), minute = digits(14, 2),
            second = digits(17, 2), ms = digits(20, 3);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 59 || ms < 0)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second} + std::chrono::milliseconds{ms};
}

}  // namespace parley::schema
