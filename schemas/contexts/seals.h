#pragma once
// Seals on the wire: their event, which stands in seal/<partition>. Names and fields are never edited after release: a
// changed event is a new type (.v2) with an upcaster.
#include "domain/seals/seals.h"
#include "schemas/contexts/words.h"
#include "schemas/fields.h"

namespace parley::schema {

// Events.

template <>
inline constexpr auto wire<seals::PartitionSealed> = event_type<seals::PartitionSealed>(
    "parley.partition.sealed.v1", "A decider signed all earlier events of its partition",
    [](const auto& e, const auto&) {
      return "sealed: the " + std::to_string(e.events) + " events before are signed with key " + e.key_id;
    },
    field("events", &seals::PartitionSealed::events, {},
          "The number of earlier events in the partition, seals included"),
    field("digest", &seals::PartitionSealed::digest, {},
          "The running digest of those events as they are stored: SHA-256, hexadecimal"),
    field("key_id", &seals::PartitionSealed::key_id, {}, "The id of the key that signed"),
    field("signature", &seals::PartitionSealed::signature, {},
          "Ed25519 over partition, events and digest, hexadecimal"));

}  // namespace parley::schema
