// /api/api-keys: an owner's keys for programs.
#include "api/auth/api_keys.h"

#include <algorithm>

#include "api/directory/directory.h"
#include "api/endpoint/answer_of.h"
#include "api/endpoint/group.h"
#include "api/surfaces/replyx/access_policies.h"
#include "api/surfaces/replyx/accounts.h"
#include "api/surfaces/replyx/replyx.h"
#include "api/surfaces/replyx/texts.h"
#include "domain/accounts/accounts.h"
#include "platform/crypto/keyring.h"
#include "projections/contexts/api_keys.h"
#include "schemas/directory.h"

namespace parley::replyx {

struct ApiKeyPath {
  ApiKeyId api_key_id;
};
struct CreateApiKeyRequest {
  Text name;
  std::vector<Scope> scopes;
};
struct CreatedApiKey {
  ApiKeyId id;
  std::string name;
  std::vector<std::string> scopes;
  std::string key;
  std::string hint;
  schema::Nullable<Timestamp> last_used_at;
  Timestamp created_at;
};
struct ListedApiKey {
  ApiKeyId id;
  std::string name;
  std::vector<std::string> scopes;
  std::string hint;
  schema::Nullable<Timestamp> last_used_at;
  Timestamp created_at;
};
struct ApiKeyList {
  std::vector<ListedApiKey> api_keys;
};

}  // namespace parley::replyx

namespace parley::schema {

inline constexpr std::string_view kLastUsedDescription =
    "The key's first use in the latest hour (UTC) in which it was used. The key's last use is at most an hour later. "
    "null: the key was never used";

template <>
inline constexpr auto fields<replyx::CreateApiKeyRequest> = std::tuple{
    field("name", &replyx::CreateApiKeyRequest::name, {.length_min = 1, .length_max = replyx::kApiKeyNameMax},
          "The name that the owner gives the key"),
    field("scopes", &replyx::CreateApiKeyRequest::scopes, {.length_min = 1, .length_max = replyx::kScopesMax},
          "What the key may do. `…:write` does not include `…:read`"),
};
template <>
inline constexpr auto fields<replyx::CreatedApiKey> = std::tuple{
    field("id", &replyx::CreatedApiKey::id),
    field("name", &replyx::CreatedApiKey::name),
    field("scopes", &replyx::CreatedApiKey::scopes, {.length_max = replyx::kScopesMax}),
    field("key", &replyx::CreatedApiKey::key, {},
          "Send it as `Authorization: Bearer`. The API never shows the key again"),
    field("hint", &replyx::CreatedApiKey::hint, {}, "The key's last characters"),
    field("last_used_at", &replyx::CreatedApiKey::last_used_at, {}, kLastUsedDescription),
    field("created_at", &replyx::CreatedApiKey::created_at),
};
template <>
inline constexpr auto fields<replyx::ListedApiKey> = std::tuple{
    field("id", &replyx::ListedApiKey::id),
    field("name", &replyx::ListedApiKey::name),
    field("scopes", &replyx::ListedApiKey::scopes, {.length_max = replyx::kScopesMax}),
    field("hint", &replyx::ListedApiKey::hint, {}, "The key's last characters"),
    field("last_used_at", &replyx::ListedApiKey::last_used_at, {}, kLastUsedDescription),
    field("created_at", &replyx::ListedApiKey::created_at),
};
template <>
inline constexpr auto fields<replyx::ApiKeyList> = std::tuple{
    field("api_keys", &replyx::ApiKeyList::api_keys, {.length_max = accounts::kApiKeysMax}, "The oldest first")};
template <>
inline constexpr std::string_view example<replyx::CreateApiKeyRequest> =
    R"({"name":"CRM","scopes":["dialogs:read","dialogs:write"]})";
template <>
inline constexpr std::string_view example<replyx::CreatedApiKey> =
    R"({"id":1025,"name":"CRM","scopes":["dialogs:read","dialogs:write"],"key":"prl_3q2-7wAAAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBk","hint":"XGBk",
    "last_used_at":null,"created_at":"2025-09-01T10:00:00Z"})";
template <>
inline constexpr std::string_view example<replyx::ListedApiKey> =
    R"({"id":1025,"name":"CRM","scopes":["dialogs:read","dialogs:write"],"hint":"XGBk","last_used_at":"2025-09-01T10:05:00Z",
    "created_at":"2025-09-01T10:00:00Z"})";

}  // namespace parley::schema

namespace parley::endpoint {

template <>
inline constexpr auto parameters<replyx::ApiKeyPath> = std::tuple{path("api_key_id", &replyx::ApiKeyPath::api_key_id)};

}  // namespace parley::endpoint

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Decided;
using endpoint::Deps;
using endpoint::Group;
using endpoint::Nothing;
using endpoint::Result;
using endpoint::Sending;

Result<Sending> create_api_key(const Call<Nothing, CreateApiKeyRequest>& call, const Deps& deps) {
  auto scopes = call.body.scopes;
  std::ranges::sort(scopes);
  scopes.erase(std::ranges::unique(scopes).begin(), scopes.end());
  std::vector<accounts::Scope> named;
  for (const auto scope : scopes) named.push_back({std::string(schema::name_of(scope))});
  const auto key = api::new_api_key();
  return Sending{own_stream(call.caller), accounts::Command{accounts::CreateApiKey{
                                              .name = call.body.name.text,
                                              .scopes = std::move(named),
                                              .digest = api::api_key_digest(key, deps.keys, deps.tokens.realm()),
                                              .hint = std::string(api::api_key_hint(key)),
                                              .key = deps.keys.seal(key, kApiKeyContext)}}};
}
Result<Sending> revoke_api_key(const Call<ApiKeyPath>& call, const Deps&) {
  return Sending{own_stream(call.caller), accounts::Command{accounts::RevokeApiKey{call.parameters.api_key_id}}};
}

CreatedApiKey created(const accounts::NewApiKey& answer, const Decided& decided) {
  CreatedApiKey out{.id = answer.id,
                    .name = answer.name,
                    .scopes = {},
                    .key = decided.deps.keys.open(answer.key, kApiKeyContext).value(),
                    .hint = answer.hint,
                    .last_used_at = std::nullopt,
                    .created_at = decided.outcome.time};
  for (const auto& scope : answer.scopes) out.scopes.push_back(scope.name);
  return out;
}
Nothing revoked(const accounts::EndedApiKey&, const Decided&) { return {}; }

bool is_known(const accounts::NewApiKey& answer, const Deps& deps) { return deps.directory.has_api_key(answer.id); }
bool is_gone(const accounts::EndedApiKey& answer, const Deps& deps) { return !deps.directory.has_api_key(answer.id); }

ListedApiKey listed(projections::ApiKeyRow row) { return endpoint::answer_of<ListedApiKey>(std::move(row)); }
Result<ApiKeyList> list_api_keys(const Call<Nothing>& call, postgres::Lease& db, const Deps&) {
  auto keys = found_all(projections::api_keys_of(db, asking_owner(call.caller.principal).value()), listed);
  if (!keys) return std::unexpected(std::move(keys.error()));
  return ApiKeyList{std::move(*keys)};
}
Result<endpoint::Versioned<ListedApiKey>> get_api_key(const Call<ApiKeyPath>& call, postgres::Lease& db, const Deps&) {
  return found_single(projections::api_key(db, asking_owner(call.caller.principal).value(), call.parameters.api_key_id),
                      accounts::kApiKeyNotFound, listed);
}

}  // namespace

void add_api_keys(endpoint::Registry& registry) {
  static const std::string kAboutCreation =
      "The key is in this response only (and in the response to a repeated request with the same Idempotency-Key, for "
      "24 hours): store it like a password. The key is valid until it is revoked, even when the account's password "
      "changes. An account has at most " +
      std::to_string(accounts::kApiKeysMax) + " keys";
  const Group all({.path = "/api/api-keys", .access = &kOwner});
  const Group one(all({.path = "/{api_key_id}", .errors = {accounts::kApiKeyNotFound}}));
  registry.command(all({.method = "POST",
                        .status = 201,
                        .operation = "createApiKey",
                        .summary = "Create an API key",
                        .description = kAboutCreation,
                        .errors = {accounts::kApiKeyLimitReached},
                        .single = true}),
                   create_api_key, created, is_known);
  registry.query(
      all({.method = "GET",
           .operation = "listApiKeys",
           .summary = "List the caller's valid API keys",
           .page = endpoint::PageBounds{.rows_max = accounts::kApiKeysMax, .bytes_max = projections::kPageBytesMax}}),
      list_api_keys);
  registry.query(one({.method = "GET",
                      .operation = "getApiKey",
                      .summary = "Get an API key",
                      .description = "The ETag is the account's version. Other changes of the account change it too"}),
                 get_api_key);
  registry.command(one({.method = "DELETE",
                        .status = 204,
                        .operation = "revokeApiKey",
                        .summary = "Revoke an API key for good",
                        .description = "This API process refuses the key as soon as it has answered, every other "
                                       "process within a second. Event streams that were opened with the key end"}),
                   revoke_api_key, revoked, is_gone);
}

}  // namespace parley::replyx
