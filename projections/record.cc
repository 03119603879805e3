#include "projections/record.h"

#include <fmt/format.h>

namespace parley::projections {

std::string place_of(const kafka::Message& message) {
  return fmt::format("{}:{}", message.partition(), message.offset());
}

std::expected<Record, std::string> read_record(const kafka::Message& message) {
  auto envelope = schema::read_envelope([&](std::string_view name) { return message.header(name); });
  if (envelope && envelope->subject.size() > kSubjectBytesMax)
    envelope = std::unexpected("header ce_subject is too long");
  if (!envelope)
    return std::unexpected(fmt::format("a record that is no event at {}: {}", place_of(message), envelope.error()));
  return Record{std::move(*envelope), message.value(), message.partition(), message.offset()};
}

}  // namespace parley::projections
