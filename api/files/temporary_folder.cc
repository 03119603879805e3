#include "api/files/temporary_folder.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "platform/log/log.h"

namespace parley::files {
namespace {

constexpr std::string_view kPrefix = "upload-";

std::unexpected<TemporaryError> failed(std::string_view what) {
  const int error = errno;
  const auto kind = temporary_error(error);
  log::error("a file cannot be received", {{"step", what}, {"reason", std::strerror(error)}});
  return std::unexpected(kind);
}

}  // namespace

TemporaryError temporary_error(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return TemporaryError::disk_full;
    case EMFILE:
    case ENFILE:
      return TemporaryError::busy;
    default:
      return TemporaryError::unavailable;
  }
}

TemporaryFile::TemporaryFile(std::filesystem::path path, int descriptor, http::ByteBudget::Share share,
                             std::shared_ptr<std::atomic<std::size_t>> count)
    : path_(std::move(path)),
      file_(std::make_shared<const http::OpenFile>(descriptor)),
      share_(std::move(share)),
      count_(std::move(count)) {}

TemporaryFile::~TemporaryFile() {
  if (!stays_) ::unlink(path_.c_str());
  --*count_;
}

std::expected<void, TemporaryError> TemporaryFile::append(std::string_view bytes) {
  if (!share_.resize(bytes_ + bytes.size())) return std::unexpected(TemporaryError::busy);
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    const auto written = ::write(file_->descriptor(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

http::FilePart TemporaryFile::content() const { return {file_, 0, bytes_}; }

std::expected<void, TemporaryError> TemporaryFile::move_to(const std::filesystem::path& path) {
  if (::fsync(file_->descriptor()) != 0) return failed("fsync");
  if (::rename(path_.c_str(), path.c_str()) != 0) return failed("rename");
  stays_ = true;
  return {};
}

TemporaryFolder::TemporaryFolder(Options options)
    : options_(std::move(options)),
      mark_(http::new_request_id()),
      budget_(std::make_shared<http::ByteBudget>(options_.bytes_max)) {
  if (options_.folder.empty()) return;
  std::error_code error;
  if (std::filesystem::create_directories(options_.folder, error))
    std::filesystem::permissions(options_.folder, std::filesystem::perms::owner_all, error);
  if (error) log::error("the folder for uploads cannot be made", {{"reason", error.message()}});
  remove_leftovers();
}

/// Who writes a file has its lock until his process ends, however it ends.
void TemporaryFolder::remove_leftovers() const {
  std::error_code error;
  for (std::filesystem::directory_iterator at(options_.folder, error), end; !error && at != end; at.increment(error)) {
    if (!at->path().filename().string().starts_with(kPrefix)) continue;
    const int descriptor = ::open(at->path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    const http::OpenFile file(descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(at->path().c_str());
  }
}

std::expected<std::shared_ptr<TemporaryFile>, TemporaryError> TemporaryFolder::create() {
  if (options_.folder.empty()) return std::unexpected(TemporaryError::unavailable);
  const bool is_one_too_many = ++*count_ > options_.files_max;
  const auto path = options_.folder / fmt::format("{}{}-{}", kPrefix, mark_, ++last_);
  const int descriptor =
      is_one_too_many ? -1 : ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    --*count_;
    return is_one_too_many ? std::unexpected(TemporaryError::busy) : failed("open");
  }
  auto file =
      std::shared_ptr<TemporaryFile>(new TemporaryFile(path, descriptor, http::ByteBudget::Share(budget_), count_));
  struct stat now{};
  // Another process that starts right now may have found it without its lock: then it is gone already.
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 || ::fstat(descriptor, &now) != 0 || now.st_nlink == 0)
    return std::unexpected(TemporaryError::busy);
  return file;
}

}  // namespace parley::files
