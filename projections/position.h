#pragma once
#include <cstdint>

#include "domain/kernel.h"
#include "domain/model.h"

namespace parley::projections {

/// Where and when an event stands: in its stream and in time. What a projection may know beside the event's data.
struct Position {
  Stream stream;
  std::int64_t version = 0;  ///< ce_sequence
  Timestamp at;              ///< ce_time
};

}  // namespace parley::projections
