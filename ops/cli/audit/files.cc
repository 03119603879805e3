#include "ops/cli/audit/files.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace parley::audit {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::size_t kLookBackBytes = 64 * 1024;
constexpr int kMode = 0600;  // it may hold what people said
constexpr const char* kOptionsFile = "export.json";

std::unexpected<std::string> failed(const std::filesystem::path& path) {
  return std::unexpected(path.string() + ": " + std::strerror(errno));
}

}  // namespace

std::expected<ExportFolder, std::string> ExportFolder::open(std::filesystem::path folder, const std::string& options) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return std::unexpected(folder.string() + ": " + error.message());
  const auto path = folder / kOptionsFile;
  const int lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  if (lock < 0) return failed(path);
  ExportFolder out(std::move(folder), lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0)
    return std::unexpected(out.folder_.string() + ": another export writes there");
  std::ifstream in(path);
  const std::string before{std::istreambuf_iterator<char>(in), {}};
  if (before == options) return out;
  // One that did not come to its end never wrote a line: lines are written after it.
  if (before.ends_with('\n')) {
    return std::unexpected(fmt::format("{} holds another export ({}): choose another folder", out.folder_.string(),
                                       before.substr(0, before.size() - 1)));
  }
  if (::ftruncate(lock, 0) != 0) return failed(path);
  if (::pwrite(lock, options.data(), options.size(), 0) != static_cast<::ssize_t>(options.size())) return failed(path);
  if (::fsync(lock) != 0) return failed(path);
  return out;
}
ExportFolder::ExportFolder(ExportFolder&& other) noexcept
    : folder_(std::move(other.folder_)), lock_(std::exchange(other.lock_, -1)) {}
ExportFolder::~ExportFolder() {
  if (lock_ >= 0) ::close(lock_);
}
std::filesystem::path ExportFolder::file_of(int partition) const {
  return folder_ / fmt::format("events-{:02}.jsonl", partition);
}

std::expected<LineFile, std::string> LineFile::open(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  if (file < 0) return failed(path);
  LineFile out(path, file);
  if (const auto cut = out.cut_to_complete_lines(); !cut) return std::unexpected(cut.error());
  return out;
}
LineFile::LineFile(LineFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      last_line_(std::move(other.last_line_)),
      buffer_(std::move(other.buffer_)) {}
LineFile::~LineFile() {
  if (file_ >= 0) ::close(file_);
}

// Looks back from the end until it has seen a whole line with the newline before it.
std::expected<void, std::string> LineFile::cut_to_complete_lines() {
  const auto size = ::lseek(file_, 0, SEEK_END);
  if (size < 0) return failed(path_);
  std::string tail;
  auto from = size;
  auto newlines = std::string::npos;
  while (true) {
    newlines = tail.rfind('\n');
    const bool has_line =
        newlines != std::string::npos && newlines > 0 && tail.rfind('\n', newlines - 1) != std::string::npos;
    if (has_line || from == 0) break;
    const auto more = std::min<::off_t>(from, kLookBackBytes);
    std::string piece(static_cast<std::size_t>(more), '\0');
    from -= more;
    if (::pread(file_, piece.data(), piece.size(), from) != more) return failed(path_);
    tail.insert(0, piece);
  }
  const auto complete = newlines == std::string::npos ? 0 : newlines + 1;
  if (complete > 0) {
    const auto before = newlines == 0 ? std::string::npos : tail.rfind('\n', newlines - 1);
    const auto begin = before == std::string::npos ? 0 : before + 1;
    last_line_ = tail.substr(begin, newlines - begin);
  }
  if (::ftruncate(file_, from + static_cast<::off_t>(complete)) != 0) return failed(path_);
  if (::lseek(file_, 0, SEEK_END) < 0) return failed(path_);
  return {};
}

std::expected<void, std::string> LineFile::add(std::string_view line) {
  buffer_.append(line).push_back('\n');
  return buffer_.size() < kBufferBytes ? std::expected<void, std::string>{} : write_out();
}
std::expected<void, std::string> LineFile::write_out() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const auto written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(path_);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
  return {};
}
std::expected<void, std::string> LineFile::close() {
  if (auto written = write_out(); !written) return written;
  if (::fsync(file_) != 0) return failed(path_);
  ::close(std::exchange(file_, -1));
  return {};
}

}  // namespace parley::audit
