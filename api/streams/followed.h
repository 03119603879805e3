#pragma once
// Which kinds of streams can be followed, and what their events say of who may.
#include <optional>

#include "domain/model.h"

namespace parley::api {

/// What may be known of a stream without PostgreSQL.
struct StreamFacts {
  std::optional<AccountId> owner;        ///< It and its team may follow the stream,
  std::optional<AssistantId> assistant;  ///< and the visitors of this assistant.
  friend bool operator==(const StreamFacts&, const StreamFacts&) = default;
};

/// The hub holds events of these kinds alone.
bool is_followed(Kind kind);
/// As far as the event says it.
StreamFacts facts_of(const Event& event);
/// How a client is refused a stream that is not there, or not its own. Of a followed kind.
Code not_found(Kind kind);

}  // namespace parley::api
