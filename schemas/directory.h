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
};
/// Under "account_email/<HMAC of the e-mail>".
struct AccountEntry {
  AccountId account;
  Sealed password_verifier;
};
template <>
inline constexpr auto fields<SiteEntry> = std::tuple{
    field("assistant_id", &SiteEntry::assistant),
    field("owner_id", &SiteEntry::owner),
    field("website_integration", &SiteEntry::website_integration),
    field("allowed_domains", &SiteEntry::allowed_domains),
};
template <>
inline constexpr auto fields<AccountEntry> = std::tuple{
    field("account_id", &AccountEntry::account),
    field("password_verifier", &AccountEntry::password_verifier),
};

inline constexpr std::string_view kSiteTokenPrefix = "site_token/";
inline constexpr std::string_view kAccountEmailPrefix = "account_email/";

struct DirectoryRecord {
  std::string key;
  std::string value;
};
/// What an event changes in the directory; most change nothing.
std::optional<DirectoryRecord> directory_record(const Stream& stream, const Event& event);

}  // namespace parley::schema
