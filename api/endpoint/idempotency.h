#pragma once
// What makes a repeated request a repetition.
#include <optional>
#include <string>
#include <string_view>

#include "api/endpoint/failure.h"
#include "api/http/message.h"

namespace parley::endpoint {

inline constexpr std::size_t kIdempotencyKeyMax = 255;

struct IdempotencyKey {
  std::string text;
  bool of_client =
      true;  ///< False: the edge's. The client does not know that its request was repeated, and is not told.
};

/// The Idempotency-Key of a request, 1 to kIdempotencyKeyMax visible ASCII characters, otherwise invalid. Without one,
/// X-Edge-Request-Id: the edge gives each request its own and keeps it when it asks another API, after one that ended
/// without an answer.
Result<std::optional<IdempotencyKey>> idempotency_key(const http::Headers& headers);

/// The id of a command: with a key it is determined by who asks (`scope`), for what (method and path), and the key;
/// without, when it is empty, the id is new.
std::string command_id(std::string_view scope, std::string_view method, std::string_view path, std::string_view key);

/// The path that was asked for, from the pattern and the decoded parameters: spellings of one path are one.
std::string concrete_path(const http::Request& request);

}  // namespace parley::endpoint
