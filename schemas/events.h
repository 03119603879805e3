#pragma once
// The fields and wire names of every event, and of the states that deciders keep of them. Names and fields are never edited after release:
// a changed event is a new type (.v2) with an upcaster.
#include "domain/model.h"
#include "schemas/directory.h"
#include "schemas/disclosed.h"
#include "schemas/fields.h"

namespace parley::schema {

/// What an event says, in a few words, for those who consume it.
template <class T>
inline constexpr std::string_view about = "";

template <>
inline constexpr std::array names<dialogs::Platform>{std::pair{dialogs::Platform::website, std::string_view("website")}};
template <>
inline constexpr std::array names<dialogs::Sender>{
    std::pair{dialogs::Sender::user, std::string_view("user")},
    std::pair{dialogs::Sender::assistant, std::string_view("assistant")},
    std::pair{dialogs::Sender::operator_, std::string_view("operator")},
};
template <>
inline constexpr std::array names<dialogs::Status>{
    std::pair{dialogs::Status::active, std::string_view("active")},
    std::pair{dialogs::Status::archived, std::string_view("archived")},
};

template <>
inline constexpr std::array names<accounts::Role>{
    std::pair{accounts::Role::owner, std::string_view("owner")},
    std::pair{accounts::Role::operator_, std::string_view("operator")},
    std::pair{accounts::Role::admin, std::string_view("admin")},
};
template <>
inline constexpr std::array names<accounts::Plan>{std::pair{accounts::Plan::trial, std::string_view("trial")}};

// Events of an account.

template <>
inline constexpr std::string_view type_name<accounts::Registered> = "parley.account.registered.v1";
template <>
inline constexpr std::string_view about<accounts::Registered> = "Somebody has an account";
template <>
inline constexpr auto fields<accounts::Registered> = std::tuple{
    field("email", &accounts::Registered::email),
    field("email_index", &accounts::Registered::email_index, {}, "HMAC of the normalised e-mail under a server key"),
    field("first_name", &accounts::Registered::first_name),
    field("last_name", &accounts::Registered::last_name),
    field("password_verifier", &accounts::Registered::password_verifier, {}, "Encrypted under a server key"),
};
template <>
inline constexpr std::string_view type_name<accounts::WelcomeBonusGranted> = "parley.account.welcome_bonus_granted.v1";
template <>
inline constexpr std::string_view about<accounts::WelcomeBonusGranted> = "A new account was given money";
template <>
inline constexpr auto fields<accounts::WelcomeBonusGranted> =
    std::tuple{field("amount_kopecks", &accounts::WelcomeBonusGranted::amount, {}, "Minor units of RUB")};
template <>
inline constexpr std::array names<accounts::LoginMethod>{std::pair{accounts::LoginMethod::password, std::string_view("password")}};
template <>
inline constexpr std::string_view type_name<accounts::LoggedIn> = "parley.account.logged_in.v2";
template <>
inline constexpr std::string_view about<accounts::LoggedIn> = "Somebody has proved to be the account's owner";
template <>
inline constexpr auto fields<accounts::LoggedIn> = std::tuple{field("method", &accounts::LoggedIn::method)};
template <>
inline constexpr std::string_view type_name<accounts::LoggedOut> = "parley.account.logged_out.v1";
template <>
inline constexpr std::string_view about<accounts::LoggedOut> = "Somebody has ended a session: its token opens nothing any more";
template <>
inline constexpr auto fields<accounts::LoggedOut> = std::tuple{field(
    "session", &accounts::LoggedOut::session, {}, "`id`; `version`: the account's, when it began; `expires_at`: when its token does by itself")};
template <>
inline constexpr std::string_view type_name<accounts::PasswordChanged> = "parley.account.password_changed.v1";
template <>
inline constexpr std::string_view about<accounts::PasswordChanged> =
    "The account has another password, and its sessions are over: by whom, the actor says (itself, the owner of its team, the administrator)";
template <>
inline constexpr auto fields<accounts::PasswordChanged> = std::tuple{
    field("password_verifier", &accounts::PasswordChanged::password_verifier, {}, "Encrypted under a server key"),
    field("kept_session", &accounts::PasswordChanged::kept_session, {}, "The one that goes on"),
};
template <>
inline constexpr std::string_view type_name<accounts::ProfileChanged> = "parley.account.profile_changed.v1";
template <>
inline constexpr std::string_view about<accounts::ProfileChanged> = "Somebody says otherwise of themselves";
template <>
inline constexpr auto fields<accounts::ProfileChanged> = std::tuple{
    field("first_name", &accounts::ProfileChanged::first_name),
    field("last_name", &accounts::ProfileChanged::last_name),
    field("onboarding_completed", &accounts::ProfileChanged::onboarding_completed),
};
template <>
inline constexpr std::string_view type_name<accounts::JoinedTeam> = "parley.account.joined_team.v1";
template <>
inline constexpr std::string_view about<accounts::JoinedTeam> = "The account is an operator's, of an owner's team; its sessions are over";
template <>
inline constexpr auto fields<accounts::JoinedTeam> =
    std::tuple{field("owner_id", &accounts::JoinedTeam::owner), field("name", &accounts::JoinedTeam::name)};
template <>
inline constexpr std::string_view type_name<accounts::TeamMemberChanged> = "parley.account.team_member_changed.v1";
template <>
inline constexpr std::string_view about<accounts::TeamMemberChanged> =
    "An operator is called otherwise, may work no more (its sessions are over) or again";
template <>
inline constexpr auto fields<accounts::TeamMemberChanged> =
    std::tuple{field("name", &accounts::TeamMemberChanged::name), field("is_active", &accounts::TeamMemberChanged::is_active)};
template <>
inline constexpr std::string_view type_name<accounts::LeftTeam> = "parley.account.left_team.v1";
template <>
inline constexpr std::string_view about<accounts::LeftTeam> = "An operator is of no team any more; its sessions are over";
template <>
inline constexpr auto fields<accounts::LeftTeam> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<accounts::AdminAppointed> = "parley.account.admin_appointed.v1";
template <>
inline constexpr std::string_view about<accounts::AdminAppointed> = "The account is an admin's, of the whole installation";
template <>
inline constexpr auto fields<accounts::AdminAppointed> = std::tuple<>{};

template <>
inline constexpr std::string_view type_name<accounts::ApiKeyCreated> = "parley.account.api_key_created.v1";
template <>
inline constexpr std::string_view about<accounts::ApiKeyCreated> = "An owner has another API key, for a program to ask with";
template <>
inline constexpr auto fields<accounts::ApiKeyCreated> = std::tuple{
    field("key_id", &accounts::ApiKeyCreated::key, {}, "What an actor `api_key/<key_id>/<account>` names"),
    field("name", &accounts::ApiKeyCreated::name),
    field("scopes", &accounts::ApiKeyCreated::scopes, {}, "`assistants:read`, `assistants:write`, `dialogs:read`, `dialogs:write`"),
    field("digest", &accounts::ApiKeyCreated::digest, {}, "HMAC of the key under a server key; the key itself is nowhere"),
    field("hint", &accounts::ApiKeyCreated::hint, {}, "The key's last characters"),
};
template <>
inline constexpr std::string_view type_name<accounts::ApiKeyRevoked> = "parley.account.api_key_revoked.v1";
template <>
inline constexpr std::string_view about<accounts::ApiKeyRevoked> = "An API key opens nothing any more";
template <>
inline constexpr auto fields<accounts::ApiKeyRevoked> = std::tuple{field("key_id", &accounts::ApiKeyRevoked::key)};
template <>
inline constexpr std::string_view type_name<accounts::ApiKeyUsed> = "parley.account.api_key_used.v1";
template <>
inline constexpr std::string_view about<accounts::ApiKeyUsed> = "Somebody asks with an API key, for the first time in this hour (UTC)";
template <>
inline constexpr auto fields<accounts::ApiKeyUsed> = std::tuple{field("key_id", &accounts::ApiKeyUsed::key)};
template <>
inline constexpr std::string_view type_name<accounts::EmailChangeRequested> = "parley.account.email_change_requested.v1";
template <>
inline constexpr std::string_view about<accounts::EmailChangeRequested> =
    "The account is to have another e-mail, once that is reserved for it; until then it has its own";
template <>
inline constexpr auto fields<accounts::EmailChangeRequested> = std::tuple{
    field("process_id", &accounts::EmailChangeRequested::process_id, {}, "Names this change in all that follows"),
    field("command_id", &accounts::EmailChangeRequested::command_id, {},
          "Of the command that began it and is answered when it ends; none: `process_id` is its id"),
    field("email", &accounts::EmailChangeRequested::email),
    field("email_index", &accounts::EmailChangeRequested::email_index, {}, "HMAC of the normalised e-mail under a server key"),
    field("session", &accounts::EmailChangeRequested::session, {}, "In which that was asked"),
};
template <>
inline constexpr std::string_view type_name<accounts::EmailChanged> = "parley.account.email_changed.v1";
template <>
inline constexpr std::string_view about<accounts::EmailChanged> = "The account has another e-mail; its sessions are over";
template <>
inline constexpr auto fields<accounts::EmailChanged> = std::tuple{
    field("process_id", &accounts::EmailChanged::process_id),
    field("email", &accounts::EmailChanged::email),
    field("email_index", &accounts::EmailChanged::email_index, {}, "HMAC of the normalised e-mail under a server key"),
    field("previous_email_index", &accounts::EmailChanged::previous_email_index),
    field("previous_process_id", &accounts::EmailChanged::previous_process_id, {},
          "Of the change that brought the previous e-mail; none when the account was registered with it"),
    field("kept_session", &accounts::EmailChanged::kept_session, {}, "The one that goes on"),
};
template <>
inline constexpr std::string_view type_name<accounts::EmailChangeRefused> = "parley.account.email_change_refused.v1";
template <>
inline constexpr std::string_view about<accounts::EmailChangeRefused> = "Somebody else has the e-mail that the account was to have: it keeps its own";
template <>
inline constexpr auto fields<accounts::EmailChangeRefused> = std::tuple{field("process_id", &accounts::EmailChangeRefused::process_id)};
template <>
inline constexpr std::string_view type_name<accounts::EmailReservationDeclined> = "parley.account.email_reservation_declined.v1";
template <>
inline constexpr std::string_view about<accounts::EmailReservationDeclined> =
    "An e-mail was reserved for a change that had been given up: nothing changes, and the claim is released";
template <>
inline constexpr auto fields<accounts::EmailReservationDeclined> =
    std::tuple{field("process_id", &accounts::EmailReservationDeclined::process_id),
               field("email_index", &accounts::EmailReservationDeclined::email_index, {}, "HMAC of the normalised e-mail under a server key")};

// Events of an assistant.

template <>
inline constexpr std::string_view type_name<assistants::Created> = "parley.assistant.created.v1";
template <>
inline constexpr std::string_view about<assistants::Created> = "An owner has an assistant";
template <>
inline constexpr auto fields<assistants::Created> = std::tuple{
    field("owner_id", &assistants::Created::owner),
    field("name", &assistants::Created::name),
    field("description", &assistants::Created::description),
    field("system_prompt", &assistants::Created::system_prompt),
    field("ai_model", &assistants::Created::ai_model),
    field("site_token", &assistants::Created::site_token, {}, "Public: names the assistant on a site, opens nothing by itself"),
    field("telegram_bot_token", &assistants::Created::telegram_bot_token, {}, "Encrypted under a server key"),
    field("website_integration", &assistants::Created::website_integration),
    field("allowed_domains", &assistants::Created::allowed_domains),
};

template <>
inline constexpr std::string_view type_name<assistants::Updated> = "parley.assistant.updated.v1";
template <>
inline constexpr std::string_view about<assistants::Updated> = "An owner has changed an assistant: what is absent stays as it was, null is cleared";
template <>
inline constexpr auto fields<assistants::Updated> = std::tuple{
    field("name", &assistants::Updated::name),
    field("description", &assistants::Updated::description),
    field("system_prompt", &assistants::Updated::system_prompt),
    field("ai_model", &assistants::Updated::ai_model),
    field("is_active", &assistants::Updated::is_active, {}, "False: its visitors are refused"),
    field("telegram_bot_token", &assistants::Updated::telegram_bot_token, {}, "Encrypted under a server key"),
    field("website_integration", &assistants::Updated::website_integration),
    field("allowed_domains", &assistants::Updated::allowed_domains),
};
template <>
inline constexpr std::string_view type_name<assistants::SiteTokenRotated> = "parley.assistant.site_token_rotated.v1";
template <>
inline constexpr std::string_view about<assistants::SiteTokenRotated> = "An assistant has another site token; the one before it is dead";
template <>
inline constexpr auto fields<assistants::SiteTokenRotated> = std::tuple{field("site_token", &assistants::SiteTokenRotated::site_token, {}, "Public")};
template <>
inline constexpr std::string_view type_name<assistants::Deleted> = "parley.assistant.deleted.v1";
template <>
inline constexpr std::string_view about<assistants::Deleted> =
    "An owner has deleted an assistant, for good: its site token is dead, its dialogs stay";
template <>
inline constexpr auto fields<assistants::Deleted> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<assistants::CreationRequested> = "parley.assistant.creation_requested.v1";
template <>
inline constexpr std::string_view about<assistants::CreationRequested> =
    "There is to be an assistant, once its Telegram bot is reserved for it: then it is created; until then there is none";
template <>
inline constexpr auto fields<assistants::CreationRequested> = std::tuple{
    field("process_id", &assistants::CreationRequested::process_id, {}, "Names this creation in all that follows"),
    field("command_id", &assistants::CreationRequested::command_id, {}, "Of the command that began it and is answered when it ends"),
    field("bot_index", &assistants::CreationRequested::bot_index, {}, "HMAC of the bot's id under a server key"),
    field("telegram_bot_token", &assistants::CreationRequested::telegram_bot_token, {}, "Encrypted under a server key"),
    field("assistant", &assistants::CreationRequested::assistant, {}, "The rest, as it is to be created"),
};
template <>
inline constexpr std::string_view type_name<assistants::CreationRefused> = "parley.assistant.creation_refused.v1";
template <>
inline constexpr std::string_view about<assistants::CreationRefused> =
    "Another assistant has the Telegram bot: this one is not created, and what may still be reserved for it is released";
template <>
inline constexpr auto fields<assistants::CreationRefused> =
    std::tuple{field("process_id", &assistants::CreationRefused::process_id),
               field("bot_index", &assistants::CreationRefused::bot_index, {}, "HMAC of the bot's id under a server key")};
template <>
inline constexpr std::string_view type_name<assistants::UpdateRequested> = "parley.assistant.update_requested.v1";
template <>
inline constexpr std::string_view about<assistants::UpdateRequested> =
    "An assistant is to be changed, once its Telegram bot is reserved for it: until then it is as it was";
template <>
inline constexpr auto fields<assistants::UpdateRequested> = std::tuple{
    field("process_id", &assistants::UpdateRequested::process_id, {}, "Names this change in all that follows"),
    field("command_id", &assistants::UpdateRequested::command_id, {}, "Of the command that began it and is answered when it ends"),
    field("bot_index", &assistants::UpdateRequested::bot_index, {}, "HMAC of the bot's id under a server key"),
    field("telegram_bot_token", &assistants::UpdateRequested::telegram_bot_token, {}, "Encrypted under a server key"),
    field("change", &assistants::UpdateRequested::change, {}, "What else is to change: what is absent stays, null is cleared"),
};
template <>
inline constexpr std::string_view type_name<assistants::UpdateRefused> = "parley.assistant.update_refused.v1";
template <>
inline constexpr std::string_view about<assistants::UpdateRefused> =
    "Another assistant has the Telegram bot that this one was to have: nothing changes";
template <>
inline constexpr auto fields<assistants::UpdateRefused> = std::tuple{field("process_id", &assistants::UpdateRefused::process_id)};
template <>
inline constexpr std::string_view type_name<assistants::BotClaimed> = "parley.assistant.bot_claimed.v1";
template <>
inline constexpr std::string_view about<assistants::BotClaimed> =
    "The Telegram bot is this assistant's and no other's; the event before this one has its token";
template <>
inline constexpr auto fields<assistants::BotClaimed> =
    std::tuple{field("process_id", &assistants::BotClaimed::process_id, {}, "Of the creation or change that brought it"),
               field("bot_index", &assistants::BotClaimed::bot_index, {}, "HMAC of the bot's id under a server key")};
template <>
inline constexpr std::string_view type_name<assistants::BotReleased> = "parley.assistant.bot_released.v1";
template <>
inline constexpr std::string_view about<assistants::BotReleased> =
    "The Telegram bot that this assistant had by that change, or that was reserved for it, is not needed any more: its claim is released";
template <>
inline constexpr auto fields<assistants::BotReleased> =
    std::tuple{field("process_id", &assistants::BotReleased::process_id, {}, "Of the creation or change that brought it, or was to bring it"),
               field("bot_index", &assistants::BotReleased::bot_index, {}, "HMAC of the bot's id under a server key")};

// Events of a dialog.

template <>
inline constexpr std::string_view type_name<dialogs::Opened> = "parley.dialog.opened.v1";
template <>
inline constexpr std::string_view about<dialogs::Opened> = "A visitor began to talk with an assistant";
template <>
inline constexpr auto fields<dialogs::Opened> = std::tuple{
    field("assistant_id", &dialogs::Opened::assistant),
    field("owner_id", &dialogs::Opened::owner),
    field("platform", &dialogs::Opened::platform),
    field("first_name", &dialogs::Opened::first_name),
};
template <>
inline constexpr std::string_view type_name<dialogs::MessageCreated> = "parley.dialog.message_created.v1";
template <>
inline constexpr std::string_view about<dialogs::MessageCreated> = "Something was said in a dialog";
template <>
inline constexpr auto fields<dialogs::MessageCreated> = std::tuple{
    field("message_id", &dialogs::MessageCreated::message),
    field("sender", &dialogs::MessageCreated::sender),
    field("text", &dialogs::MessageCreated::text),
    field("operator_name", &dialogs::MessageCreated::operator_name),
};
template <>
inline constexpr std::string_view type_name<dialogs::Archived> = "parley.dialog.archived.v1";
template <>
inline constexpr std::string_view about<dialogs::Archived> = "The people behind the assistant are done with a dialog, for now";
template <>
inline constexpr auto fields<dialogs::Archived> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<dialogs::Unarchived> = "parley.dialog.unarchived.v1";
template <>
inline constexpr std::string_view about<dialogs::Unarchived> =
    "An archived dialog is active again: somebody wanted that, or its visitor has written (then it follows that message)";
template <>
inline constexpr auto fields<dialogs::Unarchived> = std::tuple<>{};

// Events of a claim.

template <>
inline constexpr std::string_view type_name<claims::Reserved> = "parley.claim.reserved.v1";
template <>
inline constexpr std::string_view about<claims::Reserved> = "A unique value is somebody's whose stream lives in another slot";
template <>
inline constexpr auto fields<claims::Reserved> = std::tuple{
    field("index", &claims::Reserved::index, {}, "What is unique: `account_email`, `telegram_bot`"),
    field("key", &claims::Reserved::key, {}, "The value: its HMAC under a server key"),
    field("process_id", &claims::Reserved::process_id, {}, "For which change it is"),
    field("holder_id", &claims::Reserved::holder, {}, "Who has it: of an e-mail an account, of a bot an assistant"),
    field("holder_version", &claims::Reserved::holder_version, {}, "The holder's, when it asked: of its reservations the latest counts"),
};
template <>
inline constexpr std::string_view type_name<claims::Refused> = "parley.claim.refused.v1";
template <>
inline constexpr std::string_view about<claims::Refused> = "Somebody else has the unique value";
template <>
inline constexpr auto fields<claims::Refused> = std::tuple{
    field("index", &claims::Refused::index, {}, "What is unique: `account_email`, `telegram_bot`"),
    field("key", &claims::Refused::key, {}, "The value: its HMAC under a server key"),
    field("process_id", &claims::Refused::process_id),
    field("holder_id", &claims::Refused::holder, {}, "Who wanted it"),
};
template <>
inline constexpr std::string_view type_name<claims::Confirmed> = "parley.claim.confirmed.v1";
template <>
inline constexpr std::string_view about<claims::Confirmed> = "The change for which the value was reserved has come to its end: it is used";
template <>
inline constexpr auto fields<claims::Confirmed> = std::tuple{field("process_id", &claims::Confirmed::process_id)};
template <>
inline constexpr std::string_view type_name<claims::Released> = "parley.claim.released.v1";
template <>
inline constexpr std::string_view about<claims::Released> = "Nobody has the value any more: whoever comes first may have it";
template <>
inline constexpr auto fields<claims::Released> = std::tuple{
    field("index", &claims::Released::index, {}, "What is unique: `account_email`, `telegram_bot`"),
    field("key", &claims::Released::key, {}, "The value: its HMAC under a server key"),
    field("process_id", &claims::Released::process_id),
};

// Events of streams of every kind.

template <>
inline constexpr std::array names<parking::Action>{std::pair{parking::Action::retry, std::string_view("retry")},
                                                   std::pair{parking::Action::skip, std::string_view("skip")}};
template <>
inline constexpr std::string_view type_name<parking::Parked> = "parley.stream.parked.v1";
template <>
inline constexpr std::string_view about<parking::Parked> =
    "A command could not be decided: the stream, of whatever kind, refuses commands from here on";
template <>
inline constexpr auto fields<parking::Parked> = std::tuple{
    field("command_id", &parking::Parked::command_id, {}, "Of the command that could not be decided"),
    field("command_offset", &parking::Parked::command_offset, {}, "Where it stands in the partition of parley.commands with the event's number"),
    field("fingerprint", &parking::Parked::fingerprint, {}, "The command's: HMAC of who asked for what"),
    field("reason", &parking::Parked::reason),
};
template <>
inline constexpr std::string_view type_name<parking::Unparked> = "parley.stream.unparked.v1";
template <>
inline constexpr std::string_view about<parking::Unparked> = "What stopped the stream was tried again or left out: it goes on";
template <>
inline constexpr auto fields<parking::Unparked> = std::tuple{
    field("action", &parking::Unparked::action),
    field("reason", &parking::Unparked::reason),
    field("projection", &parking::Unparked::projection, {}, "The projection that could not apply the event of that version"),
    field("version", &parking::Unparked::version, {}, "Of the event that stopped the stream; none when a command did"),
};

// Events of no kind of stream: of seal/<partition>.

template <>
inline constexpr std::string_view type_name<seals::PartitionSealed> = "parley.partition.sealed.v1";
template <>
inline constexpr std::string_view about<seals::PartitionSealed> = "A decider has signed everything that stands in its partition before this event";
template <>
inline constexpr auto fields<seals::PartitionSealed> = std::tuple{
    field("events", &seals::PartitionSealed::events, {}, "How many events stand before this one in its partition, earlier seals among them"),
    field("digest", &seals::PartitionSealed::digest, {}, "Running, over all of them as they are stored: SHA-256, hexadecimal"),
    field("key_id", &seals::PartitionSealed::key_id, {}, "Of the key that signed"),
    field("signature", &seals::PartitionSealed::signature, {}, "Ed25519 over partition, events and digest, hexadecimal"),
};

// States, as deciders keep them. They may change freely with kFoldVersion.

template <>
inline constexpr std::string_view type_name<accounts::NoAccount> = "account.none";
template <>
inline constexpr auto fields<accounts::NoAccount> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<accounts::Account> = "account";
template <>
inline constexpr auto fields<accounts::Membership> = std::tuple{
    field("owner", &accounts::Membership::owner), field("name", &accounts::Membership::name), field("is_active", &accounts::Membership::is_active)};
template <>
inline constexpr auto fields<accounts::ApiKey> =
    std::tuple{field("id", &accounts::ApiKey::id), field("scopes", &accounts::ApiKey::scopes), field("digest", &accounts::ApiKey::digest),
               field("last_used_at", &accounts::ApiKey::last_used_at)};
template <>
inline constexpr auto fields<accounts::ApiKeys> = std::tuple{field("keys", &accounts::ApiKeys::keys)};
template <>
inline constexpr auto fields<accounts::PendingEmail> = std::tuple{
    field("process_id", &accounts::PendingEmail::process_id), field("command_id", &accounts::PendingEmail::command_id),
    field("email", &accounts::PendingEmail::email),           field("email_index", &accounts::PendingEmail::email_index),
    field("session", &accounts::PendingEmail::session),
};
template <>
inline constexpr auto fields<accounts::Account> = std::tuple{
    field("email", &accounts::Account::email),
    field("email_index", &accounts::Account::email_index),
    field("password_verifier", &accounts::Account::password_verifier),
    field("created_at", &accounts::Account::created_at),
    field("role", &accounts::Account::role),
    field("first_name", &accounts::Account::first_name),
    field("last_name", &accounts::Account::last_name),
    field("onboarding_completed", &accounts::Account::onboarding_completed),
    field("balance", &accounts::Account::balance),
    field("welcome_bonus", &accounts::Account::welcome_bonus),
    field("team", &accounts::Account::team),
    field("sessions", &accounts::Account::sessions),
    field("api_keys", &accounts::Account::api_keys),
    field("pending_email", &accounts::Account::pending_email),
    field("email_process", &accounts::Account::email_process),
};
template <>
inline constexpr std::string_view type_name<assistants::NoAssistant> = "assistant.none";
template <>
inline constexpr auto fields<assistants::NoAssistant> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<assistants::Assistant> = "assistant";
template <>
inline constexpr auto fields<assistants::Bot> =
    std::tuple{field("process_id", &assistants::Bot::process_id), field("index", &assistants::Bot::index)};
template <>
inline constexpr auto fields<assistants::PendingUpdate> =
    std::tuple{field("process_id", &assistants::PendingUpdate::process_id), field("command_id", &assistants::PendingUpdate::command_id),
               field("bot_index", &assistants::PendingUpdate::bot_index), field("change", &assistants::PendingUpdate::change)};
// In replies too (assistants::AssistantChanged): what is added here must be optional.
template <>
inline constexpr auto fields<assistants::Assistant> = std::tuple{
    field("owner_id", &assistants::Assistant::owner),
    field("name", &assistants::Assistant::name),
    field("description", &assistants::Assistant::description),
    field("system_prompt", &assistants::Assistant::system_prompt),
    field("ai_model", &assistants::Assistant::ai_model),
    field("is_active", &assistants::Assistant::is_active),
    field("telegram_bot_token", &assistants::Assistant::telegram_bot_token),
    field("website_integration", &assistants::Assistant::website_integration),
    field("allowed_domains", &assistants::Assistant::allowed_domains),
    field("site_token", &assistants::Assistant::site_token),
    field("created_at", &assistants::Assistant::created_at),
    field("bot", &assistants::Assistant::bot),
    field("pending_update", &assistants::Assistant::pending_update),
};
template <>
inline constexpr std::string_view type_name<assistants::RequestedAssistant> = "assistant.requested";
template <>
inline constexpr auto fields<assistants::RequestedAssistant> =
    std::tuple{field("process_id", &assistants::RequestedAssistant::process_id), field("command_id", &assistants::RequestedAssistant::command_id),
               field("bot_index", &assistants::RequestedAssistant::bot_index), field("assistant", &assistants::RequestedAssistant::assistant)};
template <>
inline constexpr std::string_view type_name<assistants::DeletedAssistant> = "assistant.deleted";
template <>
inline constexpr auto fields<assistants::DeletedAssistant> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<dialogs::NoDialog> = "dialog.none";
template <>
inline constexpr auto fields<dialogs::NoDialog> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<dialogs::Dialog> = "dialog";
template <>
inline constexpr auto fields<dialogs::Dialog> =
    std::tuple{field("assistant", &dialogs::Dialog::assistant), field("owner", &dialogs::Dialog::owner), field("status", &dialogs::Dialog::status)};
template <>
inline constexpr std::string_view type_name<claims::Free> = "claim.free";
template <>
inline constexpr auto fields<claims::Free> = std::tuple<>{};
template <>
inline constexpr std::string_view type_name<claims::Held> = "claim.held";
template <>
inline constexpr auto fields<claims::Held> =
    std::tuple{field("process_id", &claims::Held::process_id), field("holder", &claims::Held::holder),
               field("holder_version", &claims::Held::holder_version), field("is_confirmed", &claims::Held::is_confirmed)};

// What the templates above make of them, compiled once (codec.cc).

/// An event of an old type comes as what it means today (old_events.h). Nothing for a type this build does not know (a rollback, or a type from the
/// future).
Read<std::optional<Event>> decode_event(std::string_view type, std::string_view value);
Encoded encode_event(const Event& event);
/// An event's data as it may be shown (disclosed.h). Nothing for a type that this build does not know: it cannot say what of it is personal.
Read<std::optional<std::string>> disclosed_event(std::string_view type, std::string_view value, Disclosure disclosure);
/// "type json", for a decider's store.
std::string encode_state(const State& state);
Read<State> decode_state(std::string_view text);
/// The wire names of all event types that this build knows, in their order here; then those that are read and not written any more.
std::vector<std::string_view> event_types();
/// The JSON Schema of each of them, by wire name; `x-personal` and `x-sealed` name the fields that hold texts about people and encrypted secrets.
std::vector<std::pair<std::string_view, std::string>> event_schemas();
/// All of them as a page of Markdown.
std::string event_catalogue();

}  // namespace parley::schema
