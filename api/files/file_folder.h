#pragma once
// A folder whose files answers are made of.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/message.h"

namespace parley::files {

/// Of a path inside a folder, and of one name in it (what file systems take).
inline constexpr std::size_t kPathBytesMax = 1'024;
inline constexpr std::size_t kNameBytesMax = 255;
/// Whether it is names between slashes that stay inside the folder: none empty, none "." or "..", without control
/// characters and backslashes.
bool is_inside(std::string_view path);

enum class FileError {
  not_found,    ///< No regular file, or a path that leaves the folder or goes over a symbolic link.
  busy,         ///< As many are open as may be.
  unavailable,  ///< The system did not open it: its log line says why.
};

/// A file that was found. It stays readable whatever becomes of its name.
struct FoundFile {
  http::FilePart content;
  std::string edge_path;  ///< X-Accel-Redirect: the edge sends it. Empty: the API does.
};

/// Thread-safe. Must outlive what it has found.
class FileFolder {
 public:
  struct Options {
    std::filesystem::path folder;  ///< Empty: there are no files.
    std::string edge_location{};   ///< The edge's location of that folder ("/_files/"); empty: it has none.
    std::size_t open_max = 256;    ///< Answers at once, of one descriptor each.
  };
  explicit FileFolder(Options options) : options_(std::move(options)) {}

  /// `path` as is_inside() has it. Blocks for the disk: for an executor.
  std::expected<FoundFile, FileError> find(std::string_view path) const;
  std::size_t open_files() const { return *open_; }

 private:
  const Options options_;
  const std::shared_ptr<std::atomic<std::size_t>> open_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace parley::files
