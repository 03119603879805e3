#pragma once
// A folder of lines, one file for each partition, that an export goes on with after any end, its own death included.
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace parley::audit {

/// Owned by one export at a time: the folder is locked. Not thread-safe. An error is a sentence.
class ExportFolder {
 public:
  /// Makes it when there is none. `options` (JSON) says what is exported; a folder that holds something else is
  /// refused.
  static std::expected<ExportFolder, std::string> open(std::filesystem::path folder, const std::string& options);
  ExportFolder(ExportFolder&& other) noexcept;
  ExportFolder& operator=(ExportFolder&&) = delete;
  ~ExportFolder();

  std::filesystem::path file_of(int partition) const;

 private:
  ExportFolder(std::filesystem::path folder, int lock) : folder_(std::move(folder)), lock_(lock) {}
  std::filesystem::path folder_;
  int lock_;
};

/// Appends lines to a file. What is not a complete line at its end, because whoever wrote it died, is cut off at the
/// opening.
class LineFile {
 public:
  static std::expected<LineFile, std::string> open(const std::filesystem::path& path);
  LineFile(LineFile&& other) noexcept;
  LineFile& operator=(LineFile&&) = delete;
  /// Without close() what is not yet written is lost: the next opening goes on before it.
  ~LineFile();

  /// The last complete line that stood there at the opening, without its newline.
  const std::optional<std::string>& last_line() const { return last_line_; }
  /// Without its newline.
  std::expected<void, std::string> add(std::string_view line);
  /// Writes what is left, and waits for the disk.
  std::expected<void, std::string> close();

 private:
  LineFile(std::filesystem::path path, int file) : path_(std::move(path)), file_(file) {}
  std::expected<void, std::string> write_out();
  std::expected<void, std::string> cut_to_complete_lines();

  std::filesystem::path path_;
  int file_;
  std::optional<std::string> last_line_;
  std::string buffer_;
};

}  // namespace parley::audit
