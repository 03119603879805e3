#include "projections/project.h"

#include "schemas/events.h"

namespace parley::projections {

namespace {

template <class Change>
void create(Change& row, const Position& position) {
  row.contradicts_itself |= row.created;
  row.created = true;
  row.created_at = position.at;
}

template <class T>
void say(const std::optional<T>& part, std::optional<T>& last) {
  if (part) last = part;
}
template <class T>
void say(const Patch<T>& part, Patch<T>& last) {
  if (part.given) last = part;
}

}  // namespace

void project(const accounts::Registered& event, const Position& position, Batch& batch) {
  auto& row = batch.account(position);
  create(row, position);
  row.email = event.email;
  row.first_name = Patch<Personal>(event.first_name);
  row.last_name = Patch<Personal>(event.last_name);
}
void project(const accounts::WelcomeBonusGranted& event, const Position& position, Batch& batch) {
  auto& row = batch.account(position);
  row.balance_added.amount += event.amount.amount;
  row.welcome_bonus_added.amount += event.amount.amount;
}
void project(const accounts::LoggedIn&, const Position& position, Batch& batch) { batch.account(position).last_login_at = position.at; }
// Sessions and passwords are the deciders' and the directory's: of these the row has its version alone.
void project(const accounts::LoggedOut&, const Position& position, Batch& batch) { batch.account(position); }
void project(const accounts::PasswordChanged&, const Position& position, Batch& batch) { batch.account(position); }
void project(const accounts::ProfileChanged& event, const Position& position, Batch& batch) {
  auto& row = batch.account(position);
  if (event.first_name.given) row.first_name = event.first_name;
  if (event.last_name.given) row.last_name = event.last_name;
  if (event.onboarding_completed) row.onboarding_completed = event.onboarding_completed;
}
// The account has its own e-mail until the change has come to its end.
void project(const accounts::EmailChangeRequested&, const Position& position, Batch& batch) { batch.account(position); }
void project(const accounts::EmailChanged& event, const Position& position, Batch& batch) { batch.account(position).email = event.email; }
void project(const accounts::EmailChangeRefused&, const Position& position, Batch& batch) { batch.account(position); }
void project(const accounts::EmailReservationDeclined&, const Position& position, Batch& batch) { batch.account(position); }
void project(const accounts::JoinedTeam& event, const Position& position, Batch& batch) {
  auto& row = batch.account(position);
  row.role = accounts::Role::operator_;
  row.team_owner = Patch<AccountId>(event.owner);
  row.team_name = event.name;
  row.is_active = true;
}
void project(const accounts::TeamMemberChanged& event, const Position& position, Batch& batch) {
  auto& row = batch.account(position);
  if (event.name) row.team_name = event.name;
  if (event.is_active) row.is_active = event.is_active;
}
void project(const accounts::LeftTeam&, const Position& position, Batch& batch) {
  batch.account(position).team_owner = Patch<AccountId>(std::nullopt);
}
void project(const accounts::AdminAppointed&, const Position& position, Batch& batch) { batch.account(position).role = accounts::Role::admin; }
void project(const accounts::ApiKeyCreated& event, const Position& position, Batch& batch) {
  batch.account(position);
  auto& key = batch.api_key(event.key);
  key.created = event;
  key.account = {position.stream.id};
  key.created_at = position.at;
}
void project(const accounts::ApiKeyRevoked& event, const Position& position, Batch& batch) {
  batch.account(position);
  batch.api_key(event.key).revoked = true;
}
void project(const accounts::ApiKeyUsed& event, const Position& position, Batch& batch) {
  batch.account(position);
  batch.api_key(event.key).last_used_at = position.at;
}

void project(const assistants::Created& event, const Position& position, Batch& batch) {
  auto& row = batch.assistant(position);
  create(row, position);
  row.owner = event.owner;
  row.set = {.name = event.name,
             .description = event.description,
             .system_prompt = event.system_prompt,
             .ai_model = event.ai_model,
             .is_active = true,
             .telegram_bot_token = event.telegram_bot_token,
             .website_integration = event.website_integration,
             .allowed_domains = event.allowed_domains};
  row.site_token = event.site_token;
}
void project(const assistants::Updated& event, const Position& position, Batch& batch) {
  auto& row = batch.assistant(position);
  std::apply([&](const auto&... f) { (say(event.*f.member, row.set.*f.member), ...); }, schema::fields<assistants::Updated>);
}
void project(const assistants::SiteTokenRotated& event, const Position& position, Batch& batch) {
  batch.assistant(position).site_token = event.site_token;
}
void project(const assistants::Deleted&, const Position& position, Batch& batch) {
  auto& row = batch.assistant(position);
  row.deleted_at = position.at;
  row.set.telegram_bot_token = {std::nullopt};  // nobody needs it any more
}

// The assistant is as it was until the change has come to its end. Who has a bot, claims know.
void project(const assistants::UpdateRequested&, const Position& position, Batch& batch) { batch.assistant(position); }
void project(const assistants::UpdateRefused&, const Position& position, Batch& batch) { batch.assistant(position); }
void project(const assistants::BotClaimed&, const Position& position, Batch& batch) { batch.assistant(position); }
void project(const assistants::BotReleased&, const Position& position, Batch& batch) { batch.assistant(position); }

void project(const dialogs::Opened& event, const Position& position, Batch& batch) {
  auto& row = batch.dialog(position);
  create(row, position);
  row.owner = event.owner;
  row.assistant = event.assistant;
  row.platform = schema::name_of(event.platform);
  row.status = kOpenedStatus;
  row.first_name = event.first_name;
}
void project(const dialogs::MessageCreated& event, const Position& position, Batch& batch) {
  auto& row = batch.dialog(position);
  ++row.messages_added;
  row.last_message = event.text;
  row.last_message_time = position.at;
  batch.message({.dialog = {position.stream.id},
                 .version = position.version,
                 .id = event.message,
                 .sender = std::string(schema::name_of(event.sender)),
                 .text = event.text,
                 .operator_name = event.operator_name,
                 .created_at = position.at});
}
void project(const dialogs::Archived&, const Position& position, Batch& batch) {
  batch.dialog(position).status = schema::name_of(dialogs::Status::archived);
}
void project(const dialogs::Unarchived&, const Position& position, Batch& batch) {
  batch.dialog(position).status = schema::name_of(dialogs::Status::active);
}

}  // namespace parley::projections
