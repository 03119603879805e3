#include "api/files/file_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "api/http/url.h"
#include "platform/log/log.h"

namespace parley::files {
namespace {

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
         std::ranges::all_of(name,
                             [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7F' && c != '\\'; });
}

/// Takes the first name off a path.
std::string take_name(std::string_view& path) {
  const auto name = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(path.size(), name.size() + 1));
  return std::string(name);
}

/// Folder by folder, so that no symbolic link leads elsewhere. A descriptor, or -1 with errno.
int open_beneath(const std::filesystem::path& folder, std::string_view path) {
  int at = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  while (at >= 0 && !path.empty()) {
    const auto name = take_name(path);
    // A name that is a FIFO must not be waited for.
    const int kind = path.empty() ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY;
    const int next = ::openat(at, name.c_str(), kind | O_NOFOLLOW | O_CLOEXEC);
    const int error = errno;
    ::close(at);
    errno = error;
    at = next;
  }
  return at;
}

}  // namespace

bool is_inside(std::string_view path) {
  if (path.empty() || path.size() > kPathBytesMax || path.ends_with('/')) return false;
  while (!path.empty()) {
    if (!is_name(take_name(path))) return false;
  }
  return true;
}

std::expected<FoundFile, FileError> FileFolder::find(std::string_view path) const {
  if (options_.folder.empty() || !is_inside(path)) return std::unexpected(FileError::not_found);
  // Counted as long as it is open: by whoever keeps the descriptor.
  struct Counted {
    explicit Counted(std::shared_ptr<std::atomic<std::size_t>> of) : count(std::move(of)) {}
    ~Counted() { --*count; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    const std::shared_ptr<std::atomic<std::size_t>> count;
    std::unique_ptr<http::OpenFile> file;
  };
  const bool is_one_too_many = ++*open_ > options_.open_max;
  const auto counted = std::make_shared<Counted>(open_);
  if (is_one_too_many) return std::unexpected(FileError::busy);
  const int descriptor = open_beneath(options_.folder, path);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO)
      return std::unexpected(FileError::not_found);
    log::error("a file of an answer cannot be opened", {{"reason", std::strerror(errno)}});
    return std::unexpected(FileError::unavailable);
  }
  counted->file = std::make_unique<http::OpenFile>(descriptor);
  struct stat found{};
  if (::fstat(descriptor, &found) != 0 || !S_ISREG(found.st_mode)) return std::unexpected(FileError::not_found);
  std::string edge_path;
  if (!options_.edge_location.empty()) {
    edge_path = options_.edge_location;
    for (std::string_view rest = path; !rest.empty();) {
      if (!edge_path.ends_with('/')) edge_path += '/';
      edge_path += http::percent_encode(take_name(rest));
    }
  }
  return FoundFile{
      {std::shared_ptr<const http::OpenFile>(counted, counted->file.get()), 0, static_cast<std::size_t>(found.st_size)},
      std::move(edge_path)};
}

}  // namespace parley::files
