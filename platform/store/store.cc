#include "platform/store/store.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>

#include <sys/statvfs.h>

#include <filesystem>

namespace parley::store {
namespace {

constexpr std::size_t kWriteBufferBytes = 4U << 20;
constexpr int kWriteBuffers = 3;
/// What a store takes of the shared memory at a time. By default an eighth of a buffer: sixteen stores with a few
/// changes each would seem to have filled it, and be written out all the time.
constexpr std::size_t kArenaBlockBytes = 64U << 10;
constexpr int kOpenFilesMax = 64;
constexpr double kFilterBitsPerKey = 10;
/// Of a write buffer: most keys that are asked for are new, and its filter says so without a search.
constexpr double kBufferFilterShare = 0.01;
constexpr int kBackgroundJobs = 2;
constexpr std::size_t kLogFiles = 2;

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

void check(const rocksdb::Status& status, const char* what) {
  if (status.IsNoSpace()) throw DiskFull(fmt::format("{}: {}", what, status.ToString()));
  if (!status.ok()) throw Failure(fmt::format("{}: {}", what, status.ToString()));
}

constexpr int kReadOnlyAttempts = 3;

constexpr std::string_view kCurrent = "CURRENT";

/// Whether the folder has files of a store. A store that was only begun has a LOCK and a log of its own.
bool holds_store_files(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (std::filesystem::directory_iterator file(folder, ignored), end; file != end; file.increment(ignored)) {
    const auto name = file->path().filename().string();
    if (name == kCurrent || name.starts_with("MANIFEST-") || name.ends_with(".sst")) return true;
  }
  return false;
}
bool has_current(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / kCurrent, ignored);
}

void require_room(const std::string& path) {
  if (auto room = check_room(path); !room) throw DiskFull(room.error());
}

}  // namespace

std::expected<void, std::string> check_room(const std::string& path) {
  std::error_code ignored;
  std::filesystem::path there = std::filesystem::absolute(path, ignored);
  while (!std::filesystem::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
  struct statvfs found{};
  if (::statvfs(there.c_str(), &found) != 0) return {};  // whoever opens it will say why
  const std::size_t free = found.f_bavail * found.f_frsize;
  if (free >= kFreeBytesMin) return {};
  return std::unexpected(
      fmt::format("no space for state in {}: {} bytes are free, {} are needed", path, free, kFreeBytesMin));
}

struct Memory::Impl {
  explicit Impl(const Budget& budget)
      : cache(rocksdb::NewLRUCache(budget.block_cache_bytes)),
        writes(std::make_shared<rocksdb::WriteBufferManager>(budget.write_buffers_bytes)) {}
  std::shared_ptr<rocksdb::Cache> cache;
  std::shared_ptr<rocksdb::WriteBufferManager> writes;
};

Memory::Memory(const Budget& budget) : impl_(std::make_shared<Impl>(budget)) {}
Memory::~Memory() = default;

struct Batch::Impl {
  rocksdb::WriteBatch batch;
};

Batch::Batch() : impl_(std::make_unique<Impl>()) {}
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;
Batch::~Batch() = default;
void Batch::put(std::string_view key, std::string_view value) {
  check(impl_->batch.Put(slice(key), slice(value)), "put");
}
void Batch::erase(std::string_view key) { check(impl_->batch.Delete(slice(key)), "erase"); }

struct Store::Impl {
  std::shared_ptr<Memory::Impl> memory;
  std::unique_ptr<rocksdb::DB> db;
  std::string path;

  ~Impl() {
    if (!db) return;
    if (check_room(path)) {
      static_cast<void>(db->Close());  // what was not written out is folded again
    } else {
      static_cast<void>(db.release());  // to close it would write, and abort; the process ends now anyhow
    }
  }
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

std::expected<Store, std::string> Store::open(const std::string& path, const Memory& memory) {
  require_room(path);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return std::unexpected(path + ": " + error.message());
  // RocksDB would begin a new store among the old one's files.
  if (!has_current(path) && holds_store_files(path)) return std::unexpected(path + ": the file CURRENT is missing");
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = memory.impl_->cache;
  table.cache_index_and_filter_blocks = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = kWriteBufferBytes;
  options.max_write_buffer_number = kWriteBuffers;
  options.arena_block_size = kArenaBlockBytes;
  options.write_buffer_manager = memory.impl_->writes;
  options.memtable_prefix_bloom_size_ratio = kBufferFilterShare;
  options.memtable_whole_key_filtering = true;
  options.max_open_files = kOpenFilesMax;
  options.max_background_jobs = kBackgroundJobs;
  options.keep_log_file_num = kLogFiles;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  auto impl = std::make_unique<Impl>();
  impl->memory = memory.impl_;
  rocksdb::DB* db = nullptr;
  if (const auto status = rocksdb::DB::Open(options, path, &db); !status.ok())
    return std::unexpected(path + ": " + status.ToString());
  impl->db.reset(db);
  impl->path = path;
  return Store(std::move(impl));
}

std::expected<Store, std::string> Store::open_read_only(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return std::unexpected(path + " is not a store: " + (error ? error.message() : std::string("a store is a folder")));
  }
  if (!holds_store_files(path))
    return std::unexpected(fmt::format("{} is not a store: it has no file {}", path, kCurrent));
  if (!has_current(path)) return std::unexpected(path + " is a broken store: its file CURRENT is missing");
  rocksdb::Options options;
  options.max_open_files = -1;  // all at once: what is open stays readable when its writer removes it
  auto impl = std::make_unique<Impl>();
  rocksdb::Status status;
  // A compaction may remove a file between the reading of the manifest and the opening of the file.
  for (int attempt = 0; attempt < kReadOnlyAttempts; ++attempt) {
    rocksdb::DB* db = nullptr;
    status = rocksdb::DB::OpenForReadOnly(options, path, &db);
    if (!status.ok()) continue;
    impl->db.reset(db);
    impl->path = path;
    return Store(std::move(impl));
  }
  return std::unexpected(path + " is a broken store: " + status.ToString());
}

std::expected<void, std::string> Store::destroy(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return {};
  if (const auto status = rocksdb::DestroyDB(path, rocksdb::Options{}); !status.ok())
    return std::unexpected(path + ": " + status.ToString());
  std::filesystem::remove_all(path, error);  // what a broken store leaves behind
  if (error) return std::unexpected(path + ": " + error.message());
  return {};
}

std::optional<std::string> Store::get(std::string_view key) const {
  std::string value;
  const auto status = impl_->db->Get({}, slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  check(status, "get");
  return value;
}

void Store::scan(std::string_view from, std::string_view to,
                 const std::function<bool(std::string_view, std::string_view)>& each) const {
  const rocksdb::Slice end = slice(to);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> it(impl_->db->NewIterator(options));
  for (it->Seek(slice(from)); it->Valid(); it->Next()) {
    if (!each(view(it->key()), view(it->value()))) return;
  }
  check(it->status(), "scan");
}

void Store::write(Batch&& batch) {
  require_room(impl_->path);
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  check(impl_->db->Write(options, &batch.impl_->batch), "write");
  batch.impl_->batch.Clear();
}

std::size_t Store::bytes() const {
  std::size_t sum = 0;
  for (const auto& property :
       {rocksdb::DB::Properties::kLiveSstFilesSize, rocksdb::DB::Properties::kCurSizeAllMemTables}) {
    std::uint64_t bytes = 0;
    if (impl_->db->GetIntProperty(property, &bytes)) sum += bytes;
  }
  return sum;
}

}  // namespace parley::store
