#include "api/directory/directory.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/tail/tail.h"
#include "platform/log/log.h"
#include "schemas/contexts/assistants.h"

namespace parley::api {

struct Directory::Impl {
  /// What one partition says. A key may pass from a stream of one partition to a stream of another, whose records come
  /// in no order between them: so each partition's are kept apart, and a tombstone takes away what its own partition
  /// said.
  struct Part {
    std::unordered_map<std::string, schema::SiteEntry> sites;
    std::unordered_map<std::int64_t, std::string> tokens;      // of each assistant
    std::unordered_map<std::int64_t, std::size_t> assistants;  // how many, of each owner
    std::unordered_map<std::string, schema::AccountEntry> accounts;
    std::unordered_map<std::int64_t, std::string> emails;  // the index of each account's
    std::unordered_map<std::int64_t, accounts::Sessions> sessions;
    std::unordered_map<std::string, schema::ApiKeyEntry> api_keys;  // by digest
    std::unordered_map<std::int64_t, std::string> api_key_digests;  // of each key
  };
  using Closed = std::pair<AssistantId, Code>;

  explicit Impl(int partitions) : parts(static_cast<std::size_t>(partitions)) {}

  void apply(const kafka::Message& message) {
    const auto key = message.key();
    auto& part = parts.at(static_cast<std::size_t>(message.partition()));
    if (key.starts_with(schema::kSiteTokenPrefix)) {
      const auto entry = read<schema::SiteEntry>(message);
      if (!entry) return;
      const auto closed = apply(part, std::string(key.substr(schema::kSiteTokenPrefix.size())), *entry);
      const std::lock_guard lock(on_closed_mutex);
      if (closed && on_closed) on_closed(closed->first, closed->second);
    } else if (key.starts_with(schema::kAccountEmailPrefix)) {
      const auto entry = read<schema::AccountEntry>(message);
      if (entry) apply(part, std::string(key.substr(schema::kAccountEmailPrefix.size())), *entry);
    } else if (key.starts_with(schema::kSessionsPrefix)) {
      const auto account = schema::parse_integer(key.substr(schema::kSessionsPrefix.size()));
      const auto entry = read<schema::SessionsEntry>(message);
      if (account && entry) apply(part, AccountId{*account}, *entry);
    } else if (key.starts_with(schema::kApiKeyPrefix)) {
      const auto entry = read<schema::ApiKeyEntry>(message);
      if (entry) apply(part, std::string(key.substr(schema::kApiKeyPrefix.size())), *entry);
    }  // anything else is a newer build's
  }

  /// The entry, or nothing in it for a tombstone. Nothing at all for what cannot be read.
  template <class Entry>
  static std::optional<std::optional<Entry>> read(const kafka::Message& message) {
    if (message.is_tombstone()) return std::optional<Entry>{};
    auto entry = schema::read_text<Entry>(message.value());
    if (entry) return std::optional<Entry>(std::move(*entry));
    log::error("a directory entry cannot be read",
               {{"partition", message.partition()}, {"offset", message.offset()}, {"field", entry.error().field}});
    return std::nullopt;
  }

  void apply(Part& part, const std::string& email, const std::optional<schema::AccountEntry>& entry) {
    const std::unique_lock lock(mutex);
    if (const auto old = part.accounts.find(email); old != part.accounts.end()) {
      const auto account = old->second.account.value;
      if (const auto known = part.emails.find(account); known != part.emails.end() && known->second == email)
        part.emails.erase(known);
      part.accounts.erase(old);
    }
    if (entry) {
      part.emails[entry->account.value] = email;
      part.accounts.emplace(email, *entry);
    }
  }

  void apply(Part& part, AccountId account, const std::optional<schema::SessionsEntry>& entry) {
    const std::unique_lock lock(mutex);
    if (entry) {
      part.sessions.insert_or_assign(account.value, entry->sessions);
    } else {
      part.sessions.erase(account.value);
    }
  }

  void apply(Part& part, const std::string& digest, const std::optional<schema::ApiKeyEntry>& entry) {
    const std::unique_lock lock(mutex);
    if (const auto old = part.api_keys.find(digest); old != part.api_keys.end()) {
      part.api_key_digests.erase(old->second.key.value);
      part.api_keys.erase(old);
    }
    if (entry) {
      part.api_key_digests[entry->key.value] = digest;
      part.api_keys.emplace(digest, *entry);
    }
  }

  std::optional<Closed> apply(Part& part, const std::string& token, const std::optional<schema::SiteEntry>& entry) {
    const std::unique_lock lock(mutex);
    std::optional<Closed> closed;
    if (const auto old = part.sites.find(token); old != part.sites.end()) {
      const auto [assistant, owner] = std::pair(old->second.assistant, old->second.owner);
      const auto refusal = entry ? refusal_of_visitors(*entry) : kNotAuthenticated;
      if (refusal) closed = Closed{assistant, *refusal};
      if (const auto known = part.tokens.find(assistant.value); known != part.tokens.end() && known->second == token) {
        part.tokens.erase(known);
        if (--part.assistants.at(owner.value) == 0) part.assistants.erase(owner.value);
      }
      part.sites.erase(old);
    }
    if (entry) {
      if (part.tokens.insert_or_assign(entry->assistant.value, token).second) ++part.assistants[entry->owner.value];
      part.sites.emplace(token, *entry);
    }
    return closed;
  }

  template <class Entry>
  std::optional<Entry> find(std::unordered_map<std::string, Entry> Part::* entries, std::string_view key) const {
    const std::string name(key);
    const std::shared_lock lock(mutex);
    for (const auto& part : parts) {
      if (const auto it = (part.*entries).find(name); it != (part.*entries).end()) return it->second;
    }
    return std::nullopt;
  }

  /// Of a stream's id, which must be positive.
  template <class Value>
  std::optional<Value> find(std::unordered_map<std::int64_t, Value> Part::* values, std::int64_t id) const {
    const auto& part = parts.at(static_cast<std::size_t>(partition_of(slot_of(id), static_cast<int>(parts.size()))));
    const std::shared_lock lock(mutex);
    const auto it = (part.*values).find(id);
    return it == (part.*values).end() ? std::nullopt : std::optional(it->second);
  }

  mutable std::shared_mutex mutex;
  std::vector<Part> parts;
  std::mutex on_closed_mutex;
  std::function<void(AssistantId, Code)> on_closed;
  std::unique_ptr<Tail> tail;  // last: its thread ends before the rest goes
};

std::optional<Code> refusal_of_visitors(const schema::SiteEntry& site) {
  if (!site.is_active.value_or(true)) return kAssistantInactive;
  if (!site.website_integration) return kInsufficientPermissions;
  return std::nullopt;
}

Directory::Directory(Options options, kafka::TopicWatch& watch) : impl_(std::make_unique<Impl>(options.partitions)) {
  impl_->tail =
      std::make_unique<Tail>(Tail::Options{options.kafka, options.topic_prefix + ".directory", options.partitions,
                                           Tail::From::begin, "directory"},
                             watch, [impl = impl_.get()](const kafka::Message& message) { impl->apply(message); });
}
Directory::~Directory() = default;

std::optional<schema::SiteEntry> Directory::site(std::string_view site_token) const {
  return impl_->find(&Impl::Part::sites, site_token);
}
std::optional<std::string> Directory::site_token_of(AssistantId assistant) const {
  return assistant.value > 0 ? impl_->find(&Impl::Part::tokens, assistant.value) : std::nullopt;
}
std::optional<schema::SiteEntry> Directory::site_of(AssistantId assistant) const {
  const auto token = site_token_of(assistant);
  return token ? site(*token) : std::nullopt;
}
std::size_t Directory::assistants_of(AccountId owner, std::span<const std::string> coming) const {
  const auto& parts = impl_->parts;
  const std::shared_lock lock(impl_->mutex);
  std::size_t count = 0;
  for (const auto& part : parts) {
    const auto of_owner = part.assistants.find(owner.value);
    if (of_owner != part.assistants.end()) count += of_owner->second;
  }
  for (const auto& token : coming) {
    if (std::ranges::none_of(parts, [&](const Impl::Part& part) { return part.sites.contains(token); })) ++count;
  }
  return count;
}
std::optional<schema::AccountEntry> Directory::account(std::string_view email_index) const {
  return impl_->find(&Impl::Part::accounts, email_index);
}
std::optional<schema::AccountEntry> Directory::account_of(AccountId account) const {
  const auto email = account.value > 0 ? impl_->find(&Impl::Part::emails, account.value) : std::nullopt;
  return email ? this->account(*email) : std::nullopt;
}
std::optional<accounts::Realm> Directory::realm_of(AccountId account) const {
  const auto email = account.value > 0 ? impl_->find(&Impl::Part::emails, account.value) : std::nullopt;
  return email ? std::optional(accounts::Realm::of(*email)) : std::nullopt;
}
accounts::Sessions Directory::sessions(AccountId account) const {
  return account.value > 0 ? impl_->find(&Impl::Part::sessions, account.value).value_or(accounts::Sessions{})
                           : accounts::Sessions{};
}
std::optional<schema::ApiKeyEntry> Directory::api_key(std::string_view digest) const {
  return impl_->find(&Impl::Part::api_keys, digest);
}
bool Directory::has_api_key(ApiKeyId key) const {
  return impl_->find(&Impl::Part::api_key_digests, key.value).has_value();
}
void Directory::on_site_closed(std::function<void(AssistantId, Code)> on_closed) {
  const std::lock_guard lock(impl_->on_closed_mutex);
  impl_->on_closed = std::move(on_closed);
}
std::chrono::steady_clock::time_point Directory::complete_as_of() const { return impl_->tail->complete_as_of(); }
health::Verdict Directory::verdict() const { return impl_->tail->verdict(); }

}  // namespace parley::api
