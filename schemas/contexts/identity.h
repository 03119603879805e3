#pragma once
// Who an account is, on the wire: events, commands, and what the directory says of it. Names and fields are never
// edited after release: a changed event is a new type (.v2) with an upcaster.
#include "domain/accounts/identity.h"
#include "schemas/contexts/words.h"
#include "schemas/fields.h"

namespace parley::schema {

template <>
inline constexpr std::array names<accounts::Role>{
    std::pair{accounts::Role::owner, std::string_view("owner")},
    std::pair{accounts::Role::operator_, std::string_view("operator")},
    std::pair{accounts::Role::admin, std::string_view("admin")},
};
template <>
inline constexpr std::array names<accounts::Plan>{std::pair{accounts::Plan::trial, std::string_view("trial")}};
template <>
inline constexpr std::array names<accounts::LoginMethod>{
    std::pair{accounts::LoginMethod::password, std::string_view("password")}};

// Parts of events and of the directory's entries.

template <>
inline constexpr auto fields<accounts::Session> =
    std::tuple{field("id", &accounts::Session::id, {}, "The session's id, as in its token (jti)"),
               field("version", &accounts::Session::version, {}, "The account's version when the session began"),
               field("expires_at", &accounts::Session::expires_at)};
template <>
inline constexpr auto fields<accounts::Sessions> = std::tuple{
    field("over_through", &accounts::Sessions::over_through, {},
          "Sessions that began at this version of the account, or earlier, have ended"),
    field("kept", &accounts::Sessions::kept, {}, "The session that stays valid, when there is one"),
    field("over_until", &accounts::Sessions::over_until, {}, "When the last token of those sessions expires"),
    field("ended", &accounts::Sessions::ended, {}, "Other sessions that have ended, the oldest first")};

// Events.

template <>
inline constexpr auto wire<accounts::Registered> = event_type<accounts::Registered>(
    "parley.account.registered.v1", "An account was registered",
    [](const auto& e, const auto& t) { return "an account is registered for " + told(e.email, t); },
    field("email", &accounts::Registered::email),
    field("email_index", &accounts::Registered::email_index, {}, "HMAC of the normalised e-mail under a server key"),
    field("first_name", &accounts::Registered::first_name), field("last_name", &accounts::Registered::last_name),
    field("password_verifier", &accounts::Registered::password_verifier, {}, "Encrypted under a server key"));
template <>
inline constexpr auto wire<accounts::LoggedIn> = event_type<accounts::LoggedIn>(
    "parley.account.logged_in.v2", "The account logged in; a session began",
    [](const auto&, const auto&) -> std::string { return "the owner logs in"; },
    field("method", &accounts::LoggedIn::method));
template <>
inline constexpr auto wire<accounts::LoggedOut> = event_type<accounts::LoggedOut>(
    "parley.account.logged_out.v1", "A session was ended; its access token is not valid any more",
    [](const auto& e, const auto& t) { return by(t) + " ends the session " + e.session.id; },
    field("session", &accounts::LoggedOut::session, {},
          "The session: `id`; `version`, the account's version when the session began; `expires_at`, when its token "
          "expires"));
template <>
inline constexpr auto wire<accounts::PasswordChanged> = event_type<accounts::PasswordChanged>(
    "parley.account.password_changed.v1",
    "The account's password was changed and its sessions ended. The actor made the change: the account, the owner of "
    "its team or the administrator",
    [](const auto&, const auto& t) { return by(t) + " changes the password"; },
    field("password_verifier", &accounts::PasswordChanged::password_verifier, {}, "Encrypted under a server key"),
    field("kept_session", &accounts::PasswordChanged::kept_session, {}, "The session that stays valid"));
template <>
inline constexpr auto wire<accounts::ProfileChanged> = event_type<accounts::ProfileChanged>(
    "parley.account.profile_changed.v1", "The account's profile was changed",
    [](const auto& e, const auto& t) { return by(t) + " changes the profile:" + changed_parts(e); },
    field("first_name", &accounts::ProfileChanged::first_name),
    field("last_name", &accounts::ProfileChanged::last_name),
    field("onboarding_completed", &accounts::ProfileChanged::onboarding_completed));
template <>
inline constexpr auto wire<accounts::AdminAppointed> = event_type<accounts::AdminAppointed>(
    "parley.account.admin_appointed.v1", "The account became an admin of its product",
    [](const auto&, const auto&) -> std::string { return "the account is an admin's"; });
template <>
inline constexpr auto wire<accounts::EmailChangeRequested> = event_type<accounts::EmailChangeRequested>(
    "parley.account.email_change_requested.v1",
    "A change of the account's e-mail was requested. The account keeps its e-mail until the new one is reserved for it",
    [](const auto& e, const auto& t) { return "the account is to have another e-mail: " + told(e.email, t); },
    field("process_id", &accounts::EmailChangeRequested::process_id, {}, "The id of this change in all later events"),
    field("command_id", &accounts::EmailChangeRequested::command_id, {},
          "The id of the command that began the change and gets its reply when the change ends; absent: the id is "
          "`process_id`"),
    field("email", &accounts::EmailChangeRequested::email),
    field("email_index", &accounts::EmailChangeRequested::email_index, {},
          "HMAC of the normalised e-mail under a server key"),
    field("session", &accounts::EmailChangeRequested::session, {}, "The session that requested the change"));
template <>
inline constexpr auto wire<accounts::EmailChanged> = event_type<accounts::EmailChanged>(
    "parley.account.email_changed.v1", "The account's e-mail was changed; its sessions ended",
    [](const auto& e, const auto& t) { return "the account has another e-mail: " + told(e.email, t); },
    field("process_id", &accounts::EmailChanged::process_id), field("email", &accounts::EmailChanged::email),
    field("email_index", &accounts::EmailChanged::email_index, {}, "HMAC of the normalised e-mail under a server key"),
    field("previous_email_index", &accounts::EmailChanged::previous_email_index),
    field("previous_process_id", &accounts::EmailChanged::previous_process_id, {},
          "The id of the change that set the previous e-mail; absent when the account was registered with it"),
    field("kept_session", &accounts::EmailChanged::kept_session, {}, "The session that stays valid"));
template <>
inline constexpr auto wire<accounts::EmailChangeRefused> = event_type<accounts::EmailChangeRefused>(
    "parley.account.email_change_refused.v1",
    "The e-mail change was refused: another account has the e-mail. The account keeps its own",
    [](const auto&, const auto&) -> std::string {
      return "the account keeps its e-mail: another account has the one that it asked for";
    },
    field("process_id", &accounts::EmailChangeRefused::process_id));
template <>
inline constexpr auto wire<accounts::EmailReservationDeclined> = event_type<accounts::EmailReservationDeclined>(
    "parley.account.email_reservation_declined.v1",
    "A reserved e-mail was declined, because the change that requested it was given up: the account stays as it was, "
    "and the claim is released",
    [](const auto&, const auto&) -> std::string {
      return "the account does not need an e-mail that was reserved for it";
    },
    field("process_id", &accounts::EmailReservationDeclined::process_id),
    field("email_index", &accounts::EmailReservationDeclined::email_index, {},
          "HMAC of the normalised e-mail under a server key"));

// Commands.

template <>
inline constexpr auto wire<accounts::Register> =
    named_type("parley.account.register.v1", field("email", &accounts::Register::email),
               field("email_index", &accounts::Register::email_index),
               field("first_name", &accounts::Register::first_name), field("last_name", &accounts::Register::last_name),
               field("password_verifier", &accounts::Register::password_verifier));
template <>
inline constexpr auto wire<accounts::LogIn> = named_type(
    "parley.account.log_in.v1", field("password_matches", &accounts::LogIn::password_matches),
    field("compared_with", &accounts::LogIn::compared_with), field("email_index", &accounts::LogIn::email_index));
template <>
inline constexpr auto wire<accounts::LogOut> =
    named_type("parley.account.log_out.v1", field("session", &accounts::LogOut::session));
template <>
inline constexpr auto wire<accounts::ChangePassword> = named_type(
    "parley.account.change_password.v1", field("password_matches", &accounts::ChangePassword::password_matches),
    field("compared_with", &accounts::ChangePassword::compared_with),
    field("password_verifier", &accounts::ChangePassword::password_verifier),
    field("session", &accounts::ChangePassword::session));
template <>
inline constexpr auto wire<accounts::ChangeProfile> =
    named_type("parley.account.change_profile.v1", field("first_name", &accounts::ChangeProfile::first_name),
               field("last_name", &accounts::ChangeProfile::last_name),
               field("onboarding_completed", &accounts::ChangeProfile::onboarding_completed));
template <>
inline constexpr auto wire<accounts::CreateAdmin> =
    named_type("parley.account.create_admin.v1", field("email", &accounts::CreateAdmin::email),
               field("email_index", &accounts::CreateAdmin::email_index),
               field("password_verifier", &accounts::CreateAdmin::password_verifier));
template <>
inline constexpr auto wire<accounts::ResetPassword> = named_type(
    "parley.account.reset_password.v1", field("password_verifier", &accounts::ResetPassword::password_verifier));
template <>
inline constexpr auto wire<accounts::ChangeEmail> = named_type(
    "parley.account.change_email.v1", field("email", &accounts::ChangeEmail::email),
    field("email_index", &accounts::ChangeEmail::email_index),
    field("password_matches", &accounts::ChangeEmail::password_matches),
    field("compared_with", &accounts::ChangeEmail::compared_with), field("session", &accounts::ChangeEmail::session));
template <>
inline constexpr auto wire<accounts::FinishEmailChange> =
    named_type("parley.account.finish_email_change.v1", field("process_id", &accounts::FinishEmailChange::process_id),
               field("email_index", &accounts::FinishEmailChange::email_index),
               field("is_reserved", &accounts::FinishEmailChange::is_reserved));

// Entries of the directory.

/// Under "account_email/<HMAC of the e-mail>".
struct AccountEntry {
  AccountId account;
  Sealed password_verifier;
};
/// Under "sessions/<account>": which of its sessions are over although their tokens are still good. There only when
/// some are.
struct SessionsEntry {
  AccountId account;
  accounts::Sessions sessions;
};
template <>
inline constexpr auto fields<AccountEntry> = std::tuple{
    field("account_id", &AccountEntry::account),
    field("password_verifier", &AccountEntry::password_verifier, {}, "Encrypted under a server key"),
};
template <>
inline constexpr auto fields<SessionsEntry> =
    std::tuple{field("account_id", &SessionsEntry::account), field("sessions", &SessionsEntry::sessions)};

inline constexpr std::string_view kAccountEmailPrefix = "account_email/";
inline constexpr std::string_view kSessionsPrefix = "sessions/";

}  // namespace parley::schema
