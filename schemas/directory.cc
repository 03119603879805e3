#include "schemas/directory.h"

namespace parley::schema {
namespace {

std::optional<DirectoryRecord> record(const Stream& stream, const accounts::Registered& e) {
  return DirectoryRecord{std::string(kAccountEmailPrefix) + e.email_index, write(AccountEntry{AccountId{stream.id}, e.password_verifier})};
}
std::optional<DirectoryRecord> record(const Stream& stream, const assistants::Created& e) {
  return DirectoryRecord{std::string(kSiteTokenPrefix) + e.site_token,
                         write(SiteEntry{AssistantId{stream.id}, e.owner, e.website_integration, e.allowed_domains})};
}
std::optional<DirectoryRecord> record(const Stream&, const auto&) { return std::nullopt; }

}  // namespace

std::optional<DirectoryRecord> directory_record(const Stream& stream, const Event& event) {
  return std::visit([&](const auto& context) { return std::visit([&](const auto& e) { return record(stream, e); }, context); }, event);
}

DirectoryRecord parked_record(int partition, const ParkedEntry& parked) {
  return {std::string(kParkedPrefix) + std::to_string(partition), write(parked)};
}

}  // namespace parley::schema
