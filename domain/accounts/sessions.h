#pragma once
// Sessions of an account, as far as they have to be remembered: which of those whose tokens have not expired are over.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/kernel.h"

namespace parley::accounts {

/// For so long a session lasts.
inline constexpr std::chrono::hours kSessionLifetime{24};
/// What is over is remembered for so much longer than its token is good: clocks of APIs and deciders differ.
inline constexpr std::chrono::hours kClocksDifferMax{1};
/// Sessions of one account that are remembered one by one. One more, and the oldest of them takes along all that began
/// before it.
inline constexpr std::size_t kEndedSessionsMax = 50;

/// A session as its token names it.
struct Session {
  std::string id;
  std::int64_t version =
      0;  ///< The account's, when it began: this tells earlier sessions from later ones, whatever clocks say.
  Timestamp expires_at;
  friend bool operator==(const Session&, const Session&) = default;
};

/// A value: deciders fold it, APIs ask it.
struct Sessions {
  /// All that began at this version of the account or before it are over, but the one that is kept. 0: none.
  std::int64_t over_through = 0;
  std::optional<std::string> kept;
  Timestamp over_until;        ///< By then all of those have expired.
  std::vector<Session> ended;  ///< Over beside those, oldest first.

  bool is_over(const Session& session) const;
  bool is_empty() const { return over_through == 0 && ended.empty(); }

  void end(const Session& session, Timestamp now);
  /// Of the account as it is with that event.
  void end_all(const Occurred& when, std::optional<std::string> keep = {});
  /// What has expired.
  void forget(Timestamp now);

  friend bool operator==(const Sessions&, const Sessions&) = default;
};

}  // namespace parley::accounts
