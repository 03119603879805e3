#include "ops/cli/audit/progress.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>

namespace parley::audit {
namespace {

constexpr std::chrono::seconds kSayEvery{2};

/// Past std::cerr, which escapes what moves a cursor: this here may.
void show(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress(std::string task) : task_(std::move(task)), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (is_line_open_) show("\r\033[K");
}

void Progress::advance(std::int64_t offsets) {
  const auto now = Clock::now();
  if (is_over_ || now - said_ < kSayEvery) return;
  said_ = now;
  const auto percent = total_ == 0 ? 0 : std::min<std::int64_t>(100, 100 * (before_ + offsets) / total_);
  const auto seconds = std::chrono::duration<double>(now - begun_).count();
  show(fmt::format("{}parley audit {}: {} %, {} records read, {}/s{}", is_terminal_ ? "\r\033[K" : "", task_, percent,
                   records_, static_cast<std::int64_t>(static_cast<double>(records_) / seconds),
                   is_terminal_ ? "" : "\n"));
  is_line_open_ = is_terminal_;
}

void Progress::passed(std::int64_t offsets) { before_ += offsets; }

}  // namespace parley::audit
