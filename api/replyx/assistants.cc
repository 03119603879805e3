// /api/assistants.
#include "api/directory/directory.h"
#include "api/replyx/gates.h"
#include "api/replyx/replyx.h"
#include "api/replyx/texts.h"
#include "api/replyx/values.h"
#include "platform/crypto/crypto.h"
#include "platform/crypto/keyring.h"
#include "projections/queries.h"

namespace parley::replyx {

inline constexpr std::string_view kDefaultModel = "gpt-4o-mini";

struct CreateAssistantRequest {
  Text name;
  std::optional<std::string> description;
  std::optional<std::string> system_prompt;
  std::optional<std::string> ai_model;
  std::optional<std::string> telegram_bot_token;
  std::optional<bool> website_integration;
  std::optional<std::vector<Domain>> allowed_domains;
};
struct Assistant {
  AssistantId id;
  std::string name;
  schema::Nullable<std::string> description;
  schema::Nullable<std::string> system_prompt;
  std::string ai_model;
  bool is_active = true;
  schema::Nullable<std::string> telegram_bot_token;
  schema::Nullable<std::string> telegram_bot_username;  // known once the bot is connected
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
  std::string site_token;
  Timestamp created_at;
};

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr auto fields<replyx::CreateAssistantRequest> = std::tuple{
    field("name", &replyx::CreateAssistantRequest::name, {.length_min = 1, .length_max = replyx::kAssistantNameMax}),
    field("description", &replyx::CreateAssistantRequest::description, {.length_max = replyx::kDescriptionMax}),
    field("system_prompt", &replyx::CreateAssistantRequest::system_prompt, {.length_max = replyx::kSystemPromptMax}),
    field("ai_model", &replyx::CreateAssistantRequest::ai_model, {.length_min = 1, .length_max = replyx::kModelNameMax}, "gpt-4o-mini where absent"),
    field("telegram_bot_token", &replyx::CreateAssistantRequest::telegram_bot_token, {.length_min = 1, .length_max = replyx::kTelegramTokenMax}),
    field("website_integration", &replyx::CreateAssistantRequest::website_integration, {},
          "true where absent; false: visitors of sites are refused (403)"),
    field("allowed_domains", &replyx::CreateAssistantRequest::allowed_domains,
          {.length_max = replyx::kDomainsMax, .element_length_max = replyx::kDomainMax},
          "Hosts whose pages may ask; none: all. *.example.com stands for every host below example.com"),
};
template <>
inline constexpr auto fields<replyx::Assistant> = std::tuple{
    field("id", &replyx::Assistant::id),
    field("name", &replyx::Assistant::name),
    field("description", &replyx::Assistant::description),
    field("system_prompt", &replyx::Assistant::system_prompt),
    field("ai_model", &replyx::Assistant::ai_model),
    field("is_active", &replyx::Assistant::is_active),
    field("telegram_bot_token", &replyx::Assistant::telegram_bot_token),
    field("telegram_bot_username", &replyx::Assistant::telegram_bot_username),
    field("website_integration", &replyx::Assistant::website_integration),
    field("allowed_domains", &replyx::Assistant::allowed_domains),
    field("site_token", &replyx::Assistant::site_token, {}, "Public: a site's pages carry it as X-Site-Token"),
    field("created_at", &replyx::Assistant::created_at),
};
template <>
inline constexpr std::string_view example<replyx::CreateAssistantRequest> =
    R"({"name":"Мой ассистент","description":"Описание ассистента","system_prompt":"Системный промпт для AI","ai_model":"gpt-3.5-turbo",
    "telegram_bot_token":"1234567890:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345678","website_integration":true,"allowed_domains":["example.com","test.com"]})";
template <>
inline constexpr std::string_view example<replyx::Assistant> =
    R"({"id":1,"name":"Техподдержка","description":"Помощник по техническим вопросам","system_prompt":"Ты техподдержка компании...",
    "ai_model":"gpt-3.5-turbo","is_active":true,"telegram_bot_token":"1234567890:ABC...","telegram_bot_username":"my_support_bot",
    "website_integration":true,"allowed_domains":["example.com"],"site_token":"st_D8DVR3txYIcqWIbYmNHXBkdFXIr2T7mX",
    "created_at":"2025-08-01T10:00:00Z"})";

}  // namespace parley::schema

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Decided;
using endpoint::Deps;
using endpoint::Nothing;
using endpoint::Result;
using endpoint::Sending;

Result<Sending> create_assistant(const Call<Nothing, CreateAssistantRequest>& call, const Deps& deps) {
  const auto& in = call.body;
  assistants::Create command{.name = in.name.text,
                             .description = in.description,
                             .system_prompt = in.system_prompt,
                             .ai_model = in.ai_model.value_or(std::string(kDefaultModel)),
                             .site_token = "st_" + crypto::base64url(crypto::random_bytes(24)),
                             .telegram_bot_token = {},
                             .website_integration = in.website_integration.value_or(true),
                             .allowed_domains = {}};
  if (in.telegram_bot_token) command.telegram_bot_token = deps.keys.seal(*in.telegram_bot_token, kTelegramTokenContext);
  if (in.allowed_domains) {
    for (const auto& domain : *in.allowed_domains) command.allowed_domains.push_back(domain.text);
  }
  return Sending{schema::NewStream{}, std::move(command)};
}

/// For its owner alone: nobody else gets an assistant's answer.
schema::Nullable<std::string> opened(const std::optional<Sealed>& token, const Deps& deps) {
  return token ? deps.keys.open(*token, kTelegramTokenContext) : std::nullopt;
}

Assistant created_assistant(const assistants::AssistantCreated& answer, const Decided& decided) {
  const auto& c = answer.created;
  return {.id = answer.assistant,
          .name = c.name,
          .description = c.description,
          .system_prompt = c.system_prompt,
          .ai_model = c.ai_model,
          .telegram_bot_token = opened(c.telegram_bot_token, decided.deps),
          .website_integration = c.website_integration,
          .allowed_domains = c.allowed_domains,
          .site_token = c.site_token,
          .created_at = decided.outcome.time};
}
bool site_token_is_known(const assistants::AssistantCreated& answer, const Deps& deps) {
  return deps.directory.site(answer.created.site_token).has_value();
}

Result<std::vector<Assistant>> assistants(const Call<Nothing>& call, postgres::Lease& db, const Deps& deps) {
  auto rows = projections::assistants_of(db, std::get<Owner>(call.caller.principal).account);
  if (!rows) return endpoint::fail(rows.error());
  std::vector<Assistant> out;
  out.reserve(rows->size());
  for (auto& row : *rows) {
    out.push_back({.id = row.id,
                   .name = std::move(row.name),
                   .description = std::move(row.description),
                   .system_prompt = std::move(row.system_prompt),
                   .ai_model = std::move(row.ai_model),
                   .is_active = row.is_active,
                   .telegram_bot_token = opened(row.telegram_bot_token, deps),
                   .website_integration = row.website_integration,
                   .allowed_domains = std::move(row.allowed_domains),
                   .site_token = std::move(row.site_token),
                   .created_at = row.created_at});
  }
  return out;
}

}  // namespace

void add_assistants(endpoint::Registry& registry) {
  registry.command(
      {.method = "POST", .path = "/api/assistants", .gate = &kOwner, .status = 201, .operation = "createAssistant", .summary = "Create an assistant"},
      create_assistant, created_assistant, site_token_is_known);
  registry.query({.method = "GET",
                  .path = "/api/assistants",
                  .gate = &kOwner,
                  .operation = "listAssistants",
                  .summary = "The caller's assistants, oldest first, at most 10,000"},
                 assistants);
}

}  // namespace parley::replyx
