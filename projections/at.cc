#include "projections/at.h"

namespace parley::projections {
namespace {

template <class Change>
const Change* row_of(const Changes<Change>& changes, std::int64_t id) {
  const auto found = changes.find(id);
  return found == changes.end() || !found->second.created ? nullptr : &found->second;
}

}  // namespace

std::expected<void, std::string> StreamFold::add(const schema::Envelope& envelope, std::string_view value) {
  if (envelope.subject != to_string(stream_)) return std::unexpected(envelope.id + " is of " + envelope.subject);
  if (envelope.sequence != version_ + 1) {
    return std::unexpected("version " + std::to_string(envelope.sequence) + " does not follow version " + std::to_string(version_));
  }
  // The index and the positions in it are of no interest here.
  if (auto added = batch_.add(envelope, value, 0, 0); !added) return added;
  version_ = envelope.sequence;
  time_ = envelope.time;
  return {};
}

std::optional<AccountRow> StreamFold::account() const {
  const auto* c = row_of(batch_.accounts(), stream_.id);
  if (c == nullptr) return std::nullopt;
  return AccountRow{.id = {stream_.id},
                    .version = c->to,
                    .email = c->email.value_or(Personal{}),
                    .role = c->role.value_or(kRegisteredRole),
                    .first_name = c->first_name.value,
                    .last_name = c->last_name.value,
                    .plan = kRegisteredPlan,
                    .onboarding_completed = c->onboarding_completed.value_or(false),
                    .balance = c->balance_added,
                    .welcome_bonus = c->welcome_bonus_added,
                    .last_login_at = c->last_login_at,
                    .created_at = c->created_at};
}

std::optional<AssistantRow> StreamFold::assistant() const {
  const auto* c = row_of(batch_.assistants(), stream_.id);
  if (c == nullptr) return std::nullopt;
  return AssistantRow{.id = {stream_.id},
                      .version = c->to,
                      .owner = c->owner,
                      .name = c->set.name.value_or(""),
                      .description = c->set.description.value,
                      .system_prompt = c->set.system_prompt.value,
                      .ai_model = c->set.ai_model.value_or(""),
                      .is_active = c->set.is_active.value_or(true),
                      .site_token = c->site_token.value_or(""),
                      .telegram_bot_token = c->set.telegram_bot_token.value,
                      .website_integration = c->set.website_integration.value_or(true),
                      .allowed_domains = c->set.allowed_domains.value_or(std::vector<std::string>{}),
                      .deleted_at = c->deleted_at,
                      .created_at = c->created_at};
}

std::optional<DialogRow> StreamFold::dialog() const {
  const auto* c = row_of(batch_.dialogs(), stream_.id);
  if (c == nullptr) return std::nullopt;
  return DialogRow{.id = {stream_.id},
                   .version = c->to,
                   .owner = c->owner,
                   .assistant = c->assistant,
                   .assistant_name = std::nullopt,
                   .platform = c->platform,
                   .status = c->status.value_or(std::string(kOpenedStatus)),
                   .handoff_status = std::string(kOpenedHandoffStatus),
                   .first_name = c->first_name,
                   .last_name = std::nullopt,
                   .telegram_chat_id = std::nullopt,
                   .telegram_username = std::nullopt,
                   .message_count = c->messages_added,
                   .last_message = c->last_message,
                   .last_message_time = c->last_message_time,
                   .created_at = c->created_at};
}

std::vector<MessageRow> StreamFold::messages() const {
  std::vector<MessageRow> out;
  if (stream_.kind != Kind::dialog) return out;
  out.reserve(batch_.messages().size());
  for (const auto& m : batch_.messages()) out.push_back({m.id, m.version, m.sender, m.text, m.operator_name, m.created_at});
  return out;
}

}  // namespace parley::projections
