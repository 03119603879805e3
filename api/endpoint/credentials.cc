#include "api/endpoint/credentials.h"

#include "api/auth/api_keys.h"
#include "api/auth/tokens.h"
#include "api/directory/directory.h"
#include "api/endpoint/header_fields.h"
#include "domain/model.h"

namespace parley::endpoint {

Failure retried_after_catch_up(Code refusal) {
  Failure failure(refusal);
  failure.retry_after_catch_up = true;
  return failure;
}

std::optional<Error> session_over(const Caller& caller, const Deps& deps) {
  if (const auto* program = std::get_if<ApiClient>(&caller.principal)) {
    return deps.directory.has_api_key(program->key) ? std::nullopt : std::optional(Error{kNotAuthenticated, {}});
  }
  const auto account = account_behind(caller.principal);
  if (!account || !caller.session) return std::nullopt;
  if (deps.clock() >= caller.session->expires_at) return Error{api::kTokenExpired, {}};
  if (deps.directory.sessions(*account).is_over(*caller.session)) return Error{kNotAuthenticated, {}};
  return std::nullopt;
}

Result<Caller> with_token_of_any_session(std::string_view token, const Deps& deps) {
  auto entered = deps.tokens.verify(token, deps.clock());
  if (!entered) return fail(entered.error());
  return Caller{
      .principal = entered->principal, .scope = to_string(entered->principal), .session = std::move(entered->session)};
}

Result<Caller> with_access_token(std::string_view token, const Deps& deps) {
  auto caller = with_token_of_any_session(token, deps);
  if (!caller) return caller;
  if (const auto over = session_over(*caller, deps)) return fail(*over);
  return caller;
}

Result<Caller> with_api_key(std::string_view key, const Deps& deps) {
  if (!api::is_api_key(key)) return fail(kNotAuthenticated);
  auto entry = deps.directory.api_key(api::api_key_digest(key, deps.keys, deps.tokens.realm()));
  if (!entry) return fail(retried_after_catch_up(kNotAuthenticated));
  const Principal principal = ApiClient{entry->key, entry->account};
  Caller caller{.principal = principal, .scope = to_string(principal), .rights = std::vector<std::string>{}};
  for (auto& scope : entry->scopes) caller.rights->push_back(std::move(scope.name));
  return caller;
}

Result<Caller> with_bearer(const http::Request& request, const Deps& deps,
                           Result<Caller> (*with_token)(std::string_view, const Deps&)) {
  const auto token = bearer_token(request.headers.get("Authorization"));
  if (token.empty()) return fail(kNotAuthenticated);
  return token.starts_with(api::kApiKeyMark) ? with_api_key(token, deps) : with_token(token, deps);
}

}  // namespace parley::endpoint
