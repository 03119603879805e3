#pragma once
// What a simulator was asked and what it did, for checkers outside the product.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "schemas/json.h"

namespace parley::simulators {

/// Lines of JSON, numbered from 1. Each is in the file (one write(2), appended) before append() returns, so it survives
/// the process, though not the machine. A line that cannot be written ends the process: a journal with a hole proves
/// nothing. The last ones are kept in memory: at most kLinesKept of at most kBytesKept. Thread-safe.
class Journal {
 public:
  static constexpr std::size_t kLinesKept = 100'000;
  static constexpr std::size_t kBytesKept = 64U << 20;

  /// Throws std::system_error when the file cannot be opened. Empty: memory alone.
  explicit Journal(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// `members` writes the members of the line's object after "n" and "at_ms" (Unix time).
  void append(const std::function<void(json::Writer&)>& members);
  /// At most `most` lines with n > after, each ended by a newline.
  std::string lines(std::uint64_t after, std::size_t most) const;

 private:
  const int file_;  // -1: none
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::deque<std::string> kept_;  // the last of them is line `last_`
  std::size_t kept_bytes_ = 0;
};

}  // namespace parley::simulators
