// /api/auth and /api/users.
#include "api/auth/tokens.h"
#include "api/directory/directory.h"
#include "api/limits/limiter.h"
#include "api/replyx/gates.h"
#include "api/replyx/limits.h"
#include "api/replyx/replyx.h"
#include "api/replyx/texts.h"
#include "api/replyx/values.h"
#include "platform/crypto/crypto.h"
#include "platform/crypto/keyring.h"
#include "projections/queries.h"

namespace parley::replyx {

struct RegisterRequest {
  Email email;
  std::string password;
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
};
struct LogInRequest {
  Email email;
  std::string password;
};
struct SessionUser {
  AccountId id;
  Personal email;
  bool is_admin = false;
  double balance = 0;
};
struct Session {
  std::string access_token;
  std::string token_type = "bearer";
  SessionUser user;
};
struct User {
  AccountId id;
  Personal email;
  schema::Nullable<Personal> first_name;
  schema::Nullable<Personal> last_name;
  bool is_admin = false;
  double balance = 0;
  double welcome_bonus = 0;
  std::string plan = "trial";
  bool onboarding_completed = false;
  Timestamp created_at;
};

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr auto fields<replyx::RegisterRequest> = std::tuple{
    field("email", &replyx::RegisterRequest::email, {.length_max = replyx::kEmailMax}),
    field("password", &replyx::RegisterRequest::password, {.length_min = replyx::kPasswordMin, .length_max = replyx::kPasswordMax}),
    field("first_name", &replyx::RegisterRequest::first_name, {.length_max = replyx::kPersonNameMax}),
    field("last_name", &replyx::RegisterRequest::last_name, {.length_max = replyx::kPersonNameMax}),
};
template <>
inline constexpr auto fields<replyx::LogInRequest> = std::tuple{
    field("email", &replyx::LogInRequest::email, {.length_max = replyx::kEmailMax}),
    field("password", &replyx::LogInRequest::password, {.length_min = 1, .length_max = replyx::kPasswordMax}),
};
template <>
inline constexpr auto fields<replyx::SessionUser> = std::tuple{
    field("id", &replyx::SessionUser::id),
    field("email", &replyx::SessionUser::email),
    field("is_admin", &replyx::SessionUser::is_admin),
    field("balance", &replyx::SessionUser::balance, {}, "Roubles"),
};
template <>
inline constexpr auto fields<replyx::Session> = std::tuple{
    field("access_token", &replyx::Session::access_token, {}, "JWT, valid for 24 hours"),
    field("token_type", &replyx::Session::token_type),
    field("user", &replyx::Session::user),
};
template <>
inline constexpr auto fields<replyx::User> = std::tuple{
    field("id", &replyx::User::id),
    field("email", &replyx::User::email),
    field("first_name", &replyx::User::first_name),
    field("last_name", &replyx::User::last_name),
    field("is_admin", &replyx::User::is_admin),
    field("balance", &replyx::User::balance, {}, "Roubles"),
    field("welcome_bonus", &replyx::User::welcome_bonus, {}, "Roubles"),
    field("plan", &replyx::User::plan),
    field("onboarding_completed", &replyx::User::onboarding_completed),
    field("created_at", &replyx::User::created_at),
};
template <>
inline constexpr std::string_view example<replyx::RegisterRequest> =
    R"({"email":"user@example.com","password":"password123","first_name":"John","last_name":"Doe"})";
template <>
inline constexpr std::string_view example<replyx::LogInRequest> = R"({"email":"user@example.com","password":"password123"})";
template <>
inline constexpr std::string_view example<replyx::Session> =
    R"({"access_token":"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9...","token_type":"bearer","user":{"id":1,"email":"user@example.com",
    "is_admin":false,"balance":1000.0}})";
template <>
inline constexpr std::string_view example<replyx::User> =
    R"({"id":1,"email":"user@example.com","first_name":"John","last_name":"Doe","is_admin":false,"balance":1000.0,"welcome_bonus":500.0,
    "plan":"trial","onboarding_completed":true,"created_at":"2025-08-01T10:00:00Z"})";

}  // namespace parley::schema

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Decided;
using endpoint::Deps;
using endpoint::Nothing;
using endpoint::Result;
using endpoint::Sending;

/// To the stream that owns the e-mail. Nobody is logged in yet: idempotency keys are those of the e-mail, so that strangers' keys do not meet.
Sending to_account(std::string email_index, accounts::Command command) {
  auto scope = "email/" + email_index;
  return {UniqueKey{"account_email", std::move(email_index)}, std::move(command), std::move(scope)};
}

Result<Sending> register_account(const Call<Nothing, RegisterRequest>& call, const Deps& deps) {
  auto index = deps.tokens.email_index(call.body.email.text);
  accounts::Register command{Personal{call.body.email.text}, index, call.body.first_name, call.body.last_name,
                             deps.keys.seal(crypto::password_verifier(call.body.password), kPasswordVerifierContext)};
  return to_account(std::move(index), std::move(command));
}

/// Somebody without an account is compared with this, so that the time of an answer does not tell who has one.
const std::string& nobodys_verifier() {
  static const std::string verifier = crypto::password_verifier(crypto::base64url(crypto::random_bytes(32)));
  return verifier;
}

/// Before anything depends on whether there is such an account. What is left is not told: others may have used it.
Result<void> count_login(const Call<Nothing, LogInRequest>& call, const Deps& deps) {
  const auto standing = deps.limits.take(kLoginEmailLimit, deps.tokens.email_index(call.body.email.text));
  if (!standing.allowed) return endpoint::fail(standing);
  return {};
}

Result<Sending> log_in(const Call<Nothing, LogInRequest>& call, const Deps& deps) {
  auto index = deps.tokens.email_index(call.body.email.text);
  const auto account = deps.directory.account(index);
  const auto verifier = account ? deps.keys.open(account->password_verifier, kPasswordVerifierContext) : std::nullopt;
  const bool matches = crypto::password_matches(verifier ? *verifier : nobodys_verifier(), call.body.password);
  // A wrong password is sent too: the refusal is a decision, remembered under the caller's key. But an account, or its password, may be news to this
  // process: it is looked at again, whether the e-mail is known or not.
  auto sending = to_account(std::move(index), accounts::LogIn{matches && verifier.has_value()});
  sending.rests_on_absence = !(matches && verifier);
  return sending;
}

Session session(const accounts::SignedIn& answer, const Decided& decided) {
  return {.access_token = decided.deps.tokens.issue(answer.account, decided.outcome.time, decided.outcome.command_id),
          .user = {.id = answer.account, .email = answer.email, .balance = roubles(answer.balance)}};
}
bool can_log_in(const accounts::SignedIn& answer, const Deps& deps) {
  return deps.directory.account(deps.tokens.email_index(api::normalised_email(answer.email.text))).has_value();
}

Result<endpoint::Versioned<User>> me(const Call<Nothing>& call, postgres::Lease& db, const Deps&) {
  const auto account = std::get<Owner>(call.caller.principal).account;
  // A token of ours proves that the account exists: where the read model lacks it, the read model is late.
  return found(projections::account(db, account), Code::unavailable, [](projections::AccountRow row) {
    return endpoint::Versioned<User>{{.id = row.id,
                                      .email = std::move(row.email),
                                      .first_name = std::move(row.first_name),
                                      .last_name = std::move(row.last_name),
                                      .balance = roubles(row.balance),
                                      .welcome_bonus = roubles(row.welcome_bonus),
                                      .created_at = row.created_at},
                                     row.version};
  });
}

}  // namespace

void add_accounts(endpoint::Registry& registry) {
  registry.command({.method = "POST",
                    .path = "/api/auth/register",
                    .gate = &kAnybody,
                    .status = 201,
                    .operation = "register",
                    .summary = "Register an account and log in",
                    .errors = {Code::email_taken},
                    .limit = &kRegisterLimit,
                    .hashes = true},
                   register_account, session, can_log_in);
  registry.command({.method = "POST",
                    .path = "/api/auth/login",
                    .gate = &kAnybody,
                    .operation = "logIn",
                    .summary = "Log in",
                    .errors = {Code::invalid_credentials},
                    .limit = &kLoginLimit,
                    .hashes = true},
                   log_in, session, nullptr, count_login);
  registry.query({.method = "GET", .path = "/api/users/me", .gate = &kOwner, .operation = "getMe", .summary = "The account of the caller"}, me);
}

}  // namespace parley::replyx
