#pragma once
// A record of parley.events, read.
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "platform/kafka/message.h"
#include "schemas/envelope.h"

namespace parley::projections {

/// The view points into what the caller holds.
struct Record {
  schema::Envelope envelope;
  std::string_view value;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};

/// A subject is a key of the read models' tables; a record with a longer one is no event of ours.
inline constexpr std::size_t kSubjectBytesMax = 500;

/// Its value points into the message. The error says where it stands and why it is no event.
std::expected<Record, std::string> read_record(const kafka::Message& message);
/// "3:1387", a partition and an offset: for people.
std::string place_of(const kafka::Message& message);

}  // namespace parley::projections
