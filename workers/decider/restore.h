#pragma once
// A partition's state brought to the end of the log.
#include <expected>
#include <functional>
#include <map>
#include <string>

#include "platform/kafka/consumer.h"
#include "workers/decider/partition_store.h"

namespace parley::decider {

struct RestoreTopics {
  std::string events;
  std::string replies;
};

/// Folds what each store has not seen yet of its partition's events and replies, to the end that a read_uncommitted
/// client sees when this is called: an earlier owner's transaction that is still open below that end is waited for. The
/// group's committed offsets must have been read before.
///
/// `go_on` is asked between all steps, must return within a second, and keeps the group membership alive; when it says
/// no, the result is false and the stores are as far as they came. An error is something that folding again will not
/// mend. Throws StateUnavailable; and runtime::LogMismatch when the log has lost something: the last event that a store
/// knows does not stand where it stood, a reply names an event past the end, or the newest event's command has no
/// outcome although it is within the window. The last one alone passes with `forget_outcomes`.
std::expected<bool, std::string> restore(kafka::Consumer& reader, const RestoreTopics& topics,
                                         std::map<int, PartitionStore>& stores, const std::function<bool()>& go_on,
                                         bool forget_outcomes = false);

}  // namespace parley::decider
