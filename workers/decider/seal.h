#pragma once
// A seal over everything that stands in a partition, made. Pure: no Kafka, no disk, no clock of its own.
#include <string>

#include "platform/crypto/signing.h"
#include "workers/decider/batch.h"
#include "workers/decider/state.h"

namespace parley::decider {

/// What a seal says of who asked for it: nobody did.
inline constexpr std::string_view kSealActor = "decider";

class Seal {
 public:
  /// The snapshot must outlive the seal and stay as it is. `now`: the clock, read once.
  Seal(const Snapshot& snapshot, int partition, const std::string& source, const crypto::SigningKey& key,
       Timestamp now);
  const StagedRecord& event() const { return event_; }
  /// After the event was written at that offset: what the transaction changes, to be kept after its commit.
  Changes finish(std::int64_t offset) &&;

 private:
  Overlay overlay_;
  std::string event_id_;
  StagedRecord event_;
};

}  // namespace parley::decider
