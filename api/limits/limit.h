#pragma once
// What a limit is, and what an operator makes of it.
#include <chrono>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley::limits {

inline constexpr std::uint32_t kRequestsMax = 1'000'000;
inline constexpr std::chrono::seconds kPeriodMax{86'400};

/// In any `period` at most so many requests of one caller.
struct Rate {
  std::uint32_t requests = 0;
  std::chrono::seconds period{};
  friend bool operator==(const Rate&, const Rate&) = default;
};
/// As it is configured: "5/300".
std::string to_string(const Rate& rate);

/// A limit that endpoints name. A constant of the program, known by its address.
struct Limit {
  std::string_view name;  ///< In flags and metrics; never renamed once released.
  Rate rate;              ///< Of the profile `public`.
  std::string_view of;    ///< What it counts: "logins from one address".
};

enum class Profile {
  public_,  ///< As declared.
  local,    ///< Of a machine of one's own: as many as anybody can send there (kLocalRate), so that only the counting is
            ///< left.
};
inline constexpr Rate kLocalRate{kRequestsMax, std::chrono::seconds{60}};

/// A limit and the rate that it has in this process.
struct Setting {
  const Limit* limit;
  Rate rate;
};

/// Every declared limit with the profile's rate, or the one that `changes` ("login=5/300": so many requests in so many
/// seconds) give it; of several for one limit the last. An error says what is wrong, and names the limits that there
/// are.
std::expected<std::vector<Setting>, std::string> settings(std::span<const Limit* const> declared, Profile profile,
                                                          std::span<const std::string> changes);

}  // namespace parley::limits
