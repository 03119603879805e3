#pragma once
// Where a backup ends each partition, so that it holds no event without its cause. Pure.
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "domain/kernel.h"
#include "schemas/envelope.h"

namespace parley::backup {

/// What the cut has to know of an event. Names are texts such as "event <ce_id>", "stream dialog/1387" (given by the
/// event that begins it) and "decision dialog/1387 <stamp>" (given, and needed, by all that one decision appended: they
/// stand or fall together).
struct Fact {
  std::int64_t offset = 0;
  Timestamp time;
  std::vector<std::string> gives;  ///< Names that others may need.
  std::vector<std::string> needs;  ///< Names that must not be outside when it is inside.
};
/// Of an event as it stands in the log; a value that this build cannot read names nothing.
Fact fact_of(const schema::Envelope& envelope, std::string_view value, std::int64_t offset);

/// Partitions' ends, drawn together until no event inside needs what stands outside. Not thread-safe.
///
/// First come the events of each partition in order: pass() says which are inside by time. Then close() reads those
/// inside again, as often as an end moves; each time it moves at least one of them backwards, so it ends.
class Cut {
 public:
  /// Nothing that was stamped after `until` is inside.
  Cut(int partitions, Timestamp until) : until_(until), ends_(static_cast<std::size_t>(partitions), kOpen) {}

  /// Whether the event, the next one of its partition, is inside for now. After the first that is not, none of its
  /// partition is.
  bool pass(int partition, const Fact& fact);
  /// Nothing of the partition from this offset on is inside, whatever its time.
  void end_at(int partition, std::int64_t offset);

  /// Calls its argument with the events of a partition that are inside, in order, or at least with those below the end;
  /// until it returns false.
  using Reread = std::function<void(int partition, const std::function<bool(const Fact&)>& each)>;
  void close(const Reread& reread);

  bool holds(int partition, std::int64_t offset) const { return offset < ends_[static_cast<std::size_t>(partition)]; }
  /// One past the last offset of each partition that is inside.
  const std::vector<std::int64_t>& ends() const { return ends_; }
  /// How often close() moved an end.
  int moved() const { return moved_; }

 private:
  static constexpr std::int64_t kOpen = INT64_MAX;
  void leave_out(const Fact& fact);

  Timestamp until_;
  std::vector<std::int64_t> ends_;
  std::set<std::string, std::less<>> outside_;
  int moved_ = 0;
};

}  // namespace parley::backup
