#pragma once
// Internal to this folder: what both tasks do with their process.
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace parley::backup {

template <class T = void>
using Result = std::expected<T, std::string>;

/// Ended by SIGTERM or SIGINT.
inline constexpr std::string_view kStopped = "stopped";

/// Says on standard error how far a part of the work is, once a second at most.
class Progress {
 public:
  /// `task`: "backup". `total` of 0: not known.
  Progress(std::string_view task, std::string what, std::int64_t total);
  /// Whether to go on.
  bool add(std::int64_t done);
  bool at(std::int64_t done);

 private:
  std::string task_;
  std::string what_;
  std::int64_t total_;
  std::int64_t done_ = 0;
  std::chrono::steady_clock::time_point said_;
};

/// From the file (its first line), or from PARLEY_BACKUP_PASSPHRASE when there is no file. Empty when there is neither.
Result<std::string> passphrase(const std::string& file);

/// Whether a file of keys can be used as what its name among the secrets says.
Result<> check_key_file(std::string_view name, const std::string& file);

/// "12.3 MB"
std::string size_text(std::int64_t bytes);

}  // namespace parley::backup
