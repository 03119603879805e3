#pragma once
// How far a command is, on stderr: nothing in the first seconds, then a line every few seconds.
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley::audit {

/// Owned by the command. On a terminal the line replaces itself; elsewhere (a log of cron's) each stands.
class Progress {
 public:
  explicit Progress(std::string task);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Offsets that are to be passed in all, more than was said before; control records and gaps among them.
  void expect(std::int64_t offsets) { total_ += offsets; }
  /// A record was read.
  void count() { ++records_; }
  /// So much of the reading under way is done.
  void advance(std::int64_t offsets);
  /// From here on it is silent: what is looked for was found, and speaks for itself.
  void end() { is_over_ = true; }
  /// A reading of that length is over.
  void passed(std::int64_t offsets);

 private:
  using Clock = std::chrono::steady_clock;

  const std::string task_;
  const bool is_terminal_;
  const Clock::time_point begun_ = Clock::now();
  Clock::time_point said_ = begun_;
  std::int64_t total_ = 0, before_ = 0, records_ = 0;
  bool is_line_open_ = false, is_over_ = false;
};

}  // namespace parley::audit
