#pragma once
// What the read models would say of one stream had it ended at some event: its rows, folded in memory by the code that
// fills the tables.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>

#include "projections/engine/batch.h"
#include "schemas/envelope.h"

namespace parley::projections {

/// Takes a stream's events from its first one on, as many as the caller wants to know of. Keeps them in memory: the
/// caller bounds their number. Not thread-safe.
class StreamFold {
 public:
  explicit StreamFold(Stream stream) : stream_(stream) {}

  /// The stream's next event. The error says why it cannot be applied (the read models park the stream then); what was
  /// folded before stays.
  std::expected<void, std::string> add(const schema::Envelope& envelope, std::string_view value);

  /// Of the last event; 0 before the first.
  std::int64_t version() const { return version_; }
  Timestamp time() const { return time_; }

  /// The stream's row, or its parts (a std::vector of their rows): nothing when it is of another kind, or not begun (a
  /// stream may hold events of parking alone). What other streams say (an assistant's name) is not in it.
  template <class Row>
  std::optional<Row> row() const {
    const auto* rows = batch_.rows(stream_.kind);
    const auto found = rows == nullptr ? nullptr : rows->row(stream_.id, typeid(Row));
    return found == nullptr ? std::nullopt : std::optional(*static_cast<const Row*>(found.get()));
  }
  /// The same for people, whatever the kind.
  ShownRows shown(schema::Disclosure disclosure) const;
  Kind kind() const { return stream_.kind; }

 private:
  const Stream stream_;
  Batch batch_;
  std::int64_t version_ = 0;
  Timestamp time_{};
};

}  // namespace parley::projections
