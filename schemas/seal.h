#pragma once
// What a seal is about: the digest of a partition's events as they are stored, and the text that is signed. Anybody can
// compute both with SHA-256 and Ed25519 alone; README.md says how.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "domain/seals/seals.h"

namespace parley::schema {

/// A record of parley.events as it is stored.
struct StoredRecord {
  std::string_view key;
  std::span<const std::pair<std::string_view, std::string_view>> headers;  ///< All of them, in their order.
  std::string_view value;
};

/// Before a partition's first event.
inline constexpr std::size_t kDigestBytes = 32;

/// What the running digest is the SHA-256 of: the bytes "parley.seal.v1", the digest before this event (32 bytes, zeros
/// before the first), and then, each after its length as 4 big-endian bytes: the key, every header's name and value,
/// the value.
std::string digest_input(std::string_view previous_digest_bytes, const StoredRecord& record);

/// What the signature of a seal is over: "parley.seal.v1", the partition, the number of events and the digest, a line
/// each without one at the end.
std::string signed_text(int partition, const seals::PartitionSealed& seal);

}  // namespace parley::schema
