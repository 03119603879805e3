#pragma once
// Numbers that mean something in one log alone (positions), as a text that clients hand back as they got it.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley::api {

struct LogToken {
  std::string log;                    ///< endpoint::Deps::log_identity: of another log the numbers say nothing.
  std::vector<std::int64_t> numbers;  ///< Not negative.
};

/// "<log>.<base64url>": of the numbers as LEB128, about four characters for each position. Thread-safe, as the next.
std::string write_log_token(std::string_view log, std::span<const std::int64_t> numbers);
/// Nothing for a text that the above does not write.
std::optional<LogToken> read_log_token(std::string_view text);

}  // namespace parley::api
