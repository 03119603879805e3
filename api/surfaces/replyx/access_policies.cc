#include "api/surfaces/replyx/access_policies.h"

#include "api/auth/tokens.h"
#include "api/directory/directory.h"
#include "api/endpoint/cors.h"
#include "api/endpoint/credentials.h"
#include "api/endpoint/parameters.h"
#include "domain/dialogs/dialogs.h"
#include "domain/model.h"

namespace parley::replyx {
namespace {

using endpoint::AccessPolicy;
using endpoint::Caller;
using endpoint::Deps;
using endpoint::fail;
using endpoint::Result;
using endpoint::SecurityScheme;
using Kind = SecurityScheme::Kind;

constexpr SecurityScheme kBearerScheme{"bearer", Kind::bearer, "JWT",
                                       "An access token, valid for 24 hours or until its session ends"};
constexpr SecurityScheme kApiKeyScheme{
    "apiKey", Kind::bearer, "prl_…",
    "An API key of an owner, for a program: it may do what its scopes name, until it is revoked"};
constexpr SecurityScheme kSiteTokenScheme{"siteToken", Kind::header, "X-Site-Token",
                                          "An assistant's public site token"};
constexpr SecurityScheme kGuestIdScheme{"guestId", Kind::header, "X-Guest-Id",
                                        "The guest secret from the response that opened the dialog"};
constexpr SecurityScheme kTokenQueryScheme{"tokenQuery", Kind::query, "token", "An access token, for an EventSource"};
constexpr SecurityScheme kSiteTokenQueryScheme{"siteTokenQuery", Kind::query, "site_token",
                                               "An assistant's public site token"};
constexpr SecurityScheme kAssistantIdScheme{"assistantId", Kind::query, "assistant_id",
                                            "An assistant's id, in place of its site token"};
constexpr SecurityScheme kGuestIdQueryScheme{"guestIdQuery", Kind::query, "guest_id",
                                             "The guest secret from the response that opened the dialog"};

Result<Caller> anybody(const http::Request&, const Deps&) { return Caller{.principal = Anonymous{}, .scope = {}}; }

/// Of somebody who is one of these.
template <class... Principals>
Result<Caller> only(Result<Caller> caller) {
  if (caller && !(std::holds_alternative<Principals>(caller->principal) || ...)) return fail(kInsufficientPermissions);
  return caller;
}

Result<Caller> account(const http::Request& request, const Deps& deps) { return endpoint::with_bearer(request, deps); }
Result<Caller> account_even_ended(const http::Request& request, const Deps& deps) {
  return endpoint::with_bearer(request, deps, endpoint::with_token_of_any_session);
}
Result<Caller> owner(const http::Request& request, const Deps& deps) {
  return only<Owner, ApiClient>(account(request, deps));
}
Result<Caller> team(const http::Request& request, const Deps& deps) {
  return only<Owner, Operator, ApiClient>(account(request, deps));
}

/// Of a site of this realm.
Result<Caller> visitor_with(std::string_view site_token, const http::Request& request, const Deps& deps) {
  auto site = deps.tokens.realm().owns(site_token) ? deps.directory.site(site_token) : std::nullopt;
  // One that was created through another API process is known there first.
  if (!site) return fail(endpoint::retried_after_catch_up(kNotAuthenticated));
  if (const auto refusal = api::refusal_of_visitors(*site)) return fail(*refusal);
  const auto origin = request.headers.get("Origin");
  const auto& domains = site->allowed_domains;
  if (!origin.empty() && !domains.empty() && !endpoint::cover_origin(domains, origin))
    return fail(kInsufficientPermissions);
  const Principal principal = Visitor{site->assistant};
  return Caller{.principal = principal, .scope = to_string(principal), .owner = site->owner};
}

Result<Caller> site(const http::Request& request, const Deps& deps) {
  const auto token = request.headers.get("X-Site-Token");
  if (token.empty()) return fail(kNotAuthenticated);
  return visitor_with(token, request, deps);
}

Result<Caller> guest_of(Result<Caller> visitor, std::string_view guest_id, const http::Request& request,
                        const Deps& deps) {
  if (!visitor) return visitor;
  if (guest_id.empty()) return fail(kNotAuthenticated);
  const auto dialog = endpoint::plain_integer(request.path.find("dialog_id").value_or(""));
  if (!dialog || !deps.tokens.is_guest(DialogId{*dialog}, std::get<Visitor>(visitor->principal).assistant, guest_id))
    return fail(dialogs::kDialogNotFound);
  visitor->scope = "guest/" + std::to_string(*dialog);
  return visitor;
}

Result<Caller> guest(const http::Request& request, const Deps& deps) {
  return guest_of(site(request, deps), request.headers.get("X-Guest-Id"), request, deps);
}

Result<Caller> follower(const http::Request& request, const Deps& deps) {
  const auto token = request.query.find("token");
  return token && !request.headers.has("Authorization")
             ? only<Owner, Operator>(endpoint::with_access_token(*token, deps))
             : team(request, deps);
}

Result<Caller> viewer(const http::Request& request, const Deps& deps) {
  const auto given = [&](std::string_view name) { return request.query.find(name); };
  if (request.headers.has("Authorization") || given("token")) return follower(request, deps);
  const auto guest_id = given("guest_id").value_or("");
  if (const auto token = given("site_token"))
    return guest_of(visitor_with(*token, request, deps), guest_id, request, deps);
  if (const auto text = given("assistant_id")) {
    const auto assistant = endpoint::plain_integer(*text);
    if (!assistant) return fail(kNotAuthenticated);  // a credential, whatever its form
    const auto token = deps.directory.site_token_of(AssistantId{*assistant});
    return guest_of(visitor_with(token.value_or(""), request, deps), guest_id, request, deps);
  }
  return fail(kNotAuthenticated);
}

}  // namespace

const AccessPolicy kAnybody{anybody, {}, {}};
const AccessPolicy kAccount{.admit = account,
                            .refusals = {kNotAuthenticated, api::kTokenExpired, kInsufficientPermissions},
                            .security = {{&kBearerScheme}},
                            .api_key = &kApiKeyScheme,
                            .personal = true};
const AccessPolicy kAccountEvenEnded{.admit = account_even_ended,
                                     .refusals = {kNotAuthenticated, api::kTokenExpired, kInsufficientPermissions},
                                     .security = {{&kBearerScheme}},
                                     .personal = true};
const AccessPolicy kOwner{.admit = owner,
                          .refusals = {kNotAuthenticated, api::kTokenExpired, kInsufficientPermissions},
                          .security = {{&kBearerScheme}},
                          .api_key = &kApiKeyScheme,
                          .personal = true};
const AccessPolicy kTeam{.admit = team,
                         .refusals = {kNotAuthenticated, api::kTokenExpired, kInsufficientPermissions},
                         .security = {{&kBearerScheme}},
                         .api_key = &kApiKeyScheme,
                         .personal = true};
const AccessPolicy kSite{.admit = site,
                         .refusals = {kNotAuthenticated, kInsufficientPermissions, api::kAssistantInactive},
                         .security = {{&kSiteTokenScheme}},
                         .cross_origin = true};
const AccessPolicy kGuest{
    .admit = guest,
    .refusals = {kNotAuthenticated, kInsufficientPermissions, api::kAssistantInactive, dialogs::kDialogNotFound},
    .security = {{&kSiteTokenScheme, &kGuestIdScheme}},
    .cross_origin = true,
    .personal = true};
const AccessPolicy kFeed{.admit = follower,
                         .refusals = {kNotAuthenticated, api::kTokenExpired, kInsufficientPermissions},
                         .security = {{&kBearerScheme}, {&kTokenQueryScheme}},
                         .api_key = &kApiKeyScheme,
                         .personal = true};
const AccessPolicy kViewer{.admit = viewer,
                           .refusals = {kNotAuthenticated, api::kTokenExpired, kInsufficientPermissions,
                                        api::kAssistantInactive, dialogs::kDialogNotFound},
                           .security = {{&kBearerScheme},
                                        {&kTokenQueryScheme},
                                        {&kSiteTokenQueryScheme, &kGuestIdQueryScheme},
                                        {&kAssistantIdScheme, &kGuestIdQueryScheme}},
                           .api_key = &kApiKeyScheme,
                           .cross_origin = true,
                           .personal = true};

}  // namespace parley::replyx
