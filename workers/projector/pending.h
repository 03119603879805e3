#pragma once
// Internal to workers/projector: what was read and folded, and is to be written.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/kafka/message.h"
#include "projections/engine/batch.h"
#include "projections/engine/checkpoints.h"
#include "projections/engine/parking.h"
#include "schemas/contexts/parking.h"

namespace parley::projector {

/// Records that were folded, and where they move the checkpoints: of one transaction. Kept until it is written or
/// dropped.
struct Pending {
  projections::Batch batch;
  std::vector<projections::Advance> advances;
  std::vector<kafka::Message> records;  ///< Those of the batch.
  bool is_apart = false;  ///< One of them at least cannot be applied: the batch is not whole, or the tables refused it.
  std::vector<projections::Waiting> waiting;  ///< Events of streams that were parked before.
  std::optional<parking::Unparked>
      unparking;          ///< `records` is this one event, of a parked stream, which lets the stream go on.
  bool in_doubt = false;  ///< The last COMMIT may have happened.

  // What the transaction under way makes of the parked streams; so once it is committed.
  std::vector<projections::ParkedStream> parked = {};
  std::optional<std::string> unparked = {};
  std::optional<std::string> refused = {};  ///< Why the process must end: trying again changes nothing.

  std::size_t events() const { return records.size() + waiting.size(); }
};

/// Which transaction takes a partition's records: the one that has the fewest when its first one comes.
class Shares {
 public:
  explicit Shares(std::size_t count) : pending_(count) {}

  Pending& of(std::int32_t partition) {
    const auto [found, first] = share_of_.try_emplace(partition, nullptr);
    if (first) found->second = &*std::ranges::min_element(pending_, {}, &Pending::events);
    return *found->second;
  }
  bool empty() const {
    return std::ranges::all_of(pending_, [](const Pending& share) { return share.events() == 0; });
  }
  std::map<std::int32_t, projections::Advance> advances;
  /// What there is to write; with it go the advances.
  std::vector<Pending> take() {
    for (auto& [partition, advance] : advances) of(partition).advances.push_back(std::move(advance));
    std::erase_if(pending_, [](const Pending& share) { return share.advances.empty(); });
    return std::move(pending_);
  }

 private:
  std::vector<Pending> pending_;
  std::map<std::int32_t, Pending*> share_of_;
};

}  // namespace parley::projector
