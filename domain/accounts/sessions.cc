#include "domain/accounts/sessions.h"

#include <algorithm>

namespace parley::accounts {
namespace {

/// Of an account, before which no session begins: tokens of builds that knew no versions come as 0.
constexpr std::int64_t kFirstVersion = 1;

}  // namespace

bool Sessions::is_over(const Session& session) const {
  if (over_through != 0 && session.version <= over_through && session.id != kept) return true;
  return std::ranges::find(ended, session.id, &Session::id) != ended.end();
}

void Sessions::end(const Session& session, Timestamp now) {
  forget(now);
  if (session.id == kept) kept.reset();
  if (is_over(session)) return;
  ended.insert(std::ranges::upper_bound(ended, session.version, {}, &Session::version), session);
  if (ended.size() <= kEndedSessionsMax) return;
  over_through = std::max({over_through, ended.front().version, kFirstVersion});
  over_until = std::max(over_until, ended.front().expires_at);
  ended.erase(ended.begin());
}

void Sessions::end_all(const Occurred& when, std::optional<std::string> keep) {
  over_through = when.version;
  over_until = when.time + kSessionLifetime;
  kept = std::move(keep);
  ended.clear();
}

void Sessions::forget(Timestamp now) {
  std::erase_if(ended, [&](const Session& session) { return session.expires_at + kClocksDifferMax <= now; });
  if (over_through == 0 || over_until + kClocksDifferMax > now) return;
  over_through = 0;
  kept.reset();
  over_until = {};
}

}  // namespace parley::accounts
