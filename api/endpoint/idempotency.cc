#include "api/endpoint/idempotency.h"

#include <algorithm>

#include "platform/crypto/crypto.h"

namespace parley::endpoint {

namespace {

constexpr std::string_view kEdgePrefix = "edge ";  // no client's key has a space

bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= kIdempotencyKeyMax &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7F'; });
}

}  // namespace

Result<std::optional<IdempotencyKey>> idempotency_key(const http::Headers& headers) {
  if (headers.has("Idempotency-Key")) {
    const auto key = headers.get("Idempotency-Key");
    if (!is_key(key)) return invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters");
    return IdempotencyKey{.text = std::string(key)};
  }
  const auto edge = headers.get("X-Edge-Request-Id");
  if (!is_key(edge)) return std::nullopt;
  return IdempotencyKey{.text = std::string(kEdgePrefix).append(edge), .of_client = false};
}

std::string command_id(std::string_view scope, std::string_view method, std::string_view path, std::string_view key) {
  if (key.empty()) return crypto::uuid7();
  std::string text;  // each part after its length, so that no two requests make one text
  for (const auto part : {scope, method, path, key}) text.append(std::to_string(part.size())).append(":").append(part);
  return crypto::uuid5(text);
}

std::string concrete_path(const http::Request& request) {
  std::string out;
  std::string_view rest = request.route;
  while (!rest.empty()) {
    const auto open = rest.find('{');
    out += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = rest.find('}', open);
    out += request.path.find(rest.substr(open + 1, close - open - 1)).value_or("");
    rest.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace parley::endpoint
