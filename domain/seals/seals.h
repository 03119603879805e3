#pragma once
// Seals: how far a partition of the log is signed. A chain of hashes shows that nothing inside a stream was changed;
// that its end was cut off, or that a whole stream is gone, only somebody can show who has counted. The one writer of a
// partition does.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "domain/value.h"

namespace parley::seals {

/// Everything in the partition before this event, as it is stored.
struct PartitionSealed {
  std::int64_t events = 0;  ///< How many; earlier seals among them.
  std::string digest;       ///< Running, over all of them: 64 hexadecimal digits (schemas/seal.h).
  std::string key_id;       ///< Of the key that signed.
  std::string signature;    ///< Ed25519, 128 hexadecimal digits.
  friend bool operator==(const PartitionSealed&, const PartitionSealed&) = default;
};
using Event = std::variant<PartitionSealed>;

/// Their stream, as events name it: "seal/3". It is no Stream of the domain: nothing is addressed to it, and its number
/// is a partition.
inline constexpr std::string_view kSubjectPrefix = "seal/";
inline std::string subject_of(int partition) { return std::string(kSubjectPrefix) + std::to_string(partition); }
inline bool is_seal(std::string_view subject) { return subject.starts_with(kSubjectPrefix); }

}  // namespace parley::seals

// What is above a context knows these as values without types (domain/value.h).
namespace parley {
template <>
inline constexpr Part part_of<seals::Event> = Part::event;
}  // namespace parley
