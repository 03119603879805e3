#include "workers/decider/crash_marker.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace parley::decider {

/// What the file holds. The flag is set after the command and cleared before another one, so that what a dead process
/// left is one command or none.
struct CrashMarker::Page {
  static constexpr std::uint64_t kMagic = 0x31'4B'52'41'4D'59'4C'50;

  std::uint64_t magic;
  std::int64_t offset, suspect_offset;
  std::int32_t partition, suspect_partition, crashes;
  std::atomic<std::int32_t> deciding;
};

CrashMarker::CrashMarker(Page* page) : page_(page) {
  if (page_->magic != Page::kMagic) {
    std::memset(static_cast<void*>(page_), 0, sizeof(Page));
    page_->magic = Page::kMagic;
  }
  if (page_->deciding.exchange(0) != 0) {
    page_->suspect_partition = page_->partition;
    page_->suspect_offset = page_->offset;
    ++page_->crashes;
  }
  if (page_->crashes > 0) suspect_ = Suspect{page_->suspect_partition, page_->suspect_offset, page_->crashes};
}

std::expected<CrashMarker, std::string> CrashMarker::open(const std::string& path) {
  const auto failed = [&](int error) { return std::unexpected(path + ": " + std::strerror(error)); };
  static_assert(std::atomic<std::int32_t>::is_always_lock_free);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return failed(errno);
  // Allocated now: a full disk is an error here and no signal later.
  const int allocated = ::posix_fallocate(file, 0, sizeof(Page));
  void* mapped =
      allocated == 0 ? ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  const int error = allocated != 0 ? allocated : errno;
  ::close(file);
  if (mapped == MAP_FAILED) return failed(error);
  return CrashMarker(std::launder(static_cast<Page*>(mapped)));
}

CrashMarker::CrashMarker(CrashMarker&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)), suspect_(other.suspect_) {}
CrashMarker::~CrashMarker() {
  if (page_ != nullptr) ::munmap(page_, sizeof(Page));
}

CrashMarker::Scope CrashMarker::deciding(int partition, std::int64_t offset) {
  page_->partition = partition;
  page_->offset = offset;
  page_->deciding.store(1, std::memory_order_release);
  return Scope(*this);
}
CrashMarker::Scope::~Scope() { marker_.page_->deciding.store(0, std::memory_order_release); }

void CrashMarker::passed(int partition, std::int64_t next) {
  if (!suspect_ || suspect_->partition != partition || next <= suspect_->offset) return;
  page_->crashes = 0;
  suspect_.reset();
}

}  // namespace parley::decider
