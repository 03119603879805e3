#pragma once
// What makes a repeated request a repetition.
#include <optional>
#include <string>
#include <string_view>

#include "api/endpoint/failure.h"
#include "api/http/message.h"

namespace parley::endpoint {

inline constexpr std::size_t kIdempotencyKeyMax = 255;

/// The Idempotency-Key of a request, if it has one: 1 to kIdempotencyKeyMax visible ASCII characters, otherwise invalid.
Result<std::optional<std::string>> idempotency_key(const http::Headers& headers);

/// The id of a command: with a key it is determined by who asks (`scope`), for what (method and path), and the key; without, it is new.
std::string command_id(std::string_view scope, std::string_view method, std::string_view path, const std::optional<std::string>& key);

/// The path that was asked for, from the pattern and the decoded parameters: spellings of one path are one.
std::string concrete_path(const http::Request& request);

}  // namespace parley::endpoint
