#pragma once
// Where a log's records go in another log, which may have another number of partitions. Pure.
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ops/cli/backup/records.h"
#include "schemas/replies.h"

namespace parley::backup {

/// "dialog/1387" has the slot of its id, whatever kind of stream it is. Nothing for text that names no stream.
std::optional<int> slot_of_subject(std::string_view subject);

struct Partitions {
  int old_count = 0;
  int new_count = 0;

  /// The partitions that hold slots of an old one, in order: one at least.
  std::vector<int> successors(int old_partition) const;
};

/// Where records of one old partition go. An event, by its stream; the error says why it is none.
std::expected<int, std::string> place_of_event(const StoredRecord& record, int old_partition,
                                               const Partitions& partitions);
/// A reply, by the stream of its outcome. A refusal that met no stream does not say its slot: every successor may be
/// asked again, so each gets it.
std::vector<int> places_of_reply(const schema::Outcome& outcome, int old_partition, const Partitions& partitions);
/// A dead letter, by the stream that it stopped or the slot that its sender wrote; by neither, it goes to the first
/// successor.
int place_of_letter(const StoredRecord& record, int old_partition, const Partitions& partitions);

/// Old positions of events to new ones. Only of those that it was told; within an old partition in order.
class Translation {
 public:
  explicit Translation(int old_count) : moved_(static_cast<std::size_t>(old_count)) {}
  void add(int old_partition, std::int64_t old_offset, std::int64_t new_offset);
  std::optional<std::int64_t> find(int old_partition, std::int64_t old_offset) const;

 private:
  struct Moved {
    std::int64_t from, to;
  };
  std::vector<std::vector<Moved>> moved_;
};

/// Makes an event one of the new log: its command stands in no topic of it. Everything else stays byte for byte, and so
/// its hash holds.
void translate_event(StoredRecord& record);
/// Makes a reply one of the new log: `position` takes the place of the old one in its value; nothing of an outcome
/// without one changes. The error says why it cannot be.
std::expected<void, std::string> translate_reply(StoredRecord& record, const schema::Outcome& outcome,
                                                 const std::optional<schema::Position>& position);

}  // namespace parley::backup
