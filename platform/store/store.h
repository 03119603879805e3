#pragma once
// A worker's local state on disk. See README.md for why it needs no write-ahead log.
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace parley::store {

/// The disk or what is on it is broken. Whoever owns the store deletes it (destroy) and folds the log again. The text
/// is for logs.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The disk has no room. What is there is good, and serves again when there is room.
class DiskFull : public Failure {
 public:
  using Failure::Failure;
};

/// With less than this free on its disk nothing is opened or written: RocksDB, as Debian builds it, aborts the process
/// when it meets a full disk. Room for all write buffers and for what a compaction writes beside them.
inline constexpr std::size_t kFreeBytesMin = 64U << 20;
/// The error says how much is free, when that is too little. `path` need not exist yet.
std::expected<void, std::string> check_room(const std::string& path);

/// Memory that all stores of a process share, whatever their number: caches of blocks (with indexes and filters) and
/// unwritten changes. Thread-safe.
class Memory {
 public:
  struct Budget {
    std::size_t block_cache_bytes = 12U << 20;
    std::size_t write_buffers_bytes = 32U << 20;
  };
  explicit Memory(const Budget& budget);
  ~Memory();

 private:
  friend class Store;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Changes that become visible and survive together. Not thread-safe.
class Batch {
 public:
  Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;
  ~Batch();
  void put(std::string_view key, std::string_view value);
  void erase(std::string_view key);

 private:
  friend class Store;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One folder, one owner (RocksDB locks it). Reads and writes throw Failure, writes DiskFull. Reading is thread-safe;
/// writing is for one thread.
class Store {
 public:
  /// Opens or creates it. The error says why that is impossible: locked by another process, corrupt (a store that has
  /// lost its file CURRENT is corrupt, and no new one). Throws DiskFull.
  static std::expected<Store, std::string> open(const std::string& path, const Memory& memory);
  /// Opens what is on the disk for reading, also while another process writes there: what that one holds in memory is
  /// not seen, and neither is what it writes later. Changes no file; write() throws. The error is one sentence: the
  /// folder holds no store, or a broken one.
  static std::expected<Store, std::string> open_read_only(const std::string& path);
  /// Deletes the folder's store, which must not be open. Nothing there is success.
  static std::expected<void, std::string> destroy(const std::string& path);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  /// Writes everything out, if there is room.
  ~Store();

  std::optional<std::string> get(std::string_view key) const;
  /// Calls `each` in the order of keys (as unsigned bytes) for from <= key < to, until it returns false. The views live
  /// during the call.
  void scan(std::string_view from, std::string_view to,
            const std::function<bool(std::string_view key, std::string_view value)>& each) const;
  void write(Batch&& batch);

  /// What it holds on the disk and, not written out yet, in memory. Thread-safe; cheap.
  std::size_t bytes() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::store
