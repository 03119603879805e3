#include "projections/stream_fold.h"

#include <fmt/format.h>

namespace parley::projections {

std::expected<void, std::string> StreamFold::add(const schema::Envelope& envelope, std::string_view value) {
  if (envelope.subject != to_string(stream_)) return std::unexpected(envelope.id + " is of " + envelope.subject);
  if (envelope.sequence != version_ + 1) {
    return std::unexpected(fmt::format("version {} does not follow version {}", envelope.sequence, version_));
  }
  // The index and the positions in it are of no interest here.
  if (auto added = batch_.add(envelope, value, 0, 0); !added) return added;
  version_ = envelope.sequence;
  time_ = envelope.time;
  return {};
}

ShownRows StreamFold::shown(schema::Disclosure disclosure) const {
  const auto* rows = batch_.rows(stream_.kind);
  return rows == nullptr ? ShownRows{} : rows->shown(stream_.id, disclosure);
}

}  // namespace parley::projections
