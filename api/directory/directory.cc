#include "api/directory/directory.h"

#include <concepts>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "api/tail/tail.h"
#include "platform/log/log.h"

namespace parley::api {

struct Directory::Impl {
  void apply(const kafka::Message& message) {
    const auto key = message.key();
    if (key.starts_with(schema::kSiteTokenPrefix)) {
      apply_to(sites, key.substr(schema::kSiteTokenPrefix.size()), message);
    } else if (key.starts_with(schema::kAccountEmailPrefix)) {
      apply_to(accounts, key.substr(schema::kAccountEmailPrefix.size()), message);
    }  // anything else is a newer build's
  }

  template <class Entry>
  void apply_to(std::unordered_map<std::string, Entry>& entries, std::string_view key, const kafka::Message& message) {
    std::optional<Entry> entry;
    if (!message.is_tombstone()) {
      auto read = schema::read_text<Entry>(message.value());
      if (!read) {
        log::error("a directory entry cannot be read",
                   {{"partition", message.partition()}, {"offset", message.offset()}, {"field", read.error().field}});
        return;
      }
      entry = std::move(*read);
    }
    const std::unique_lock lock(mutex);
    const std::string name(key);
    if constexpr (std::same_as<Entry, schema::SiteEntry>) {
      if (const auto old = entries.find(name); old != entries.end()) tokens.erase(old->second.assistant.value);
      if (entry) tokens[entry->assistant.value] = name;
    }
    if (entry) {
      entries.insert_or_assign(name, std::move(*entry));
    } else {
      entries.erase(name);
    }
  }

  template <class Entry>
  std::optional<Entry> find(const std::unordered_map<std::string, Entry>& entries, std::string_view key) const {
    const std::shared_lock lock(mutex);
    const auto it = entries.find(std::string(key));
    if (it == entries.end()) return std::nullopt;
    return it->second;
  }

  mutable std::shared_mutex mutex;
  std::unordered_map<std::string, schema::SiteEntry> sites;
  std::unordered_map<std::int64_t, std::string> tokens;  // of each assistant
  std::unordered_map<std::string, schema::AccountEntry> accounts;
  std::unique_ptr<Tail> tail;  // last: its thread ends before the maps go
};

Directory::Directory(Options options, kafka::TopicWatch& watch) : impl_(std::make_unique<Impl>()) {
  impl_->tail =
      std::make_unique<Tail>(Tail::Options{options.kafka, options.topic_prefix + ".directory", options.partitions, Tail::From::begin, "directory"},
                             watch, [impl = impl_.get()](const kafka::Message& message) { impl->apply(message); });
}
Directory::~Directory() = default;

std::optional<schema::SiteEntry> Directory::site(std::string_view site_token) const { return impl_->find(impl_->sites, site_token); }
std::optional<schema::SiteEntry> Directory::site_of(AssistantId assistant) const {
  std::string token;
  {
    const std::shared_lock lock(impl_->mutex);
    const auto it = impl_->tokens.find(assistant.value);
    if (it == impl_->tokens.end()) return std::nullopt;
    token = it->second;
  }
  return site(token);
}
std::optional<schema::AccountEntry> Directory::account(std::string_view email_index) const { return impl_->find(impl_->accounts, email_index); }
std::chrono::steady_clock::time_point Directory::complete_as_of() const { return impl_->tail->complete_as_of(); }
health::Verdict Directory::verdict() const { return impl_->tail->verdict(); }

}  // namespace parley::api
