#pragma once
// A folder for files that are being received: bounded, and empty again whatever happens to the process.
#include <atomic>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/byte_budget.h"
#include "api/http/message.h"

namespace parley::files {

enum class TemporaryError {
  busy,         ///< As many files, or bytes of all of them together, as there may be.
  disk_full,    ///< No room on the disk, or none that this process may use.
  unavailable,  ///< The folder or the disk fails: the log says why.
};
/// Of a system call that has failed.
TemporaryError temporary_error(int error_number);

/// A file that goes with its last owner, unless it was moved to where it stays. One thread at a time.
class TemporaryFile {
 public:
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  /// After an error the file is of no use. Blocks for the disk alone; what is written is not synced.
  std::expected<void, TemporaryError> append(std::string_view bytes);
  std::size_t bytes() const { return bytes_; }
  /// All of it, for reading and for answers.
  http::FilePart content() const;
  /// Syncs it, and gives it that name in place of a file that has it; on the same file system. It then stays.
  std::expected<void, TemporaryError> move_to(const std::filesystem::path& path);

 private:
  friend class TemporaryFolder;
  TemporaryFile(std::filesystem::path path, int descriptor, http::ByteBudget::Share share,
                std::shared_ptr<std::atomic<std::size_t>> count);

  const std::filesystem::path path_;
  const std::shared_ptr<const http::OpenFile> file_;
  http::ByteBudget::Share share_;
  const std::shared_ptr<std::atomic<std::size_t>> count_;
  std::size_t bytes_ = 0;
  bool stays_ = false;
};

/// Thread-safe. Several processes may have one folder: each file is locked by who writes it, and what a process that
/// has ended left behind goes when the next one starts.
class TemporaryFolder {
 public:
  struct Options {
    std::filesystem::path folder;        ///< Made when missing. Empty: there is none.
    std::size_t bytes_max = 1ULL << 30;  ///< Of all files of this process.
    std::size_t files_max = 64;
  };
  explicit TemporaryFolder(Options options);

  std::expected<std::shared_ptr<TemporaryFile>, TemporaryError> create();
  std::size_t files() const { return *count_; }
  std::size_t bytes() const { return budget_->bytes(); }

 private:
  void remove_leftovers() const;

  const Options options_;
  const std::string mark_;  // of this process's names
  const std::shared_ptr<http::ByteBudget> budget_;
  const std::shared_ptr<std::atomic<std::size_t>> count_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::atomic<unsigned> last_ = 0;
};

}  // namespace parley::files
