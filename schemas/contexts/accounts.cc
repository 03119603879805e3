#include "schemas/contexts/accounts.h"

#include "schemas/context_tables.h"

namespace parley::schema {

// Types that are not written any more but stand in logs: as they were written, and what each means today. When an
// event's type has to change, the domain gets the new form, the type in accounts.h the next version, and the old form
// comes here; a frozen line (tests/unit/contexts/accounts_test.cc) keeps each readable. Nothing else of the system
// knows that there was another form.
namespace old {

/// Before there was more than one way to log in.
struct LoggedInV1 {};
accounts::Event upcast(const LoggedInV1&) { return accounts::LoggedIn{accounts::LoginMethod::password}; }

}  // namespace old
template <>
inline constexpr auto wire<old::LoggedInV1> =
    old_event_type("parley.account.logged_in.v1",
                   "Like version 2, from a time when there was only one login method; not written any more");

// States, as deciders keep them. They may change freely with the context's fold version.

template <>
inline constexpr auto wire<accounts::NoAccount> = named_type("account.none");
template <>
inline constexpr auto fields<accounts::Membership> =
    std::tuple{field("owner", &accounts::Membership::owner), field("name", &accounts::Membership::name),
               field("is_active", &accounts::Membership::is_active)};
template <>
inline constexpr auto fields<accounts::ApiKey> =
    std::tuple{field("id", &accounts::ApiKey::id), field("scopes", &accounts::ApiKey::scopes),
               field("digest", &accounts::ApiKey::digest), field("last_used_at", &accounts::ApiKey::last_used_at)};
template <>
inline constexpr auto fields<accounts::ApiKeys> = std::tuple{field("keys", &accounts::ApiKeys::keys)};
template <>
inline constexpr auto fields<accounts::PendingEmail> = std::tuple{
    field("process_id", &accounts::PendingEmail::process_id), field("command_id", &accounts::PendingEmail::command_id),
    field("email", &accounts::PendingEmail::email), field("email_index", &accounts::PendingEmail::email_index),
    field("session", &accounts::PendingEmail::session)};
template <>
inline constexpr auto wire<accounts::Account> = named_type(
    "account", field("email", &accounts::Account::email), field("email_index", &accounts::Account::email_index),
    field("password_verifier", &accounts::Account::password_verifier),
    field("created_at", &accounts::Account::created_at), field("role", &accounts::Account::role),
    field("first_name", &accounts::Account::first_name), field("last_name", &accounts::Account::last_name),
    field("onboarding_completed", &accounts::Account::onboarding_completed),
    field("balance", &accounts::Account::balance), field("welcome_bonus", &accounts::Account::welcome_bonus),
    field("team", &accounts::Account::team), field("sessions", &accounts::Account::sessions),
    field("api_keys", &accounts::Account::api_keys), field("pending_email", &accounts::Account::pending_email),
    field("email_process", &accounts::Account::email_process));

// Answers.

template <>
inline constexpr auto wire<accounts::SignedIn> =
    named_type("account.signed_in", field("account_id", &accounts::SignedIn::account),
               field("email", &accounts::SignedIn::email), field("balance_kopecks", &accounts::SignedIn::balance),
               field("role", &accounts::SignedIn::role), field("owner_id", &accounts::SignedIn::owner));
template <>
inline constexpr auto wire<accounts::Profile> = named_type(
    "account.profile", field("account_id", &accounts::Profile::account), field("email", &accounts::Profile::email),
    field("created_at", &accounts::Profile::created_at), field("role", &accounts::Profile::role),
    field("first_name", &accounts::Profile::first_name), field("last_name", &accounts::Profile::last_name),
    field("onboarding_completed", &accounts::Profile::onboarding_completed),
    field("balance_kopecks", &accounts::Profile::balance),
    field("welcome_bonus_kopecks", &accounts::Profile::welcome_bonus));
template <>
inline constexpr auto wire<accounts::TeamMember> =
    named_type("account.team_member", field("account_id", &accounts::TeamMember::account),
               field("email", &accounts::TeamMember::email), field("created_at", &accounts::TeamMember::created_at),
               field("name", &accounts::TeamMember::name), field("is_active", &accounts::TeamMember::is_active));
template <>
inline constexpr auto wire<accounts::Changed> =
    named_type("account.changed", field("account_id", &accounts::Changed::account));
template <>
inline constexpr auto wire<accounts::NewApiKey> =
    named_type("account.api_key_created", field("key_id", &accounts::NewApiKey::id),
               field("name", &accounts::NewApiKey::name), field("scopes", &accounts::NewApiKey::scopes),
               field("hint", &accounts::NewApiKey::hint), field("key", &accounts::NewApiKey::key));
template <>
inline constexpr auto wire<accounts::EndedApiKey> =
    named_type("account.api_key_ended", field("key_id", &accounts::EndedApiKey::id));

namespace {

/// What the directory says of an account.
std::vector<DirectoryRecord> directory(const Stream& stream, const State& state) {
  const auto* s = std::get_if<accounts::Account>(&state.get<accounts::State>());
  if (s == nullptr) return {};
  std::vector<DirectoryRecord> out{{std::string(kAccountEmailPrefix) + s->email_index,
                                    write(AccountEntry{AccountId{stream.id}, s->password_verifier})}};
  if (!s->sessions.is_empty())
    out.push_back(
        {std::string(kSessionsPrefix) + std::to_string(stream.id), write(SessionsEntry{{stream.id}, s->sessions})});
  for (const auto& key : s->api_keys.keys)
    out.push_back(
        {std::string(kApiKeyPrefix) + key.digest, write(ApiKeyEntry{AccountId{stream.id}, key.id, key.scopes})});
  return out;
}
constexpr std::array kEntries{
    entry_type<AccountEntry, &AccountEntry::account>(kAccountEmailPrefix),
    entry_type<SessionsEntry, &SessionsEntry::account>(kSessionsPrefix),
    entry_type<ApiKeyEntry, &ApiKeyEntry::account>(kApiKeyPrefix),
};

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<accounts::Event, std::variant<old::LoggedInV1>>(out);
  add_states<accounts::State>(out);
  add_commands<accounts::Command>(out);
  add_answers<accounts::Answer>(out);
  out.entries = kEntries;
  out.directory = directory;
  return out;
}

}  // namespace

extern constinit const ContextSchema accounts_schema = made();

}  // namespace parley::schema
