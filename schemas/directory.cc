#include "schemas/directory.h"

#include <algorithm>

namespace parley::schema {
namespace {

using Records = std::vector<DirectoryRecord>;

Records records(const Stream& stream, const accounts::Account& s) {
  Records out{{std::string(kAccountEmailPrefix) + s.email_index, write(AccountEntry{AccountId{stream.id}, s.password_verifier})}};
  if (!s.sessions.is_empty())
    out.push_back({std::string(kSessionsPrefix) + std::to_string(stream.id), write(SessionsEntry{{stream.id}, s.sessions})});
  for (const auto& key : s.api_keys.keys)
    out.push_back({std::string(kApiKeyPrefix) + key.digest, write(ApiKeyEntry{AccountId{stream.id}, key.id, key.scopes})});
  return out;
}
Records records(const Stream& stream, const assistants::Assistant& s) {
  SiteEntry entry{AssistantId{stream.id}, s.owner, s.website_integration, s.allowed_domains, {}};
  if (!s.is_active) entry.is_active = false;
  return {{std::string(kSiteTokenPrefix) + s.site_token, write(entry)}};
}
Records records(const Stream&, const auto&) { return {}; }

template <class Entry, class IdOf>
std::optional<Stream> named_by(Kind kind, std::string_view value, IdOf id_of) {
  const auto entry = read_text<Entry>(value);
  if (!entry) return std::nullopt;
  return Stream{kind, id_of(*entry).value};
}

template <class Entry>
std::pair<std::string, std::string> schema_under(std::string_view prefix) {
  prefix.remove_suffix(1);
  return {std::string(prefix), json::pretty(json_schema<Entry>())};
}

}  // namespace

Records directory_of(const Stream& stream, const State& state) {
  return std::visit([&](const auto& context) { return std::visit([&](const auto& s) { return records(stream, s); }, context); }, state);
}

Records directory_changes(const Stream& stream, const State& before, const State& after) {
  if (!is_in_directory(stream.kind)) return {};
  const auto old = directory_of(stream, before);
  auto now = directory_of(stream, after);
  Records changes;
  for (const auto& record : old) {
    if (std::ranges::find(now, record.key, &DirectoryRecord::key) == now.end()) changes.push_back({record.key, std::nullopt});
  }
  for (auto& record : now) {
    if (std::ranges::find(old, record) == old.end()) changes.push_back(std::move(record));
  }
  return changes;
}

std::optional<Stream> stream_of_entry(std::string_view key, std::string_view value) {
  if (key.starts_with(kAccountEmailPrefix)) return named_by<AccountEntry>(Kind::account, value, [](const AccountEntry& e) { return e.account; });
  if (key.starts_with(kSessionsPrefix)) return named_by<SessionsEntry>(Kind::account, value, [](const SessionsEntry& e) { return e.account; });
  if (key.starts_with(kApiKeyPrefix)) return named_by<ApiKeyEntry>(Kind::account, value, [](const ApiKeyEntry& e) { return e.account; });
  if (key.starts_with(kSiteTokenPrefix)) return named_by<SiteEntry>(Kind::assistant, value, [](const SiteEntry& e) { return e.assistant; });
  return std::nullopt;
}

DirectoryRecord parked_record(int partition, const ParkedEntry& parked) {
  return {std::string(kParkedPrefix) + std::to_string(partition), write(parked)};
}

std::vector<std::pair<std::string, std::string>> directory_schemas() {
  return {schema_under<AccountEntry>(kAccountEmailPrefix), schema_under<SessionsEntry>(kSessionsPrefix), schema_under<ApiKeyEntry>(kApiKeyPrefix),
          schema_under<SiteEntry>(kSiteTokenPrefix), schema_under<ParkedEntry>(kParkedPrefix)};
}

}  // namespace parley::schema
