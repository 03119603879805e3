#pragma once
// Accounts on the wire: their events, and what the directory says of them. Names and fields are never edited after
// release: a changed event is a new type (.v2) with an upcaster.
#include <optional>
#include <string>
#include <vector>

#include "domain/accounts/accounts.h"
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
template <>
inline constexpr std::array names<accounts::Scope>{
    std::pair{accounts::Scope::assistants_read, std::string_view("assistants:read")},
    std::pair{accounts::Scope::assistants_write, std::string_view("assistants:write")},
    std::pair{accounts::Scope::dialogs_read, std::string_view("dialogs:read")},
    std::pair{accounts::Scope::dialogs_write, std::string_view("dialogs:write")},
};

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
inline constexpr auto wire<accounts::Registered> = event_type(
    "parley.account.registered.v1", "An account was registered", field("email", &accounts::Registered::email),
    field("email_index", &accounts::Registered::email_index, {}, "HMAC of the normalised e-mail under a server key"),
    field("first_name", &accounts::Registered::first_name), field("last_name", &accounts::Registered::last_name),
    field("password_verifier", &accounts::Registered::password_verifier, {}, "Encrypted under a server key"));
template <>
inline constexpr auto wire<accounts::WelcomeBonusGranted> =
    event_type("parley.account.welcome_bonus_granted.v1", "A new account was given a welcome bonus",
               field("amount_kopecks", &accounts::WelcomeBonusGranted::amount, {}, "Minor units of RUB"));
template <>
inline constexpr auto wire<accounts::LoggedIn> =
    event_type("parley.account.logged_in.v2", "The account's owner has logged in: a session begins",
               field("method", &accounts::LoggedIn::method));
template <>
inline constexpr auto wire<accounts::LoggedOut> =
    event_type("parley.account.logged_out.v1", "A session was ended: its token is not valid any more",
               field("session", &accounts::LoggedOut::session, {},
                     "`id`; `version`: the account's, when it began; `expires_at`: when its token does by itself"));
template <>
inline constexpr auto wire<accounts::PasswordChanged> = event_type(
    "parley.account.password_changed.v1",
    "The account has another password, and its sessions are over: by whom, the actor says (itself, the owner of its "
    "team, the administrator)",
    field("password_verifier", &accounts::PasswordChanged::password_verifier, {}, "Encrypted under a server key"),
    field("kept_session", &accounts::PasswordChanged::kept_session, {}, "The one that goes on"));
template <>
inline constexpr auto wire<accounts::ProfileChanged> =
    event_type("parley.account.profile_changed.v1", "The account's profile was changed",
               field("first_name", &accounts::ProfileChanged::first_name),
               field("last_name", &accounts::ProfileChanged::last_name),
               field("onboarding_completed", &accounts::ProfileChanged::onboarding_completed));
template <>
inline constexpr auto wire<accounts::JoinedTeam> = event_type(
    "parley.account.joined_team.v1", "The account is an operator's, of an owner's team; its sessions are over",
    field("owner_id", &accounts::JoinedTeam::owner), field("name", &accounts::JoinedTeam::name));
template <>
inline constexpr auto wire<accounts::TeamMemberChanged> = event_type(
    "parley.account.team_member_changed.v1",
    "An operator is called otherwise, may work no more (its sessions are over) or again",
    field("name", &accounts::TeamMemberChanged::name), field("is_active", &accounts::TeamMemberChanged::is_active));
template <>
inline constexpr auto wire<accounts::LeftTeam> =
    event_type("parley.account.left_team.v1", "An operator is of no team any more; its sessions are over");
template <>
inline constexpr auto wire<accounts::AdminAppointed> =
    event_type("parley.account.admin_appointed.v1", "The account is an admin's, of the whole installation");
template <>
inline constexpr auto wire<accounts::ApiKeyCreated> =
    event_type("parley.account.api_key_created.v1", "An API key was created, for a program of the owner's",
               field("key_id", &accounts::ApiKeyCreated::key, {}, "What an actor `api_key/<key_id>/<account>` names"),
               field("name", &accounts::ApiKeyCreated::name),
               field("scopes", &accounts::ApiKeyCreated::scopes, {},
                     "`assistants:read`, `assistants:write`, `dialogs:read`, `dialogs:write`"),
               field("digest", &accounts::ApiKeyCreated::digest, {},
                     "HMAC of the key under a server key; the key itself is nowhere"),
               field("hint", &accounts::ApiKeyCreated::hint, {}, "The key's last characters"));
template <>
inline constexpr auto wire<accounts::ApiKeyRevoked> =
    event_type("parley.account.api_key_revoked.v1", "An API key was revoked: it is not valid any more",
               field("key_id", &accounts::ApiKeyRevoked::key));
template <>
inline constexpr auto wire<accounts::ApiKeyUsed> =
    event_type("parley.account.api_key_used.v1", "An API key was used, for the first time in this hour (UTC)",
               field("key_id", &accounts::ApiKeyUsed::key));
template <>
inline constexpr auto wire<accounts::EmailChangeRequested> = event_type(
    "parley.account.email_change_requested.v1",
    "The account is to have another e-mail, once that is reserved for it; until then it has its own",
    field("process_id", &accounts::EmailChangeRequested::process_id, {}, "Names this change in all that follows"),
    field("command_id", &accounts::EmailChangeRequested::command_id, {},
          "Of the command that began it and is answered when it ends; none: `process_id` is its id"),
    field("email", &accounts::EmailChangeRequested::email),
    field("email_index", &accounts::EmailChangeRequested::email_index, {},
          "HMAC of the normalised e-mail under a server key"),
    field("session", &accounts::EmailChangeRequested::session, {}, "In which that was asked"));
template <>
inline constexpr auto wire<accounts::EmailChanged> = event_type(
    "parley.account.email_changed.v1", "The account has another e-mail; its sessions are over",
    field("process_id", &accounts::EmailChanged::process_id), field("email", &accounts::EmailChanged::email),
    field("email_index", &accounts::EmailChanged::email_index, {}, "HMAC of the normalised e-mail under a server key"),
    field("previous_email_index", &accounts::EmailChanged::previous_email_index),
    field("previous_process_id", &accounts::EmailChanged::previous_process_id, {},
          "Of the change that brought the previous e-mail; none when the account was registered with it"),
    field("kept_session", &accounts::EmailChanged::kept_session, {}, "The one that goes on"));
template <>
inline constexpr auto wire<accounts::EmailChangeRefused> =
    event_type("parley.account.email_change_refused.v1",
               "Another account has the e-mail that this account asked for: it keeps its own",
               field("process_id", &accounts::EmailChangeRefused::process_id));
template <>
inline constexpr auto wire<accounts::EmailReservationDeclined> =
    event_type("parley.account.email_reservation_declined.v1",
               "An e-mail was reserved for a change that had been given up: nothing changes, and the claim is released",
               field("process_id", &accounts::EmailReservationDeclined::process_id),
               field("email_index", &accounts::EmailReservationDeclined::email_index, {},
                     "HMAC of the normalised e-mail under a server key"));

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
/// Under "api_key/<digest of the key>": who has it, and what for.
struct ApiKeyEntry {
  AccountId account;
  ApiKeyId key;
  std::vector<accounts::Scope> scopes;
};
template <>
inline constexpr auto fields<AccountEntry> = std::tuple{
    field("account_id", &AccountEntry::account),
    field("password_verifier", &AccountEntry::password_verifier, {}, "Encrypted under a server key"),
};
template <>
inline constexpr auto fields<SessionsEntry> =
    std::tuple{field("account_id", &SessionsEntry::account), field("sessions", &SessionsEntry::sessions)};
template <>
inline constexpr auto fields<ApiKeyEntry> =
    std::tuple{field("account_id", &ApiKeyEntry::account), field("key_id", &ApiKeyEntry::key),
               field("scopes", &ApiKeyEntry::scopes, {}, "What the key is good for")};

inline constexpr std::string_view kAccountEmailPrefix = "account_email/";
inline constexpr std::string_view kSessionsPrefix = "sessions/";
inline constexpr std::string_view kApiKeyPrefix = "api_key/";

}  // namespace parley::schema
