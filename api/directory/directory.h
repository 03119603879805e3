#pragma once
// Who may come in, without PostgreSQL: parley.directory, loaded before readiness and followed live.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "domain/accounts/realm.h"
#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "platform/kafka/topic_watch.h"
#include "schemas/contexts/api_keys.h"
#include "schemas/contexts/assistants.h"
#include "schemas/contexts/identity.h"
#include "schemas/directory.h"

namespace parley::api {

/// The assistant is switched off: its site's visitors are not let in.
inline constexpr Code kAssistantInactive{"ASSISTANT_INACTIVE"};

/// What the visitors of an assistant's site are refused with, whoever they are; nothing: they are let in.
std::optional<Code> refusal_of_visitors(const schema::SiteEntry& site);

/// Owns the thread "directory" and a map of all entries in memory (about 400 bytes an account, an assistant or an API
/// key). Thread-safe.
class Directory {
 public:
  struct Options {
    kafka::Config kafka;
    std::string topic_prefix = "parley";
    int partitions = kafka::kPartitionsDefault;
  };
  /// `watch` watches the topic and must outlive this.
  Directory(Options options, kafka::TopicWatch& watch);
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::optional<schema::SiteEntry> site(std::string_view site_token) const;
  /// By assistant: what a guest's stream names instead of a site token.
  std::optional<schema::SiteEntry> site_of(AssistantId assistant) const;
  std::optional<std::string> site_token_of(AssistantId assistant) const;
  /// How many assistants an owner has, and how many of these site tokens, which are to be its assistants', are not
  /// known yet.
  std::size_t assistants_of(AccountId owner, std::span<const std::string> coming) const;
  std::optional<schema::AccountEntry> account(std::string_view email_index) const;
  std::optional<schema::AccountEntry> account_of(AccountId account) const;
  /// The realm that the account belongs to.
  std::optional<accounts::Realm> realm_of(AccountId account) const;
  /// Which of the account's sessions are over although their tokens are still good.
  accounts::Sessions sessions(AccountId account) const;
  /// By the key's digest (api/auth/api_keys.h). Nothing: there is no such key (any more).
  std::optional<schema::ApiKeyEntry> api_key(std::string_view digest) const;
  /// Whether the key is good still, by its id.
  bool has_api_key(ApiKeyId key) const;

  /// Called, on the directory's thread, with an assistant whose site has closed to the visitors that it had, and with
  /// what they are refused from now on: its token died, or it was switched off. An empty function ends that: it is not
  /// called any more when this returns.
  void on_site_closed(std::function<void(AssistantId, Code)> on_closed);

  /// Who is not found was not there at this moment; who came later may not be known yet.
  std::chrono::steady_clock::time_point complete_as_of() const;

  /// Not ready until everything that stood at the start is loaded, and while new entries cannot be seen.
  health::Verdict verdict() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::api
