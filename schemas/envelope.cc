#include "schemas/envelope.h"

#include "schemas/fields.h"

namespace parley::schema {
Headers to_headers(const Envelope& e) {
  Headers headers{
      {"ce_specversion", "1.0"},
      {"ce_id", e.id},
      {"ce_source", e.source},
      {"ce_type", e.type},
      {"ce_subject", e.subject},
      {"ce_time", format_time(e.time)},
      {"content-type", std::string(kJson)},
      {"ce_sequence", std::to_string(e.sequence)},
      {"ce_correlationid", e.correlation},
      {"ce_causationid", e.causation},
      {"ce_actor", e.actor},
      {"ce_commandoffset", std::to_string(e.command_offset)},
      {"ce_slotcounter", std::to_string(e.slot_counter)},
      {"ce_hash", e.hash},
  };
  if (!e.traceparent.empty()) headers.emplace_back("traceparent", e.traceparent);
  return headers;
}

std::expected<Envelope, std::string> read_envelope(const HeaderLookup& header) {
  std::string problem;
  auto text = [&](std::string_view name) -> std::string {
    const auto value = header(name);
    if (!value && problem.empty()) problem = "header " + std::string(name) + " is missing";
    return std::string(value.value_or(""));
  };
  auto number = [&](std::string_view name) -> std::int64_t {
    const auto value = parse_integer(text(name));
    if (!value && problem.empty()) problem = "header " + std::string(name) + " is not an integer";
    return value.value_or(0);
  };
  Envelope e;
  e.id = text("ce_id");
  e.source = text("ce_source");
  e.type = text("ce_type");
  e.subject = text("ce_subject");
  const auto time = parse_time(text("ce_time"));
  if (!time && problem.empty()) problem = "header ce_time is not a time";
  e.time = time.value_or(Timestamp{});
  e.sequence = number("ce_sequence");
  if (e.sequence < 1 && problem.empty()) problem = "header ce_sequence is not a version";
  e.correlation = text("ce_correlationid");
  e.causation = text("ce_causationid");
  e.actor = text("ce_actor");
  e.command_offset = number("ce_commandoffset");
  e.slot_counter = number("ce_slotcounter");
  e.hash = text("ce_hash");
  if (e.hash.size() != 2 * kHashBytes && problem.empty()) problem = "header ce_hash is not a SHA-256";
  e.traceparent = std::string(header("traceparent").value_or(""));
  if (!problem.empty()) return std::unexpected(problem);
  return e;
}

void append_part(std::string& bytes, std::string_view text) {
  const auto n = static_cast<std::uint32_t>(text.size());
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>((n >> shift) & 0xFF);
  bytes += text;
}

std::string hash_input(std::string_view previous_hash_bytes, const Envelope& e, std::string_view value) {
  std::string bytes = "parley.v1";
  bytes.reserve(bytes.size() + kHashBytes + 400 + value.size());
  bytes += previous_hash_bytes;
  const auto part = [&](std::string_view text) { append_part(bytes, text); };
  part(e.subject);
  part(std::to_string(e.sequence));
  part(e.id);
  part(e.type);
  part(format_time(e.time));
  part(e.source);
  part(e.actor);
  part(e.correlation);
  part(e.causation);
  part(kJson);
  part(value);
  return bytes;
}

}  // namespace parley::schema
