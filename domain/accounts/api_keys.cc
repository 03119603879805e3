#include "domain/accounts/api_keys.h"

#include <algorithm>

#include "domain/accounts/parts.h"

namespace parley::accounts {

bool ApiKey::is_news(Timestamp use) const {
  return !last_used_at || std::chrono::floor<UsePeriod>(*last_used_at) < std::chrono::floor<UsePeriod>(use);
}

const ApiKey* ApiKeys::find(ApiKeyId id) const {
  const auto found = std::ranges::find(keys, id, &ApiKey::id);
  return found == keys.end() ? nullptr : &*found;
}

std::expected<ApiKeys::Created, Error> ApiKeys::create(const CreateApiKey& c, Context& x) const {
  if (keys.size() >= kApiKeysMax) return refuse(kApiKeyLimitReached);
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

namespace {

bool is_owner_itself(const Context& x) { return x.principal == Principal{Owner{AccountId{x.stream_id}}}; }

D rule(const Account& s, const CreateApiKey& c, Context& x) {
  if (!is_owner_itself(x)) return refuse(kInsufficientPermissions);
  auto made = s.api_keys.create(c, x);
  if (!made) return std::unexpected(made.error());
  return Accept{{std::move(made->event)}, std::move(made->answer)};
}
D rule(const Account& s, const RevokeApiKey& c, Context& x) {
  if (!is_owner_itself(x)) return refuse(kInsufficientPermissions);
  if (s.api_keys.find(c.key) == nullptr) return refuse(kApiKeyNotFound);
  return Accept{{ApiKeyRevoked{c.key}}, EndedApiKey{c.key}};
}
D rule(const Account& s, const NoteApiKeyUse&, Context& x) {
  const auto* program = std::get_if<ApiClient>(&x.principal);
  if (program == nullptr || program->owner != AccountId{x.stream_id}) return refuse(kInsufficientPermissions);
  const auto* key = s.api_keys.find(program->key);
  if (key == nullptr) return refuse(kApiKeyNotFound);
  if (!key->is_news(x.now)) return Accept{{}, changed(x)};
  return Accept{{ApiKeyUsed{program->key}}, changed(x)};
}

D rule(const NoAccount&, const auto&, Context&) { return refuse(kNotFound); }

}  // namespace

D decide_part(const State& state, const ApiKeyCommand& command, Context& context) {
  return std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
}

void fold(Account& s, const ApiKeyCreated& e, const Occurred&) { s.api_keys.add(e); }
void fold(Account& s, const ApiKeyRevoked& e, const Occurred&) { s.api_keys.remove(e.key); }
void fold(Account& s, const ApiKeyUsed& e, const Occurred& when) { s.api_keys.use(e.key, when.time); }

}  // namespace parley::accounts
