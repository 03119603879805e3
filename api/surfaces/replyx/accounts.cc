// /api/auth and /api/users: who comes in, and what everybody does with their own account.
#include "api/surfaces/replyx/accounts.h"

#include "api/endpoint/answer_of.h"
#include "api/endpoint/group.h"
#include "api/limits/limiter.h"
#include "api/surfaces/replyx/access_policies.h"
#include "api/surfaces/replyx/limits.h"
#include "api/surfaces/replyx/replyx.h"
#include "api/surfaces/replyx/texts.h"
#include "platform/crypto/crypto.h"
#include "platform/text/text.h"
#include "projections/contexts/accounts.h"
#include "schemas/events.h"

namespace parley::replyx {

struct RegisterRequest {
  Email email;
  NewPassword password;
  std::optional<Words> first_name;
  std::optional<Words> last_name;
};
struct LogInRequest {
  TypedEmail email;
  std::string password;
};
struct ChangePasswordRequest {
  std::string current_password;
  NewPassword new_password;
};
struct ChangeEmailRequest {
  Email email;
  std::string current_password;
};
struct ProfileRequest {
  Patch<Words> first_name;
  Patch<Words> last_name;
  std::optional<bool> onboarding_completed;
};
struct SessionUser {
  AccountId id;
  Personal email;
  accounts::Role role{};
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
  accounts::Role role{};
  bool is_admin = false;
  double balance = 0;
  double welcome_bonus = 0;
  accounts::Plan plan{};
  bool onboarding_completed = false;
  Timestamp created_at;
};

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr auto fields<replyx::RegisterRequest> = std::tuple{
    field("email", &replyx::RegisterRequest::email, {.length_max = replyx::kEmailMax}),
    field("password", &replyx::RegisterRequest::password,
          {.length_min = replyx::kPasswordMin, .length_max = replyx::kPasswordMax}),
    field("first_name", &replyx::RegisterRequest::first_name, {.length_max = replyx::kPersonNameMax}),
    field("last_name", &replyx::RegisterRequest::last_name, {.length_max = replyx::kPersonNameMax}),
};
template <>
inline constexpr auto fields<replyx::LogInRequest> = std::tuple{
    field("email", &replyx::LogInRequest::email, {.length_max = replyx::kEmailMax}),
    field("password", &replyx::LogInRequest::password, {.length_min = 1, .length_max = replyx::kPasswordMax}),
};
template <>
inline constexpr auto fields<replyx::ChangePasswordRequest> = std::tuple{
    field("current_password", &replyx::ChangePasswordRequest::current_password,
          {.length_min = 1, .length_max = replyx::kPasswordMax}),
    field("new_password", &replyx::ChangePasswordRequest::new_password,
          {.length_min = replyx::kPasswordMin, .length_max = replyx::kPasswordMax}),
};
template <>
inline constexpr auto fields<replyx::ChangeEmailRequest> = std::tuple{
    field("email", &replyx::ChangeEmailRequest::email, {.length_max = replyx::kEmailMax}, "The new password"),
    field("current_password", &replyx::ChangeEmailRequest::current_password,
          {.length_min = 1, .length_max = replyx::kPasswordMax}),
};
template <>
inline constexpr auto fields<replyx::ProfileRequest> = std::tuple{
    field("first_name", &replyx::ProfileRequest::first_name, {.length_max = replyx::kPersonNameMax},
          "null clears the field; an absent field stays as it was"),
    field("last_name", &replyx::ProfileRequest::last_name, {.length_max = replyx::kPersonNameMax},
          "null clears the field; an absent field stays as it was"),
    field("onboarding_completed", &replyx::ProfileRequest::onboarding_completed),
};
template <>
inline constexpr auto fields<replyx::SessionUser> = std::tuple{
    field("id", &replyx::SessionUser::id),
    field("email", &replyx::SessionUser::email),
    field("role", &replyx::SessionUser::role),
    field("is_admin", &replyx::SessionUser::is_admin),
    field("balance", &replyx::SessionUser::balance, {}, "Roubles"),
};
template <>
inline constexpr auto fields<replyx::Session> = std::tuple{
    field("access_token", &replyx::Session::access_token, {}, "A JWT, valid for 24 hours or until its session ends"),
    field("token_type", &replyx::Session::token_type),
    field("user", &replyx::Session::user),
};
template <>
inline constexpr auto fields<replyx::User> = std::tuple{
    field("id", &replyx::User::id),
    field("email", &replyx::User::email),
    field("first_name", &replyx::User::first_name),
    field("last_name", &replyx::User::last_name),
    field("role", &replyx::User::role, {},
          "What the account may do: an owner may do everything with its own data, an operator may read and answer the "
          "owner's dialogs"),
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
inline constexpr std::string_view example<replyx::LogInRequest> =
    R"({"email":"user@example.com","password":"password123"})";
template <>
inline constexpr std::string_view example<replyx::Session> =
    R"({"access_token":"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9...","token_type":"bearer","user":{"id":1,"email":"user@example.com",
    "role":"owner","is_admin":false,"balance":1000.0}})";
template <>
inline constexpr std::string_view example<replyx::ChangePasswordRequest> =
    R"({"current_password":"old_password","new_password":"new_password123"})";
template <>
inline constexpr std::string_view example<replyx::ChangeEmailRequest> =
    R"({"email":"new@example.com","current_password":"password123"})";
template <>
inline constexpr std::string_view example<replyx::ProfileRequest> = R"({"first_name":"John","last_name":"Smith"})";
template <>
inline constexpr std::string_view example<replyx::User> =
    R"({"id":1,"email":"user@example.com","first_name":"John","last_name":"Doe","role":"owner","is_admin":false,"balance":1000.0,"welcome_bonus":500.0,
    "plan":"trial","onboarding_completed":true,"created_at":"2025-08-01T10:00:00Z"})";

}  // namespace parley::schema

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Decided;
using endpoint::Deps;
using endpoint::Group;
using endpoint::Nothing;
using endpoint::Result;
using endpoint::Sending;

/// Nobody is logged in yet: idempotency keys are those of the e-mail, so that strangers' keys do not meet.
Sending to_account(schema::Target target, const std::string& email_index, accounts::Command command) {
  return {std::move(target), std::move(command), "email/" + email_index};
}

Result<Sending> register_account(const Call<Nothing, RegisterRequest>& call, const Deps& deps) {
  const auto& email = call.body.email;
  const auto mailbox = find_mailbox(email, deps);
  accounts::Register command{Personal{email.text}, mailbox.index, personal(call.body.first_name),
                             personal(call.body.last_name), sealed_verifier(call.body.password, deps)};
  // To whoever owns the index that it has: where that is another spelling's, of an earlier build, its account refuses
  // there.
  return to_account(accounts::email_key(mailbox.index), mailbox.index, std::move(command));
}

/// Somebody without an account is compared with this, so that the time of an answer does not tell who has one.
const std::string& nobodys_verifier() {
  static const std::string verifier = crypto::password_verifier(crypto::base64url(crypto::random_bytes(32)));
  return verifier;
}

bool matches(const std::optional<schema::AccountEntry>& account, std::string_view password, const Deps& deps) {
  const auto& nobodys = nobodys_verifier();  // made by whoever is the first, known or not
  const auto verifier =
      account ? deps.keys.open(account->password_verifier, api::kPasswordVerifierContext) : std::nullopt;
  const auto is_that = [&](std::string_view text) {
    return crypto::password_matches(verifier ? *verifier : nobodys, text);
  };
  const auto form = text::password_form(password);
  // Earlier builds hashed a password as it was typed.
  return (is_that(form) || (form != password && is_that(password))) && verifier;
}

/// Before anything depends on whether there is such an account. What is left is not told: others may have used it.
Result<void> count_login(const Call<Nothing, LogInRequest>& call, const Deps& deps) {
  const auto standing = deps.limits.take(kLoginEmailLimit, deps.tokens.email_index(call.body.email.email.key));
  if (!standing.allowed) return endpoint::fail(standing);
  return {};
}

Result<Sending> log_in(const Call<Nothing, LogInRequest>& call, const Deps& deps) {
  const auto [index, account] = find_mailbox(call.body.email.email, deps);
  // Who registered with an address that is refused today logs in with it still, in this very spelling.
  if (!account && !call.body.email.issue.empty()) return endpoint::invalid("email", call.body.email.issue);
  accounts::LogIn command{.password_matches = matches(account, call.body.password, deps), .email_index = index};
  const bool assumes_absent = !command.password_matches || index != deps.tokens.email_index(call.body.email.email.key);
  if (account) command.compared_with = account->password_verifier;
  // A wrong password is sent too: the refusal is a decision, remembered under the caller's key. But an account, or its
  // password, may be news to this process: it is looked at again, whether the e-mail is known or not. So may be that an
  // account of an earlier build is indexed by its key meanwhile.
  const auto target = by_email(account, index);
  auto sending = to_account(target, index, std::move(command));
  // Where an e-mail leads may change, and another slot knows nothing of what a key got in the one before: there it is
  // another command.
  sending.scope += "@" + std::to_string(schema::slot_of_target(target, {}, crypto::slot_of));
  sending.assumes_absent = assumes_absent;
  return sending;
}

Principal principal_of(const accounts::SignedIn& answer) {
  switch (answer.role.value_or(accounts::Role::owner)) {
    case accounts::Role::operator_:
      return Operator{answer.account, answer.owner.value()};
    case accounts::Role::admin:
      return Admin{answer.account};
    case accounts::Role::owner:
      break;
  }
  return Owner{answer.account};
}
Session session(const accounts::SignedIn& answer, const Decided& decided) {
  const auto& outcome = decided.outcome;
  const auto role = answer.role.value_or(accounts::Role::owner);
  return {.access_token =
              decided.deps.tokens.issue(principal_of(answer), outcome.time, outcome.command_id, outcome.version),
          .user = {.id = answer.account,
                   .email = answer.email,
                   .role = role,
                   .is_admin = role == accounts::Role::admin,
                   .balance = roubles(answer.balance)}};
}
bool can_log_in(const accounts::SignedIn& answer, const Deps& deps) {
  return find_mailbox(api::typed_email(answer.email.text).email, deps).account.has_value();
}

Result<Sending> log_out(const Call<Nothing>& call, const Deps&) {
  return Sending{own_stream(call.caller), accounts::Command{accounts::LogOut{call.caller.session.value()}}};
}
bool is_logged_out(const accounts::Changed&, const Decided& decided) {
  return endpoint::session_over(decided.caller, decided.deps).has_value();
}

/// What one asks of the own account with its current password; `fill` adds what is to be. Where the password is
/// wrong, this process may not have heard yet of a new one.
template <class Command, class Body, class Fill>
Result<Sending> with_password(const Call<Nothing, Body>& call, const Deps& deps, Fill fill) {
  const auto stream = own_stream(call.caller);
  const auto account = deps.directory.account_of({stream.id});
  if (!account) return endpoint::fail(kUnavailable);  // a token of ours proves that there is one
  Command command;
  command.password_matches = matches(account, call.body.current_password, deps);
  command.compared_with = account->password_verifier;
  command.session = call.caller.session.value();
  fill(command);
  const bool assumes_absent = !command.password_matches;
  return Sending{.target = stream, .command = accounts::Command{std::move(command)}, .assumes_absent = assumes_absent};
}

Result<Sending> change_password(const Call<Nothing, ChangePasswordRequest>& call, const Deps& deps) {
  return with_password<accounts::ChangePassword>(
      call, deps, [&](auto& command) { command.password_verifier = sealed_verifier(call.body.new_password, deps); });
}

Result<Sending> change_email(const Call<Nothing, ChangeEmailRequest>& call, const Deps& deps) {
  return with_password<accounts::ChangeEmail>(call, deps, [&](auto& command) {
    command.email = Personal{call.body.email.text};
    command.email_index = find_mailbox(call.body.email, deps).index;
  });
}
/// From then on one logs in with the new e-mail here, and the other sessions are over.
bool email_changed(const accounts::Profile& answer, const Decided& decided) {
  const auto& deps = decided.deps;
  const auto known = find_mailbox(api::typed_email(answer.email.text).email, deps).account;
  return known && known->account == answer.account;
}

User shown(const projections::AccountRow& row) {
  auto user = endpoint::answer_of<User, "is_admin", "balance", "welcome_bonus">(row);
  user.is_admin = row.role == accounts::Role::admin;
  user.balance = roubles(row.balance);
  user.welcome_bonus = roubles(row.welcome_bonus);
  return user;
}

Result<endpoint::Versioned<User>> me(const Call<Nothing>& call, postgres::Lease& db, const Deps&) {
  // A token of ours proves that the account exists: where the read model lacks it, the read model is late.
  return found_single(projections::account(db, *account_behind(call.caller.principal)), kUnavailable, shown);
}

Result<Sending> change_profile(const Call<Nothing, ProfileRequest>& call, const Deps&) {
  const auto& in = call.body;
  return Sending{own_stream(call.caller),
                 accounts::Command{accounts::ChangeProfile{personal(in.first_name), personal(in.last_name),
                                                           in.onboarding_completed}}};
}
User profile(const accounts::Profile& answer, const Decided&) {
  return shown({.id = answer.account,
                .email = answer.email,
                .role = answer.role,
                .first_name = answer.first_name,
                .last_name = answer.last_name,
                .plan = accounts::Plan::trial,
                .onboarding_completed = answer.onboarding_completed,
                .balance = answer.balance,
                .welcome_bonus = answer.welcome_bonus,
                .last_login_at = {},
                .created_at = answer.created_at});
}

}  // namespace

void add_accounts(endpoint::Registry& registry) {
  const Group entry({.path = "/api/auth", .access = &kAnybody});
  const Group users({.path = "/api/users", .access = &kAccount});
  registry.command(entry({.method = "POST",
                          .path = "/register",
                          .status = 201,
                          .operation = "register",
                          .summary = "Register an account and log in",
                          .errors = {accounts::kEmailTaken},
                          .limit = &kRegisterLimit,
                          .body_bytes_max = kEntryBodyMax,
                          .hashes = true}),
                   register_account, session, can_log_in);
  registry.command(entry({.method = "POST",
                          .path = "/login",
                          .operation = "logIn",
                          .summary = "Log in",
                          .description = "A deactivated operator with the right password gets INSUFFICIENT_PERMISSIONS",
                          .errors = {accounts::kInvalidCredentials, kInsufficientPermissions},
                          .limit = &kLoginLimit,
                          .body_bytes_max = kEntryBodyMax,
                          .hashes = true}),
                   log_in, session, nullptr, count_login);
  registry.command(entry({.method = "POST",
                          .path = "/logout",
                          .access = &kAccountEvenEnded,
                          .status = 204,
                          .operation = "logOut",
                          .summary = "Log out: end the session of the access token",
                          .description = "The access token is not valid any more, and its event streams end. A token "
                                         "whose session is already over "
                                         "gets NOT_AUTHENTICATED; a repeated request with the same Idempotency-Key "
                                         "gets the first response again"}),
                   log_out, nothing, is_logged_out);
  registry.query(users({.method = "GET", .path = "/me", .operation = "getMe", .summary = "Get the caller's account"}),
                 me);
  registry.command(users({.method = "PUT",
                          .path = "/me",
                          .operation = "updateMe",
                          .summary = "Update the caller's profile (only the fields sent)",
                          .single = true}),
                   change_profile, profile);
  registry.command(
      users({.method = "POST",
             .path = "/change-password",
             .status = 204,
             .operation = "changePassword",
             .summary = "Change the password and end all other sessions of the account",
             .description = "A wrong current password gets VALIDATION_ERROR for the field `current_password`",
             .limit = &kPasswordLimit,
             .hashes = true}),
      change_password, nothing, sessions_ended);
  registry.command(
      users({.method = "POST",
             .path = "/me/email",
             .operation = "changeEmail",
             .summary = "Change the e-mail address and end all other sessions of the account",
             .description =
                 "The response comes when the change is complete. A wrong current password gets VALIDATION_ERROR "
                 "for the field `current_password`. VERSION_CONFLICT means that another change came first. After "
                 "the change, any account may take the previous e-mail address",
             .errors = {accounts::kEmailTaken},
             .limit = &kPasswordLimit,
             .hashes = true,
             .single = true}),
      change_email, profile, email_changed);
}

}  // namespace parley::replyx
