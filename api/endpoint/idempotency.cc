#include "api/endpoint/idempotency.h"

#include <algorithm>

#include "platform/crypto/crypto.h"

namespace parley::endpoint {

Result<std::optional<std::string>> idempotency_key(const http::Headers& headers) {
  if (!headers.has("Idempotency-Key")) return std::optional<std::string>{};
  const auto key = headers.get("Idempotency-Key");
  const bool visible = std::ranges::all_of(key, [](char c) { return c > ' ' && c < '\x7F'; });
  if (key.empty() || key.size() > kIdempotencyKeyMax || !visible) return invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters");
  return std::optional<std::string>(key);
}

std::string command_id(std::string_view scope, std::string_view method, std::string_view path, const std::optional<std::string>& key) {
  if (!key) return crypto::uuid7();
  std::string text;  // each part after its length, so that no two requests make one text
  for (const auto part : {scope, method, path, std::string_view(*key)}) text.append(std::to_string(part.size())).append(":").append(part);
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
