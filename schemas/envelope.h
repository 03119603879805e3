#pragma once
// An event's envelope: CloudEvents 1.0, Kafka binding, binary mode. The headers carry the envelope, the record's value
// is the JSON data alone.
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/kernel.h"

namespace parley::schema {

using Headers = std::vector<std::pair<std::string_view, std::string>>;
/// A record's header by name; nothing when it has none.
using HeaderLookup = std::function<std::optional<std::string_view>(std::string_view name)>;

inline constexpr std::string_view kJson = "application/json";
inline constexpr std::size_t kHashBytes = 32;
/// Stands for a command's offset where that names nothing: of what was restored into another log. Lower than every
/// offset, so nothing is passed over.
inline constexpr std::int64_t kBeforeEveryCommand = -1;

struct Envelope {
  std::string id;             ///< ce_id, UUIDv7.
  std::string source;         ///< ce_source, the instance that decided: "/parley/decider/decider-1".
  std::string type;           ///< ce_type.
  std::string subject;        ///< ce_subject, the stream: "dialog/1387".
  Timestamp time;             ///< ce_time, the decider's stamp.
  std::int64_t sequence = 0;  ///< ce_sequence, the stream's version from 1, without a gap.
  std::string correlation;    ///< ce_correlationid: one request, through every process.
  std::string causation;      ///< ce_causationid: the command that led to the event.
  std::string actor;          ///< ce_actor: the principal.
  std::int64_t command_offset =
      kBeforeEveryCommand;        ///< ce_commandoffset, in the partition of parley.commands with the event's number.
  std::int64_t slot_counter = 0;  ///< ce_slotcounter: the last n used in the stream's slot when this event was decided.
  std::string hash;               ///< ce_hash, 64 hexadecimal digits.
  std::string traceparent;        ///< W3C trace context; empty when there is none.

  /// Of an event of a stream: whether it comes from a backup. The log that it was taken from may have gone on after the
  /// cut.
  bool is_restored() const { return command_offset == kBeforeEveryCommand; }
};

Headers to_headers(const Envelope& envelope);
/// An envelope that lacks a header or has a malformed one is an error that names the header.
std::expected<Envelope, std::string> read_envelope(const HeaderLookup& header);

/// The text after its length as 4 big-endian bytes: how texts follow each other in what is hashed.
void append_part(std::string& bytes, std::string_view text);

/// What ce_hash is the SHA-256 of: the bytes "parley.v1", the stream's previous hash (32 bytes, zeros before the first
/// event), and then, each after its length as 4 big-endian bytes: subject, sequence, id, type, time, source, actor,
/// correlation, causation, content type (all as the headers have them) and the raw bytes of the value.
std::string hash_input(std::string_view previous_hash_bytes, const Envelope& envelope, std::string_view value);

}  // namespace parley::schema
