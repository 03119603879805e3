#include "domain/accounts/api_keys.h"

#include <algorithm>

namespace parley::accounts {

bool ApiKey::is_news(Timestamp use) const {
  return !last_used_at || std::chrono::floor<UsePeriod>(*last_used_at) < std::chrono::floor<UsePeriod>(use);
}

const ApiKey* ApiKeys::find(ApiKeyId id) const {
  const auto found = std::ranges::find(keys, id, &ApiKey::id);
  return found == keys.end() ? nullptr : &*found;
}

std::expected<ApiKeys::Created, Error> ApiKeys::create(const CreateApiKey& c, Context& x) const {
  if (keys.size() >= kApiKeysMax) return refuse(Code::api_key_limit_reached);
  const ApiKeyId id{x.ids.take()};
  return Created{{id, c.name, c.scopes, c.digest, c.hint}, {id, c.name, c.scopes, c.hint, c.key}};
}

void ApiKeys::add(const ApiKeyCreated& e) { keys.push_back({e.key, e.scopes, e.digest, std::nullopt}); }
void ApiKeys::remove(ApiKeyId id) {
  std::erase_if(keys, [&](const ApiKey& key) { return key.id == id; });
}
void ApiKeys::use(ApiKeyId id, Timestamp time) {
  for (auto& key : keys) {
    if (key.id == id) key.last_used_at = time;
  }
}

}  // namespace parley::accounts
