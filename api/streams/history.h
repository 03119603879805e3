#pragma once
// What streams need of the past. An interface, so that the seam between history and live can be tested at every
// interleaving.
#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/streams/views.h"
#include "domain/model.h"

namespace parley::api {

/// A part of a stream's past; all of it belongs to one state of the read model.
struct History {
  bool is_visible = true;  ///< False: the viewer may not know of the stream, or its first event is not projected; then
                           ///< reflected() alone counts.
  std::vector<EventRecord> events;  ///< After the version asked for, in order, of the types asked for.
  bool has_more = false;            ///< A limit cut them.
  std::int64_t version = 0;         ///< The stream's; versions without an event here are of other types.
  std::int64_t checkpoint = 0;      ///< The partition's: events below this offset are reflected.
  /// The read model could not apply an event of this stream and stopped there: from this offset on nothing of it is
  /// reflected, until it is let go on.
  std::optional<std::int64_t> parked_at = {};

  /// Below it everything of the stream is here.
  std::int64_t reflected() const { return std::min(checkpoint, parked_at.value_or(checkpoint)); }
};
struct HistoryRequest {
  Stream stream;
  Principal viewer;
  std::int64_t after = 0;
  int partition = 0;                   ///< The stream's.
  int limit = 0;                       ///< Events.
  std::span<const std::string> types;  ///< Wire names; must outlive the reading.
};

/// A part of what happened in the streams of one owner, in one partition; all of it belongs to one state of the read
/// model.
struct FeedHistory {
  struct Event {
    std::int64_t offset = 0;
    EventRecord record;
  };
  std::vector<Event> events;    ///< From the offset asked for on, in the order of the log, of the types asked for.
  std::int64_t read_to = 0;     ///< Below this offset nothing of the owner's is missing.
  std::int64_t checkpoint = 0;  ///< The partition's.
  /// Below `read_to` there is something that the read model could not apply: it is the owner's, or may be.
  bool has_gap = false;
};
struct FeedHistoryRequest {
  AccountId owner;
  int partition = 0;
  std::int64_t from = 0;
  std::int64_t span_max = 0;           ///< Offsets that are gone through.
  int limit = 0;                       ///< Events.
  std::span<const std::string> types;  ///< Wire names; must outlive the reading.
};

/// The read model or the log cannot be read; asking again may help. The text is for logs alone.
struct HistoryUnavailable {
  std::string text;
};

/// Thread-safe.
class HistorySource {
 public:
  virtual ~HistorySource() = default;
  /// Blocks, for a bounded time.
  virtual std::expected<History, HistoryUnavailable> read(const HistoryRequest& request) = 0;
  virtual std::expected<FeedHistory, HistoryUnavailable> read(const FeedHistoryRequest& request) = 0;
  /// The projector's checkpoint as far as it is known. It may go back, when PostgreSQL lost its last transactions. Does
  /// not block.
  virtual std::int64_t checkpoint(int partition) const = 0;
  /// Whether checkpoints have been read at least once. Does not block.
  virtual bool known() const = 0;
  /// False while the read model is known to be away. Does not block.
  virtual bool connected() const = 0;
};

}  // namespace parley::api
