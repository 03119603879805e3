#pragma once
// That an API key was used, told to its account: at most once per key, process and accounts::UsePeriod.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "api/commands/dispatcher.h"

namespace parley::api {

/// Keys of which a process remembers that it has told their use. When there are more it forgets them all, and tells
/// again what is known already.
inline constexpr std::size_t kKeysToldMax = 100'000;
/// After this a use that could not be told is told with the next request. Until then it is left: an outage must not
/// double its requests.
inline constexpr std::chrono::minutes kTellAgainAfter{1};

/// Thread-safe. Nobody waits for it, and nothing fails when it does.
class KeyUses {
 public:
  using Send = std::function<void(const schema::CommandEnvelope&, const Command&, Dispatcher::Done)>;
  /// `send` must not block; as long as commands are sent, and until the last of them is done, it and what it needs must
  /// be there.
  explicit KeyUses(Send send, std::size_t told_max = kKeysToldMax);
  /// Somebody has come in with the key. APIs that tell it in the same period send one command, by its id.
  void note(const ApiClient& who, Timestamp now);

 private:
  struct Told;
  const Send send_;
  const std::size_t told_max_;
  const std::shared_ptr<Told> told_;
};

}  // namespace parley::api
