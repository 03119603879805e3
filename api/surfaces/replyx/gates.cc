#include "api/surfaces/replyx/gates.h"

#include "api/auth/api_keys.h"
#include "api/auth/tokens.h"
#include "api/directory/directory.h"
#include "api/endpoint/cors.h"
#include "api/endpoint/header_fields.h"
#include "api/endpoint/parameters.h"
#include "domain/model.h"

namespace parley::replyx {
namespace {

using endpoint::Caller;
using endpoint::Deps;
using endpoint::fail;
using endpoint::Gate;
using endpoint::Result;
using endpoint::SecurityScheme;
using Kind = SecurityScheme::Kind;

constexpr SecurityScheme kBearerScheme{"bearer", Kind::bearer, "JWT",
                                       "An access token, valid for 24 hours and until its session is over"};
constexpr SecurityScheme kApiKeyScheme{
    "apiKey", Kind::bearer, "prl_…",
    "An API key of an owner, for a program: for what its scopes name, until it is revoked"};
constexpr SecurityScheme kSiteTokenScheme{"siteToken", Kind::header, "X-Site-Token",
                                          "An assistant's public site token"};
constexpr SecurityScheme kGuestIdScheme{"guestId", Kind::header, "X-Guest-Id",
                                        "The secret that opening a dialog answered"};
constexpr SecurityScheme kTokenQueryScheme{"tokenQuery", Kind::query, "token", "An access token, for an EventSource"};
constexpr SecurityScheme kSiteTokenQueryScheme{"siteTokenQuery", Kind::query, "site_token",
                                               "An assistant's public site token"};
constexpr SecurityScheme kAssistantIdScheme{"assistantId", Kind::query, "assistant_id",
                                            "An assistant's id, instead of its site token"};
constexpr SecurityScheme kGuestIdQueryScheme{"guestIdQuery", Kind::query, "guest_id",
                                             "The secret that opening a dialog answered"};

/// What another API process may have made a moment ago.
endpoint::Failure news_perhaps(Code refusal) {
  endpoint::Failure failure(refusal);
  failure.may_be_news = true;
  return failure;
}

Result<Caller> anybody(const http::Request&, const Deps&) { return Caller{Anonymous{}, {}, {}}; }

/// Whoever has the token, whether or not the session is over.
Result<Caller> entered_with(std::string_view token, const Deps& deps) {
  auto entered = deps.tokens.verify(token, deps.clock());
  if (!entered) return fail(entered.error());
  return Caller{entered->principal, to_string(entered->principal), {}, std::move(entered->session)};
}

Result<Caller> account_with(std::string_view token, const Deps& deps) {
  auto caller = entered_with(token, deps);
  if (!caller) return caller;
  if (const auto over = session_over(*caller, deps)) return fail(*over);
  return caller;
}

/// A key that was created through another API process is known there first.
Result<Caller> integrator_with(std::string_view key, const Deps& deps) {
  if (!api::is_api_key(key)) return fail(Code::not_authenticated);
  auto entry = deps.directory.api_key(api::api_key_digest(key, deps.keys));
  if (!entry) return fail(news_perhaps(Code::not_authenticated));
  const Principal principal = Integrator{entry->key, entry->account};
  return Caller{.principal = principal, .scope = to_string(principal), .site = {}, .scopes = std::move(entry->scopes)};
}

/// Of somebody who is one of these.
template <class... Principals>
Result<Caller> only(Result<Caller> caller) {
  if (caller && !(std::holds_alternative<Principals>(caller->principal) || ...))
    return fail(Code::insufficient_permissions);
  return caller;
}

Result<Caller> bearer(const http::Request& request, const Deps& deps,
                      Result<Caller> (*with)(std::string_view, const Deps&)) {
  const auto token = endpoint::bearer_token(request.headers.get("Authorization"));
  if (token.empty()) return fail(Code::not_authenticated);
  return token.starts_with(api::kApiKeyMark) ? integrator_with(token, deps) : with(token, deps);
}

Result<Caller> account(const http::Request& request, const Deps& deps) { return bearer(request, deps, account_with); }
Result<Caller> leaving(const http::Request& request, const Deps& deps) { return bearer(request, deps, entered_with); }
Result<Caller> owner(const http::Request& request, const Deps& deps) {
  return only<Owner, Integrator>(account(request, deps));
}
Result<Caller> team(const http::Request& request, const Deps& deps) {
  return only<Owner, Operator, Integrator>(account(request, deps));
}

Result<Caller> visitor_of(std::optional<schema::SiteEntry> site, const http::Request& request) {
  // One that was created through another API process is known there first.
  if (!site) return fail(news_perhaps(Code::not_authenticated));
  if (const auto refusal = api::refusal_of_visitors(*site)) return fail(*refusal);
  const auto origin = request.headers.get("Origin");
  const auto& domains = site->allowed_domains;
  if (!origin.empty() && !domains.empty() && !endpoint::cover_origin(domains, origin))
    return fail(Code::insufficient_permissions);
  const Principal principal = Visitor{site->assistant};
  return Caller{principal, to_string(principal), std::move(site)};
}

Result<Caller> site(const http::Request& request, const Deps& deps) {
  const auto token = request.headers.get("X-Site-Token");
  if (token.empty()) return fail(Code::not_authenticated);
  return visitor_of(deps.directory.site(token), request);
}

Result<Caller> guest_of(Result<Caller> visitor, std::string_view guest_id, const http::Request& request,
                        const Deps& deps) {
  if (!visitor) return visitor;
  if (guest_id.empty()) return fail(Code::not_authenticated);
  const auto dialog = endpoint::plain_integer(request.path.find("dialog_id").value_or(""));
  if (!dialog || !deps.tokens.is_guest(DialogId{*dialog}, visitor->site->assistant, guest_id))
    return fail(Code::dialog_not_found);
  visitor->scope = "guest/" + std::to_string(*dialog);
  return visitor;
}

Result<Caller> guest(const http::Request& request, const Deps& deps) {
  return guest_of(site(request, deps), request.headers.get("X-Guest-Id"), request, deps);
}

Result<Caller> follower(const http::Request& request, const Deps& deps) {
  const auto token = request.query.find("token");
  return token && !request.headers.has("Authorization") ? only<Owner, Operator>(account_with(*token, deps))
                                                        : team(request, deps);
}

Result<Caller> viewer(const http::Request& request, const Deps& deps) {
  const auto given = [&](std::string_view name) { return request.query.find(name); };
  if (request.headers.has("Authorization") || given("token")) return follower(request, deps);
  const auto guest_id = given("guest_id").value_or("");
  if (const auto token = given("site_token"))
    return guest_of(visitor_of(deps.directory.site(*token), request), guest_id, request, deps);
  if (const auto text = given("assistant_id")) {
    const auto assistant = endpoint::plain_integer(*text);
    if (!assistant) return fail(Code::not_authenticated);  // a credential, whatever its form
    return guest_of(visitor_of(deps.directory.site_of(AssistantId{*assistant}), request), guest_id, request, deps);
  }
  return fail(Code::not_authenticated);
}

}  // namespace

std::optional<Error> session_over(const Caller& caller, const Deps& deps) {
  if (const auto* program = std::get_if<Integrator>(&caller.principal)) {
    return deps.directory.has_api_key(program->key) ? std::nullopt : std::optional(Error{Code::not_authenticated, {}});
  }
  const auto account = account_behind(caller.principal);
  if (!account || !caller.session) return std::nullopt;
  if (deps.clock() >= caller.session->expires_at) return Error{Code::token_expired, {}};
  if (deps.directory.sessions(*account).is_over(*caller.session)) return Error{Code::not_authenticated, {}};
  return std::nullopt;
}

const Gate kAnybody{anybody, {}, {}};
const Gate kAccount{.admit = account,
                    .refusals = {Code::not_authenticated, Code::token_expired, Code::insufficient_permissions},
                    .security = {{&kBearerScheme}},
                    .api_key = &kApiKeyScheme,
                    .personal = true};
const Gate kLeaving{.admit = leaving,
                    .refusals = {Code::not_authenticated, Code::token_expired, Code::insufficient_permissions},
                    .security = {{&kBearerScheme}},
                    .personal = true};
const Gate kOwner{.admit = owner,
                  .refusals = {Code::not_authenticated, Code::token_expired, Code::insufficient_permissions},
                  .security = {{&kBearerScheme}},
                  .api_key = &kApiKeyScheme,
                  .personal = true};
const Gate kTeam{.admit = team,
                 .refusals = {Code::not_authenticated, Code::token_expired, Code::insufficient_permissions},
                 .security = {{&kBearerScheme}},
                 .api_key = &kApiKeyScheme,
                 .personal = true};
const Gate kSite{.admit = site,
                 .refusals = {Code::not_authenticated, Code::insufficient_permissions, Code::assistant_inactive},
                 .security = {{&kSiteTokenScheme}},
                 .cross_origin = true};
const Gate kGuest{.admit = guest,
                  .refusals = {Code::not_authenticated, Code::insufficient_permissions, Code::assistant_inactive,
                               Code::dialog_not_found},
                  .security = {{&kSiteTokenScheme, &kGuestIdScheme}},
                  .cross_origin = true,
                  .personal = true};
const Gate kFeed{.admit = follower,
                 .refusals = {Code::not_authenticated, Code::token_expired, Code::insufficient_permissions},
                 .security = {{&kBearerScheme}, {&kTokenQueryScheme}},
                 .api_key = &kApiKeyScheme,
                 .personal = true};
const Gate kViewer{.admit = viewer,
                   .refusals = {Code::not_authenticated, Code::token_expired, Code::insufficient_permissions,
                                Code::assistant_inactive, Code::dialog_not_found},
                   .security = {{&kBearerScheme},
                                {&kTokenQueryScheme},
                                {&kSiteTokenQueryScheme, &kGuestIdQueryScheme},
                                {&kAssistantIdScheme, &kGuestIdQueryScheme}},
                   .api_key = &kApiKeyScheme,
                   .cross_origin = true,
                   .personal = true};

}  // namespace parley::replyx
