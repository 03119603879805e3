#pragma once
// The credentials that every surface takes alike: access tokens and API keys of its realm. A surface composes its
// access policies of them. From memory, without blocking; thread-safe.
#include <optional>
#include <string_view>

#include "api/endpoint/access_policy.h"

namespace parley::endpoint {

/// Refused because of something that another API process may have made a moment ago: see Failure::retry_after_catch_up.
Failure retried_after_catch_up(Code refusal);

/// Why a caller is let in no longer: the session is over, its token has expired, the API key is revoked. Nothing: they
/// may go on; so may a caller who has neither.
std::optional<Error> session_over(const Caller& caller, const Deps& deps);

/// The account that has the access token, whether or not its session is over.
Result<Caller> with_token_of_any_session(std::string_view token, const Deps& deps);
/// The account that has the access token; refused when its session is over.
Result<Caller> with_access_token(std::string_view token, const Deps& deps);
/// The program that has the API key: an ApiClient, with what the key is good for.
Result<Caller> with_api_key(std::string_view key, const Deps& deps);
/// `Authorization: Bearer` with an API key, or else with an access token, which `with_token` reads.
Result<Caller> with_bearer(const http::Request& request, const Deps& deps,
                           Result<Caller> (*with_token)(std::string_view, const Deps&) = with_access_token);

}  // namespace parley::endpoint
