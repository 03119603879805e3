#include "ops/simulators/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "platform/invariant.h"

namespace parley::simulators {
namespace {

constexpr int kNoFile = -1;

int opened(const std::string& path) {
  if (path.empty()) return kNoFile;
  const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) throw std::system_error(errno, std::generic_category(), path);
  return file;
}

}  // namespace

Journal::Journal(const std::string& path) : file_(opened(path)) {}

Journal::~Journal() {
  if (file_ != kNoFile) ::close(file_);
}

void Journal::append(const std::function<void(json::Writer&)>& members) {
  using std::chrono::milliseconds;
  const auto now = std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
  const std::lock_guard lock(mutex_);
  json::Writer writer;
  writer.begin_object();
  writer.key("n");
  writer.integer(static_cast<std::int64_t>(++last_));
  writer.key("at_ms");
  writer.integer(now.time_since_epoch().count());
  members(writer);
  writer.end_object();
  auto line = writer.take() + "\n";
  if (file_ != kNoFile) {
    invariant(::write(file_, line.data(), line.size()) == static_cast<ssize_t>(line.size()),
              "a line of the journal is written whole");
  }
  kept_bytes_ += line.size();
  kept_.push_back(std::move(line));
  while (kept_.size() > kLinesKept || kept_bytes_ > kBytesKept) {
    kept_bytes_ -= kept_.front().size();
    kept_.pop_front();
  }
}

std::string Journal::lines(std::uint64_t after, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t before_first = last_ - kept_.size();
  const auto skipped = std::min<std::uint64_t>(after > before_first ? after - before_first : 0, kept_.size());
  std::string lines;
  for (std::size_t i = skipped; i < kept_.size() && i < skipped + most; ++i) lines += kept_[i];
  return lines;
}

}  // namespace parley::simulators
