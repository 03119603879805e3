#pragma once
// The index of events: where each stands in the log, by stream and version. Internal to projections/.
#include <cstdint>
#include <string>
#include <vector>

#include "domain/kernel.h"
#include "platform/postgres/pool.h"

namespace parley::projections {

struct IndexEntry {
  std::string kind;
  std::int64_t stream_id = 0;
  std::int64_t version = 0;
  std::string event_id, type, cause, correlation, actor;
  Timestamp at;
  std::string hash;  ///< hexadecimal
  std::int32_t partition = 0;
  std::int64_t position = 0;
};

/// An event that is there already is `rejected` and about a row.
postgres::Result<void> write(postgres::Transaction& t, const std::vector<IndexEntry>& entries);

}  // namespace parley::projections
