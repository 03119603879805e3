// Events: the envelope, the data, the hash, the fold and the projection. An input is a run of records (fuzz_input.h)
// with the byte 0x1E between them, as a partition may hold it.
#include <algorithm>
#include <string>

#include "domain/model.h"
#include "projections/engine/batch.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/events.h"
#include "tests/fuzz/fuzz_input.h"

namespace parley {
namespace {

using fuzz::must;

schema::HeaderLookup lookup(const schema::Headers& headers) {
  return [&headers](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [key, value] : headers) {
      if (key == name) return std::string_view(value);
    }
    return std::nullopt;
  };
}

std::string hash_input(const schema::Envelope& envelope, std::string_view value) {
  return schema::hash_input(std::string(schema::kHashBytes, '\0'), envelope, value);
}

void check_envelope(const fuzz::Record& record, const schema::Envelope& envelope) {
  const auto headers = schema::to_headers(envelope);
  // The hash is of the headers' texts: another text for the same number or time would hash as if it were this one.
  for (const auto& [name, value] : headers) {
    must(name == "content-type" || name == "ce_specversion" || record(name) == value,
         "an envelope's header has one form");
  }
  const auto again = schema::read_envelope(lookup(headers));
  must(again && schema::to_headers(*again) == headers, "an envelope survives its headers");
  must(hash_input(*again, record.value) == hash_input(envelope, record.value),
       "an event hashes the same after a round trip");
}

void check_event(const schema::Envelope& envelope, std::string_view value) {
  const auto event = schema::decode_event(envelope.type, value);
  if (!event || !*event) return;
  const auto stream = parse_stream(envelope.subject);
  if (stream && belongs(**event, stream->kind)) {
    // Total folds: whatever the order. Twice, because the second meets another state.
    const Occurred when{envelope.time, envelope.sequence};
    (void)evolve(evolve(initial_state(stream->kind), **event, when), **event, when);
    if (belongs(**event, stream->kind)) {
      const auto before = initial_state(stream->kind);
      (void)schema::directory_changes(*stream, before, evolve(before, **event, when));
    }
  }
  // The log holds only what strict readers let pass: a lone surrogate would not survive.
  if (!json::Document::parse(std::string(value), json::Strict::yes)) return;
  const auto encoded = schema::encode_event(**event);
  const bool is_old = std::ranges::count(schema::old_event_types(), envelope.type) != 0;
  must(encoded.type == envelope.type || is_old, "an event keeps its type, unless that is not written any more");
  const auto again = schema::decode_event(encoded.type, encoded.json);
  must(again && *again == *event, "an event survives its encoding");
  must(schema::encode_event(**again).json == encoded.json, "an event is written the same whenever it is written");
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace parley;
  constexpr char kBetweenRecords = 0x1E;
  auto rest = fuzz::text_of(input, size);
  projections::Batch batch;
  std::size_t added = 0;
  for (std::int64_t offset = 0; !rest.empty(); ++offset) {
    const auto text = rest.substr(0, rest.find(kBetweenRecords));
    rest.remove_prefix(text.size() == rest.size() ? text.size() : text.size() + 1);
    const auto record = fuzz::record_of(text);
    const auto envelope = schema::read_envelope(record);
    if (!envelope) continue;
    check_envelope(record, *envelope);
    check_event(*envelope, record.value);
    if (!batch.add(*envelope, record.value, 0, offset)) return 0;  // the batch is worth nothing then
    must(batch.events() == ++added, "every event that is projected stands in the index");
  }
  return 0;
}
