#pragma once
// The directory (parley.directory, compacted): what an API must know to let somebody in, without PostgreSQL.
#include <optional>
#include <string>

#include "domain/model.h"
#include "schemas/fields.h"

namespace parley::schema {

/// Under "site_token/<token>".
struct SiteEntry {
  AssistantId assistant;
  AccountId owner;
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
  std::optional<bool> is_active;  ///< Nothing: it is. Entries did not have it once, and an active assistant's have not changed since.
};
/// Under "account_email/<HMAC of the e-mail>".
struct AccountEntry {
  AccountId account;
  Sealed password_verifier;
};
/// Under "sessions/<account>": which of its sessions are over although their tokens are still good. There only when some are.
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
inline constexpr std::array names<accounts::Scope>{
    std::pair{accounts::Scope::assistants_read, std::string_view("assistants:read")},
    std::pair{accounts::Scope::assistants_write, std::string_view("assistants:write")},
    std::pair{accounts::Scope::dialogs_read, std::string_view("dialogs:read")},
    std::pair{accounts::Scope::dialogs_write, std::string_view("dialogs:write")},
};
template <>
inline constexpr auto fields<accounts::Session> = std::tuple{
    field("id", &accounts::Session::id, {}, "As its token has it (jti)"),
    field("version", &accounts::Session::version, {}, "The account's, when the session began"),
    field("expires_at", &accounts::Session::expires_at),
};
template <>
inline constexpr auto fields<accounts::Sessions> = std::tuple{
    field("over_through", &accounts::Sessions::over_through, {}, "Sessions that began at this version of the account or before are over"),
    field("kept", &accounts::Sessions::kept, {}, "But this one, when there is one"),
    field("over_until", &accounts::Sessions::over_until, {}, "When the last token of those has expired"),
    field("ended", &accounts::Sessions::ended, {}, "Over beside those, oldest first"),
};
template <>
inline constexpr auto fields<SessionsEntry> = std::tuple{field("account_id", &SessionsEntry::account), field("sessions", &SessionsEntry::sessions)};
template <>
inline constexpr auto fields<ApiKeyEntry> = std::tuple{field("account_id", &ApiKeyEntry::account), field("key_id", &ApiKeyEntry::key),
                                                       field("scopes", &ApiKeyEntry::scopes, {}, "What the key is good for")};
template <>
inline constexpr auto fields<SiteEntry> = std::tuple{
    field("assistant_id", &SiteEntry::assistant),
    field("owner_id", &SiteEntry::owner),
    field("website_integration", &SiteEntry::website_integration),
    field("allowed_domains", &SiteEntry::allowed_domains),
    field("is_active", &SiteEntry::is_active, {}, "Absent: it is"),
};
template <>
inline constexpr auto fields<AccountEntry> = std::tuple{
    field("account_id", &AccountEntry::account),
    field("password_verifier", &AccountEntry::password_verifier, {}, "Encrypted under a server key"),
};

/// A stream that refuses commands, and why.
struct ParkedStream {
  std::string stream;
  Timestamp since;
  std::int64_t version = 0;  ///< Of the event with which it stopped.
  std::string reason;
  std::optional<std::string> command_id;  ///< Of the command that stopped it; nothing when an event of an unknown type did.
  std::optional<std::int64_t> command_offset;
};
/// Under "parked/<partition>": what stands still in a partition, as its decider knows it. For operators.
struct ParkedEntry {
  std::int64_t total = 0;
  std::vector<ParkedStream> streams;  ///< Some of them when they are many.
};
template <>
inline constexpr auto fields<ParkedStream> = std::tuple{
    field("stream", &ParkedStream::stream), field("since", &ParkedStream::since),           field("version", &ParkedStream::version),
    field("reason", &ParkedStream::reason), field("command_id", &ParkedStream::command_id), field("command_offset", &ParkedStream::command_offset),
};
template <>
inline constexpr auto fields<ParkedEntry> =
    std::tuple{field("total", &ParkedEntry::total), field("streams", &ParkedEntry::streams, {}, "Some of them when they are many")};

inline constexpr std::string_view kSiteTokenPrefix = "site_token/";
inline constexpr std::string_view kAccountEmailPrefix = "account_email/";
inline constexpr std::string_view kSessionsPrefix = "sessions/";
inline constexpr std::string_view kApiKeyPrefix = "api_key/";
inline constexpr std::string_view kParkedPrefix = "parked/";

struct DirectoryRecord {
  std::string key;
  std::optional<std::string> value;  ///< Nothing: the entry goes (a tombstone).
  friend bool operator==(const DirectoryRecord&, const DirectoryRecord&) = default;
};
/// What the directory says of a stream: a function of its state, so that it can be made again out of the log. Always with a value; keys of one stream
/// differ. A key may pass from one stream to another, but at no time do two have it.
std::vector<DirectoryRecord> directory_of(const Stream& stream, const State& state);
/// Whether streams of that kind are in the directory at all.
constexpr bool is_in_directory(Kind kind) { return kind == Kind::account || kind == Kind::assistant; }
/// What has to be written when the state changes from one to the other.
std::vector<DirectoryRecord> directory_changes(const Stream& stream, const State& before, const State& after);
/// The stream that an entry is about; nothing for other entries, and those that this build cannot read.
std::optional<Stream> stream_of_entry(std::string_view key, std::string_view value);
DirectoryRecord parked_record(int partition, const ParkedEntry& parked);
/// What keys begin with, without the slash, and the JSON Schema of the entries under it: what is committed in schemas/directory/.
std::vector<std::pair<std::string, std::string>> directory_schemas();

}  // namespace parley::schema
