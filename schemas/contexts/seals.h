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
    "parley.partition.sealed.v1", "A decider has signed everything that stands in its partition before this event",
    [](const auto& e, const auto&) {
      return "sealed: the " + std::to_string(e.events) + " events before are signed with key " + e.key_id;
    },
    field("events", &seals::PartitionSealed::events, {},
          "How many events stand before this one in its partition, earlier seals among them"),
    field("digest", &seals::PartitionSealed::digest, {},
          "Running, over all of them as they are stored: SHA-256, hexadecimal"),
    field("key_id", &seals::PartitionSealed::key_id, {}, "Of the key that signed"),
    field("signature", &seals::PartitionSealed::signature, {},
          "Ed25519 over partition, events and digest, hexadecimal"));

}  // namespace parley::schema
