#include "workers/reactors/runtime/attempt.h"

#include <algorithm>
#include <utility>

#include "platform/invariant.h"

namespace parley::reactors {

Attempt::Attempt(OnUnknown policy, const Limits& limits, std::uint64_t seed)
    : policy_(policy), limits_(limits), seed_(seed) {}

Attempt::Next Attempt::begin(bool records, bool was_begun, bool is_restored) {
  invariant(records || policy_ == OnUnknown::repeat, "a call that must not be repeated records its beginning");
  is_restored_ = is_restored;
  if (was_begun) return when_unknown();
  return records ? Next::record_attempt : Next::call;
}

Attempt::Next Attempt::decided(Decision decision) {
  if (decision == Decision::refused) return Next::nothing;
  return decision == Decision::first && !is_restored_ ? Next::call : when_unknown();
}

Attempt::Next Attempt::ended(CallEnd end) {
  last_ = std::move(end);
  if (last_.kind == CallEnd::Kind::done) return this->end(Result::Kind::done);
  if (asks_) {
    if (last_.kind == CallEnd::Kind::unknown) return again();
    asks_ = maybe_made_ = false;  // the outside does not know the call: it may be made
    questions_ = 0;
    return calls_ < limits_.calls_max ? Next::call : this->end(Result::Kind::failed);
  }
  ++calls_;
  return last_.kind == CallEnd::Kind::unknown ? when_unknown() : again();
}

Attempt::Next Attempt::when_unknown() {
  maybe_made_ = true;
  if (policy_ == OnUnknown::give_up) return end(Result::Kind::unknown);
  asks_ = policy_ == OnUnknown::ask;
  if (calls_ == 0) return waited();  // after a restart: nothing was tried in this life
  return again();
}

/// The same thing, after a pause.
Attempt::Next Attempt::again() {
  const int tried = asks_ ? ++questions_ : calls_;
  const auto failed = maybe_made_ ? Result::Kind::unknown : Result::Kind::failed;
  const auto retry_after = last_.retry_after.value_or(std::chrono::milliseconds(0));
  if (tried >= limits_.calls_max || retry_after > limits_.backoff.max) return end(failed);
  pause_ = std::max(retry_after, pause_before(tried, limits_.backoff, seed_));
  return Next::pause;
}

Attempt::Next Attempt::end(Result::Kind kind) {
  result_ = {kind, last_.detail, last_.retry_after};
  return Next::record_outcome;
}

}  // namespace parley::reactors
