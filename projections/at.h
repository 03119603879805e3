#pragma once
// What the read models would say of one stream had it ended at some event: its rows, folded in memory by the code that fills the tables.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/batch.h"
#include "projections/queries.h"
#include "schemas/envelope.h"

namespace parley::projections {

/// Takes a stream's events from its first one on, as many as the caller wants to know of. Keeps them in memory: the caller bounds their number.
/// Not thread-safe.
class StreamFold {
 public:
  explicit StreamFold(Stream stream) : stream_(stream) {}

  /// The stream's next event. The error says why it cannot be applied (the read models park the stream then); what was folded before stays.
  std::expected<void, std::string> add(const schema::Envelope& envelope, std::string_view value);

  /// Of the last event; 0 before the first.
  std::int64_t version() const { return version_; }
  Timestamp time() const { return time_; }

  // The stream's row: nothing when it is of another kind, or not begun (a stream may hold events of parking alone).
  std::optional<AccountRow> account() const;
  std::optional<AssistantRow> assistant() const;
  /// Without the assistant's name, which is its own stream's.
  std::optional<DialogRow> dialog() const;
  /// A dialog's, in order.
  std::vector<MessageRow> messages() const;

 private:
  const Stream stream_;
  Batch batch_;
  std::int64_t version_ = 0;
  Timestamp time_{};
};

}  // namespace parley::projections
