#pragma once
// What has been read of the events and is not finished: which commands of them are not decided yet. Pure.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace parley::processes {

/// Where to go on after a start: at the oldest event of a partition of which a command is not decided, or behind the
/// last that was read. Not thread-safe.
class Ledger {
 public:
  /// The partition is read from there on.
  void begin(int partition, std::int64_t next);
  /// An event was read; `commands`: the ids of those that it asks for. Events of a partition come in order.
  void read(int partition, std::int64_t offset, const std::vector<std::string>& commands);
  /// A command was decided. False when none of that id was waited for.
  bool settle(std::string_view command_id);
  /// Commands that are not decided.
  std::size_t waiting() const { return places_.size(); }

  /// The first offset of each partition that is not finished.
  std::map<int, std::int64_t> positions() const;
  void clear();

 private:
  struct Partition {
    std::int64_t next = 0;
    std::map<std::int64_t, std::size_t> unfinished;  ///< By offset: how many commands are not decided.
  };
  std::map<int, Partition> partitions_;
  std::unordered_map<std::string, std::pair<int, std::int64_t>> places_;  ///< By command id.
};

}  // namespace parley::processes
