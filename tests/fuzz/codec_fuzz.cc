// JSON, and what travels as JSON: commands, outcomes, replies' envelopes and deciders' states. An input is a record
// (fuzz_input.h), whose key is the header "key"; every reader is shown it.
#include <cmath>
#include <string>

#include "schemas/commands.h"
#include "schemas/contexts/dialogs.h"
#include "schemas/events.h"
#include "schemas/json_limits.h"
#include "schemas/replies.h"
#include "tests/fuzz/fuzz_input.h"

namespace parley::schema {
namespace {

/// Every kind of field that there is.
struct Inner {
  std::string text;
  std::optional<std::int64_t> integer;
};
struct Sample {
  std::string text;
  std::optional<Personal> personal;
  std::optional<std::int64_t> integer;
  std::optional<double> number;
  std::optional<bool> boolean;
  std::optional<MessageId> id;
  std::optional<Timestamp> time;
  std::optional<dialogs::Sender> sender;
  std::optional<std::vector<std::string>> texts;
  std::optional<std::vector<Inner>> inners;
};

}  // namespace
template <>
inline constexpr auto fields<Inner> = std::tuple{field("text", &Inner::text), field("integer", &Inner::integer)};
template <>
inline constexpr auto fields<Sample> = std::tuple{
    field("text", &Sample::text, {.length_max = 40}),
    field("personal", &Sample::personal, {.length_min = 1}),
    field("integer", &Sample::integer),
    field("number", &Sample::number),
    field("boolean", &Sample::boolean),
    field("id", &Sample::id),
    field("time", &Sample::time),
    field("sender", &Sample::sender),
    field("texts", &Sample::texts, {.length_max = 4, .element_length_max = 8}),
    field("inners", &Sample::inners),
};
namespace {

using fuzz::must;

HeaderLookup lookup(const Headers& headers) {
  return [&headers](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [key, value] : headers) {
      if (key == name) return std::string_view(value);
    }
    return std::nullopt;
  };
}

/// Members and elements of JSON: in each list and object one more than commas, where it has any.
std::size_t values_in(std::string_view json) {
  std::size_t values = 0;
  bool is_string = false, has_begun = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (is_string) {
      if (c == '\\') ++i;
      is_string = c != '"';
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    values += has_begun && c != ']' && c != '}' ? 1 : 0;
    values += c == ',' ? 1 : 0;
    has_begun = c == '[' || c == '{';
    is_string = c == '"';
  }
  return values;
}

void check_json(std::string_view text) {
  auto strict = json::Document::parse("null", json::Strict::yes);
  fuzz::must_be_linear(text.size(), "what callers send is read in linear space",
                       [&] { strict = json::Document::parse(std::string(text), json::Strict::yes); });
  must(strict ? values_in(text) <= json::kValuesMax : strict.error().field.size() <= json::kPathBytesMax,
       "what callers send has a bounded number of values, and its problem a short path");
  const auto lenient = json::Document::parse(std::string(text), json::Strict::no);
  must(lenient || !strict, "what callers may send can be read back");
  if (!strict) return;
  must(json::Document::parse(json::pretty(text), json::Strict::yes).has_value(), "a layout stays JSON");
  json::Writer w;
  w.begin_array();
  w.raw(text);
  w.end_array();
  must(json::Document::parse(w.take(), json::Strict::no).has_value(), "what is carried unread stays JSON");
  auto sample = read<Sample>(strict->root());
  if (!sample) return;
  if (sample->number) {
    // RapidJSON's quick reading of a fraction may be off in the last place; no fraction stands in the log.
    const auto number = json::Document::parse(write(Sample{.number = sample->number}), json::Strict::yes)
                            ->root()
                            .member("number")
                            .number();
    must(number && std::abs(*number - *sample->number) <= std::abs(*number) * 1e-15, "a fraction stays what it is");
    sample->number.reset();
  }
  const auto written = write(*sample);
  const auto again = json::Document::parse(written, json::Strict::yes);
  must(again.has_value(), "what was read can be written and sent again");
  const auto reread = read<Sample>(again->root());
  must(reread && reread->text == sample->text && reread->personal == sample->personal &&
           reread->integer == sample->integer && reread->boolean == sample->boolean && reread->id == sample->id &&
           reread->time == sample->time && reread->sender == sample->sender && reread->texts == sample->texts,
       "what was written is read");
  must(write(*reread) == written, "a text is the same whenever it is written");
}

void check_command(const fuzz::Record& record) {
  const auto first = read_command(record("key").value_or(""), record, record.value);
  if (!first) return;
  const auto written = to_record(first->first, first->second);
  must(written.key == record("key"), "a key has one form");
  for (const auto& [name, value] : written.headers)
    must(name == "content-type" || record(name) == value, "a command's header has one form");
  const auto second = read_command(written.key, lookup(written.headers), written.value);
  must(second.has_value(), "a command survives the wire");
  const auto again = to_record(second->first, second->second);
  must(again.key == written.key && again.headers == written.headers && again.value == written.value,
       "a command is the same after the wire");
}

void check_reply(const fuzz::Record& record) {
  const auto envelope = read_reply_envelope(record);
  if (!envelope) return;
  const auto headers = to_headers(*envelope);
  must(record("command_offset") == lookup(headers)("command_offset"), "an offset has one form");
  const auto again = read_reply_envelope(lookup(headers));
  must(again && to_headers(*again) == headers, "a reply's envelope survives its headers");
}

void check_outcome(std::string_view text) {
  const auto outcome = read_outcome(text);
  if (!outcome) return;
  const auto written = write_outcome(*outcome);
  const auto again = read_outcome(written);
  must(
      again && again->result == outcome->result && again->position == outcome->position && again->time == outcome->time,
      "an outcome survives");
  must(write_outcome(*again) == written, "an outcome is given again byte for byte");
}

void check_state(std::string_view text) {
  const auto state = decode_state(text);
  if (state) must(decode_state(encode_state(*state)) == *state, "a state survives the store");
}

}  // namespace
}  // namespace parley::schema

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace parley::schema;
  const auto record = parley::fuzz::record_of(parley::fuzz::text_of(input, size));
  check_json(record.value);
  check_reply(record);
  // The log holds only what strict readers let pass (a lone surrogate would not survive); lenient readers must bear the
  // rest, no more.
  const bool is_strict =
      parley::json::Document::parse(std::string(record.value), parley::json::Strict::yes).has_value();
  if (is_strict) {
    check_command(record);
    check_outcome(record.value);
  } else {
    (void)read_command(record("key").value_or(""), record, record.value);
    (void)read_outcome(record.value);
  }
  const auto space = record.value.find(' ');
  if (space != std::string_view::npos) {
    const auto json = record.value.substr(space + 1);
    if (parley::json::Document::parse(std::string(json), parley::json::Strict::yes)) {
      check_state(record.value);
    } else {
      (void)decode_state(record.value);
    }
  }
  return 0;
}
