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
    std::tuple{field("id", &accounts::Session::id, {}, "As its token has it (jti)"),
               field("version", &accounts::Session::version, {}, "The account's, when the session began"),
               field("expires_at", &accounts::Session::expires_at)};
template <>
inline constexpr auto fields<accounts::Sessions> =
    std::tuple{field("over_through", &accounts::Sessions::over_through, {},
                     "Sessions that began at this version of the account or before are over"),
               field("kept", &accounts::Sessions::kept, {}, "But this one, when there is one"),
               field("over_until", &accounts::Sessions::over_until, {}, "When the last token of those has expired"),
               field("ended", &accounts::Sessions::ended, {}, "Over beside those, oldest first")};

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
    "parley.account.logged_in.v2", "The account's owner has logged in: a session begins",
    [](const auto&, const auto&) -> std::string { return "the owner logs in"; },
    field("method", &accounts::LoggedIn::method));
template <>
inline constexpr auto wire<accounts::LoggedOut> = event_type<accounts::LoggedOut>(
    "parley.account.logged_out.v1", "A session was ended: its token is not valid any more",
    [](const auto& e, const auto& t) { return by(t) + " ends the session " + e.session.id; },
    field("session", &accounts::LoggedOut::session, {},
          "`id`; `version`: the account's, when it began; `expires_at`: when its token does by itself"));
template <>
inline constexpr auto wire<accounts::PasswordChanged> = event_type<accounts::PasswordChanged>(
    "parley.account.password_changed.v1",
    "The account has another password, and its sessions are over: by whom, the actor says (itself, the owner of its "
    "team, the administrator)",
    [](const auto&, const auto& t) { return by(t) + " changes the password"; },
    field("password_verifier", &accounts::PasswordChanged::password_verifier, {}, "Encrypted under a server key"),
    field("kept_session", &accounts::PasswordChanged::kept_session, {}, "The one that goes on"));
template <>
inline constexpr auto wire<accounts::ProfileChanged> = event_type<accounts::ProfileChanged>(
    "parley.account.profile_changed.v1", "The account's profile was changed",
    [](const auto& e, const auto& t) { return by(t) + " changes the profile:" + changed_parts(e); },
    field("first_name", &accounts::ProfileChanged::first_name),
    field("last_name", &accounts::ProfileChanged::last_name),
    field("onboarding_completed", &accounts::ProfileChanged::onboarding_completed));
template <>
inline constexpr auto wire<accounts::AdminAppointed> = event_type<accounts::AdminAppointed>(
    "parley.account.admin_appointed.v1", "The account is an admin's, of the whole installation",
    [](const auto&, const auto&) -> std::string { return "the account is an admin's"; });
template <>
inline constexpr auto wire<accounts::EmailChangeRequested> = event_type<accounts::EmailChangeRequested>(
    "parley.account.email_change_requested.v1",
    "The account is to have another e-mail, once that is reserved for it; until then it has its own",
    [](const auto& e, const auto& t) { return "the account is to have another e-mail: " + told(e.email, t); },
    field("process_id", &accounts::EmailChangeRequested::process_id, {}, "Names this change in all that follows"),
    field("command_id", &accounts::EmailChangeRequested::command_id, {},
          "Of the command that began it and is answered when it ends; none: `process_id` is its id"),
    field("email", &accounts::EmailChangeRequested::email),
    field("email_index", &accounts::EmailChangeRequested::email_index, {},
          "HMAC of the normalised e-mail under a server key"),
    field("session", &accounts::EmailChangeRequested::session, {}, "In which that was asked"));
template <>
inline constexpr auto wire<accounts::EmailChanged> = event_type<accounts::EmailChanged>(
    "parley.account.email_changed.v1", "The account has another e-mail; its sessions are over",
    [](const auto& e, const auto& t) { return "the account has another e-mail: " + told(e.email, t); },
    field("process_id", &accounts::EmailChanged::process_id), field("email", &accounts::EmailChanged::email),
    field("email_index", &accounts::EmailChanged::email_index, {}, "HMAC of the normalised e-mail under a server key"),
    field("previous_email_index", &accounts::EmailChanged::previous_email_index),
    field("previous_process_id", &accounts::EmailChanged::previous_process_id, {},
          "Of the change that brought the previous e-mail; none when the account was registered with it"),
    field("kept_session", &accounts::EmailChanged::kept_session, {}, "The one that goes on"));
template <>
inline constexpr auto wire<accounts::EmailChangeRefused> = event_type<accounts::EmailChangeRefused>(
    "parley.account.email_change_refused.v1",
    "Another account has the e-mail that this account asked for: it keeps its own",
    [](const auto&, const auto&) -> std::string {
      return "the account keeps its e-mail: another account has the one that it asked for";
    },
    field("process_id", &accounts::EmailChangeRefused::process_id));
template <>
inline constexpr auto wire<accounts::EmailReservationDeclined> = event_type<accounts::EmailReservationDeclined>(
    "parley.account.email_reservation_declined.v1",
    "An e-mail was reserved for a change that had been given up: nothing changes, and the claim is released",
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
