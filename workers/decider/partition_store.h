#pragma once
// A partition's state on disk.
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "platform/store/store.h"
#include "workers/decider/state.h"

namespace parley::decider {

/// The versions of the folds that this build keeps in a store, as one text.
const std::string& fold_versions();

/// Keys of one kind, for people who look into a store.
struct KeyCount {
  std::string what;  ///< "streams: dialog", "unique keys: account_email", "outcomes", …
  std::int64_t keys = 0;
  std::int64_t bytes = 0;  ///< Of keys and values, before compression.
};

/// The committed state of one partition, kept in a store of its own. One thread. Reads and writes throw
/// StateUnavailable when the disk or what is on it is broken; the folder is then to be destroyed and the log folded
/// again. Not so after StateDiskFull.
class PartitionStore final : public Snapshot {
 public:
  /// Opens or creates it. `log`: the identity of the topics that it is folded from, any text. A store of another fold
  /// version, or of a build that knew other types of events, is discarded and begun anew, as is one that cannot be
  /// opened. The error says why there can be none (locked by another process). Throws runtime::LogMismatch for a store
  /// of another log, and StateDiskFull; both leave it as it is.
  static std::expected<PartitionStore, std::string> open(std::string path, const store::Memory& memory,
                                                         std::string log);

  /// Opens what is on the disk for reading, whether or not a decider runs on it; that one's newest changes, which are
  /// in its memory, are not seen. write() throws. The error is one sentence: the folder is not a store, not a
  /// decider's, broken, or of another build.
  static std::expected<PartitionStore, std::string> open_read_only(const std::string& path);

  std::optional<StreamEntry> stream(std::string_view subject) const override;
  std::optional<Stream> owner(const UniqueKey& key) const override;
  std::int64_t counter(int slot) const override;
  std::optional<Remembered> outcome(std::string_view command_id) const override;
  const Progress& progress() const override { return progress_; }
  std::set<std::string, std::less<>> parked() const override { return parked_; }

  /// Keeps the changes with the progress that they reflect, at once or not at all, and forgets outcomes past their
  /// window, oldest first.
  void write(const Changes& changes);
  const std::string& path() const { return path_; }
  /// The identity of the topics that it is folded from. Empty in a store that was opened for reading and to which no
  /// decider has written anything yet.
  const std::string& log() const { return log_; }
  /// What the keys are of, and how many there are of each. Reads the whole store.
  std::vector<KeyCount> count_keys() const;
  std::size_t bytes() const { return store_.bytes(); }

 private:
  PartitionStore(std::string path, std::string log, store::Store store);
  void read_parked();

  std::string path_;
  std::string log_;
  store::Store store_;
  Progress progress_;
  std::set<std::string, std::less<>> parked_;
  std::string oldest_outcome_;  ///< Where the search for expired outcomes goes on, past those that are gone.
};

}  // namespace parley::decider
