#include "platform/crypto/secret_file.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace parley::crypto {

namespace {

/// The text in a file of its own beside `path`, on disk; what it is called.
std::expected<std::string, std::string> write_draft(const std::string& path, std::string_view text) {
  auto draft = fmt::format("{}.new-{}", path, getpid());
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(draft + ": " + std::strerror(errno));
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (written) return draft;
  ::unlink(draft.c_str());
  return std::unexpected(path + ": " + std::strerror(error));
}

}  // namespace

std::expected<bool, std::string> create_secret_file(const std::string& path, std::string_view text) {
  // Written beside and linked into place: a crash leaves no half file, and a file that stands is never replaced.
  const auto draft = write_draft(path, text);
  if (!draft) return std::unexpected(draft.error());
  const bool placed = ::link(draft->c_str(), path.c_str()) == 0;
  const int error = errno;
  ::unlink(draft->c_str());
  if (!placed && error != EEXIST) return std::unexpected(path + ": " + std::strerror(error));
  return placed;
}

std::expected<void, std::string> replace_secret_file(const std::string& path, std::string_view text) {
  const auto draft = write_draft(path, text);
  if (!draft) return std::unexpected(draft.error());
  if (::rename(draft->c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(draft->c_str());
  return std::unexpected(path + ": " + std::strerror(error));
}

std::expected<KeyLine, std::string> read_key_line(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0)
    return std::unexpected(fmt::format("{}: {} (`parley keys` makes it)", path, std::strerror(errno)));
  if ((status.st_mode & 077) != 0) return std::unexpected(path + ": others may read it; its mode must be 0600");
  std::ifstream file(path);
  KeyLine line;
  if (!(file >> line.id >> line.key)) return std::unexpected(path + ": must have one line: a key's id and the key");
  return line;
}

}  // namespace parley::crypto
