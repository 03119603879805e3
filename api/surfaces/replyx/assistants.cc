// /api/assistants.
#include "projections/contexts/assistants.h"
#include "api/auth/tokens.h"
#include "api/commands/creations.h"
#include "api/directory/directory.h"
#include "api/endpoint/group.h"
#include "api/surfaces/replyx/access_policies.h"
#include "api/surfaces/replyx/errors.h"
#include "api/surfaces/replyx/pages.h"
#include "api/surfaces/replyx/replyx.h"
#include "api/surfaces/replyx/texts.h"
#include "api/surfaces/replyx/values.h"
#include "platform/crypto/crypto.h"
#include "platform/crypto/keyring.h"

namespace parley::replyx {

inline constexpr std::string_view kDefaultModel = "gpt-4o-mini";

struct CreateAssistantRequest {
  Text name;
  std::optional<Words> description;
  std::optional<Words> system_prompt;
  std::optional<Words> ai_model;
  std::optional<TelegramToken> telegram_bot_token;
  std::optional<bool> website_integration;
  std::optional<std::vector<Domain>> allowed_domains;
};
struct UpdateAssistantRequest {
  schema::Given<Text> name;
  Patch<Words> description;
  Patch<Words> system_prompt;
  schema::Given<Words> ai_model;
  schema::Given<bool> is_active;
  Patch<ShownTelegramToken> telegram_bot_token;
  schema::Given<bool> website_integration;
  schema::Given<std::vector<Domain>> allowed_domains;
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
struct AssistantPath {
  AssistantId assistant_id;
};
struct AssistantsQuery {
  std::optional<std::int64_t> limit;
  std::optional<std::string> cursor;
};

}  // namespace parley::replyx

namespace parley::schema {

inline constexpr std::string_view kDomainsDescription =
    "Hosts whose pages may call the API as a visitor; an empty list allows all. *.example.com stands for every host "
    "below example.com";
inline constexpr std::string_view kWebsiteDescription = "false: the API refuses visitors of websites (403)";

template <>
inline constexpr auto fields<replyx::CreateAssistantRequest> = std::tuple{
    field("name", &replyx::CreateAssistantRequest::name, {.length_min = 1, .length_max = replyx::kAssistantNameMax}),
    field("description", &replyx::CreateAssistantRequest::description, {.length_max = replyx::kDescriptionMax}),
    field("system_prompt", &replyx::CreateAssistantRequest::system_prompt, {.length_max = replyx::kSystemPromptMax}),
    field("ai_model", &replyx::CreateAssistantRequest::ai_model, {.length_min = 1, .length_max = replyx::kModelNameMax},
          "Default: gpt-4o-mini"),
    field("telegram_bot_token", &replyx::CreateAssistantRequest::telegram_bot_token,
          {.length_max = replyx::kTelegramTokenMax},
          "The token that BotFather gives. The API stores it encrypted and shows it masked"),
    field("website_integration", &replyx::CreateAssistantRequest::website_integration, {},
          "Default: true. false: the API refuses visitors of websites (403)"),
    field("allowed_domains", &replyx::CreateAssistantRequest::allowed_domains,
          {.length_max = replyx::kDomainsMax, .element_length_max = replyx::kDomainMax}, kDomainsDescription),
};
template <>
inline constexpr auto fields<replyx::UpdateAssistantRequest> = std::tuple{
    field("name", &replyx::UpdateAssistantRequest::name, {.length_min = 1, .length_max = replyx::kAssistantNameMax}),
    field("description", &replyx::UpdateAssistantRequest::description, {.length_max = replyx::kDescriptionMax}),
    field("system_prompt", &replyx::UpdateAssistantRequest::system_prompt, {.length_max = replyx::kSystemPromptMax}),
    field("ai_model", &replyx::UpdateAssistantRequest::ai_model,
          {.length_min = 1, .length_max = replyx::kModelNameMax}),
    field("is_active", &replyx::UpdateAssistantRequest::is_active, {},
          "false: the API refuses the assistant's visitors (403, ASSISTANT_INACTIVE); the owner can still read its "
          "dialogs"),
    field("telegram_bot_token", &replyx::UpdateAssistantRequest::telegram_bot_token,
          {.length_max = replyx::kTelegramTokenMax},
          "A new token; null removes the token. A token in the masked form of responses stays as it was"),
    field("website_integration", &replyx::UpdateAssistantRequest::website_integration, {}, kWebsiteDescription),
    field("allowed_domains", &replyx::UpdateAssistantRequest::allowed_domains,
          {.length_max = replyx::kDomainsMax, .element_length_max = replyx::kDomainMax}, kDomainsDescription),
};
template <>
inline constexpr auto fields<replyx::Assistant> = std::tuple{
    field("id", &replyx::Assistant::id),
    field("name", &replyx::Assistant::name),
    field("description", &replyx::Assistant::description),
    field("system_prompt", &replyx::Assistant::system_prompt),
    field("ai_model", &replyx::Assistant::ai_model),
    field("is_active", &replyx::Assistant::is_active),
    field("telegram_bot_token", &replyx::Assistant::telegram_bot_token, {},
          "Masked: the bot's id and the last four characters, 1234567890:…wxyz. The API never shows the whole token"),
    field("telegram_bot_username", &replyx::Assistant::telegram_bot_username),
    field("website_integration", &replyx::Assistant::website_integration),
    field("allowed_domains", &replyx::Assistant::allowed_domains, {.length_max = replyx::kDomainsMax}),
    field("site_token", &replyx::Assistant::site_token, {}, "Public: a site's pages carry it as X-Site-Token"),
    field("created_at", &replyx::Assistant::created_at),
};
template <>
inline constexpr std::string_view example<replyx::CreateAssistantRequest> =
    R"({"name":"Мой ассистент","description":"Описание ассистента","system_prompt":"Системный промпт для AI","ai_model":"gpt-3.5-turbo",
    "telegram_bot_token":"1234567890:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345678","website_integration":true,"allowed_domains":["example.com","test.com"]})";
template <>
inline constexpr std::string_view example<replyx::UpdateAssistantRequest> =
    R"({"name":"Обновленное имя","system_prompt":"Новый промпт","is_active":false})";
template <>
inline constexpr std::string_view example<replyx::Assistant> =
    R"({"id":1,"name":"Техподдержка","description":"Помощник по техническим вопросам","system_prompt":"Ты техподдержка компании...",
    "ai_model":"gpt-3.5-turbo","is_active":true,"telegram_bot_token":"1234567890:…5678","telegram_bot_username":"my_support_bot",
    "website_integration":true,"allowed_domains":["example.com"],"site_token":"st_D8DVR3txYIcqWIbYmNHXBkdFXIr2T7mX",
    "created_at":"2025-08-01T10:00:00Z"})";

}  // namespace parley::schema

namespace parley::endpoint {

template <>
inline constexpr auto parameters<replyx::AssistantPath> =
    std::tuple{path("assistant_id", &replyx::AssistantPath::assistant_id)};
template <>
inline constexpr auto parameters<replyx::AssistantsQuery> = std::tuple{
    query(
        "limit", &replyx::AssistantsQuery::limit, {.min = 1, .max = replyx::kListMax},
        "The largest number of rows in the response; when there are more rows, the response has X-Next-Cursor. Without "
        "`limit` the response is the whole list, or an error when the list is larger than one response may be"),
    query("cursor", &replyx::AssistantsQuery::cursor, {.length_max = 40, .pattern = replyx::kListCursorPattern},
          "The X-Next-Cursor of a response: the next response begins after its last assistant. An assistant that is "
          "created in the meantime comes at the end; one that is deleted is left out"),
};

}  // namespace parley::endpoint

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Decided;
using endpoint::Deps;
using endpoint::Group;
using endpoint::Nothing;
using endpoint::Result;
using endpoint::Sending;
using endpoint::Versioned;

std::string new_site_token(const Deps& deps) {
  return deps.tokens.realm().qualify("st_" + crypto::base64url(crypto::random_bytes(24)));
}
Stream stream_of(const AssistantPath& path) { return {Kind::assistant, path.assistant_id.value}; }

struct TokenOfBot {
  Sealed sealed;
  std::string bot_index;
};
Result<TokenOfBot> sealed_token(const std::string& token, const Deps& deps) {
  if (is_telegram_token(token))
    return TokenOfBot{deps.keys.seal(token, kTelegramTokenContext), deps.tokens.bot_index(telegram_bot_id(token))};
  return endpoint::fail({kInvalidTelegramToken,
                         {"telegram_bot_token", "must be a token as Telegram's BotFather gives it: <id>:<" +
                                                    std::to_string(kTelegramSecretSize) + " characters>"}});
}
std::vector<std::string> texts_of(const std::vector<Domain>& domains) {
  std::vector<std::string> out;
  out.reserve(domains.size());
  for (const auto& domain : domains) out.push_back(domain.text);
  return out;
}

Result<Sending> create_assistant(const Call<Nothing, CreateAssistantRequest>& call, const Deps& deps) {
  const auto& in = call.body;
  assistants::Create command{.name = in.name.text,
                             .description = text_of(in.description),
                             .system_prompt = text_of(in.system_prompt),
                             .ai_model = text_of(in.ai_model).value_or(std::string(kDefaultModel)),
                             .site_token = new_site_token(deps),
                             .telegram_bot_token = {},
                             .website_integration = in.website_integration.value_or(true),
                             .allowed_domains = {}};
  if (in.telegram_bot_token) {
    auto token = sealed_token(in.telegram_bot_token->text, deps);
    if (!token) return endpoint::fail(std::move(token.error()));
    command.telegram_bot_token = std::move(token->sealed);
    command.bot_index = std::move(token->bot_index);
  }
  if (in.allowed_domains) command.allowed_domains = texts_of(*in.allowed_domains);
  Sending sending{schema::NewStream{}, assistants::Command{std::move(command)}};
  const auto owner = asking_owner(call.caller.principal).value();
  // Near the limit another API's creations count too that were answered before this request came.
  sending.assumes_absent = deps.creations.is_near_limit(owner);
  sending.complete = [owner, &creations = deps.creations](Command& made, const std::string& command_id) {
    auto create = std::get<assistants::Create>(made.get<assistants::Command>());
    auto place = creations.take(owner, command_id, create.site_token);
    if (!place) create.owner_is_full = true;
    made = assistants::Command{std::move(create)};
    return place;
  };
  return sending;
}

Result<Sending> update_assistant(const Call<AssistantPath, UpdateAssistantRequest>& call, const Deps& deps) {
  const auto& in = call.body;
  assistants::Updated change{.name = {},
                             .description = text_of(in.description),
                             .system_prompt = text_of(in.system_prompt),
                             .ai_model = text_of(in.ai_model.value),
                             .is_active = in.is_active.value,
                             .telegram_bot_token = {},
                             .website_integration = in.website_integration.value,
                             .allowed_domains = {}};
  if (in.name.value) change.name = in.name.value->text;
  if (in.allowed_domains.value) change.allowed_domains = texts_of(*in.allowed_domains.value);
  const auto& token = in.telegram_bot_token;
  std::optional<std::string> bot_index;
  if (token.given && !token.value) change.telegram_bot_token = {std::nullopt};
  // What a client got and sends back says nothing of the token, not even that it is still the one that was shown: who
  // must know sends If-Match.
  if (token.value && !is_shown_telegram_token(token.value->text)) {
    auto sealed = sealed_token(token.value->text, deps);
    if (!sealed) return endpoint::fail(std::move(sealed.error()));
    change.telegram_bot_token = {std::move(sealed->sealed)};
    bot_index = std::move(sealed->bot_index);
  }
  return Sending{stream_of(call.parameters),
                 assistants::Command{assistants::Update{std::move(change), std::move(bot_index)}}};
}

Result<Sending> rotate_site_token(const Call<AssistantPath>& call, const Deps& deps) {
  return Sending{stream_of(call.parameters), assistants::Command{assistants::RotateSiteToken{new_site_token(deps)}}};
}
Result<Sending> delete_assistant(const Call<AssistantPath>& call, const Deps&) {
  return Sending{stream_of(call.parameters), assistants::Command{assistants::Delete{}}};
}

schema::Nullable<std::string> masked(const std::optional<Sealed>& token, const Deps& deps) {
  if (!token) return std::nullopt;
  return shown_telegram_token(deps.keys.open(*token, kTelegramTokenContext).value_or(""));
}

/// Of anything that has an assistant's parts: an event, a state, a row.
template <class Of>
Assistant shown(AssistantId id, const Of& s, bool is_active, Timestamp created_at, const Deps& deps) {
  return {.id = id,
          .name = s.name,
          .description = s.description,
          .system_prompt = s.system_prompt,
          .ai_model = s.ai_model,
          .is_active = is_active,
          .telegram_bot_token = masked(s.telegram_bot_token, deps),
          .website_integration = s.website_integration,
          .allowed_domains = s.allowed_domains,
          .site_token = s.site_token,
          .created_at = created_at};
}
Assistant shown(const projections::AssistantRow& row, const Deps& deps) {
  return shown(row.id, row, row.is_active, row.created_at, deps);
}

Assistant created_assistant(const assistants::AssistantCreated& answer, const Decided& decided) {
  return shown(answer.assistant, answer.created, true, decided.outcome.time, decided.deps);
}
Assistant changed_assistant(const assistants::AssistantChanged& answer, const Decided& decided) {
  return shown(answer.assistant, answer.now, answer.now.is_active, answer.now.created_at, decided.deps);
}
Nothing deleted_assistant(const assistants::AssistantDeleted&, const Decided&) { return {}; }

bool site_token_is_known(const assistants::AssistantCreated& answer, const Deps& deps) {
  return deps.directory.site(answer.created.site_token).has_value();
}
bool change_is_known(const assistants::AssistantChanged& answer, const Deps& deps) {
  const auto& now = answer.now;
  const auto site = deps.directory.site(now.site_token);
  return site && site->is_active.value_or(true) == now.is_active &&
         site->website_integration == now.website_integration && site->allowed_domains == now.allowed_domains;
}
bool end_is_known(const assistants::AssistantDeleted& answer, const Deps& deps) {
  return !deps.directory.site_of(answer.assistant);
}

Result<Versioned<Assistant>> assistant(const Call<AssistantPath>& call, postgres::Lease& db, const Deps& deps) {
  return found_single(
      projections::assistant(db, asking_owner(call.caller.principal).value(), call.parameters.assistant_id),
      assistants::kAssistantNotFound, [&](const projections::AssistantRow& row) { return shown(row, deps); });
}

Result<endpoint::Paged<Assistant>> assistants(const Call<AssistantsQuery>& call, postgres::Lease& db,
                                              const Deps& deps) {
  const auto& [limit, cursor] = call.parameters;
  const auto after = read_list_cursor(cursor);
  if (!after) return endpoint::fail(after.error());
  const auto page = projections::assistants_of(db, asking_owner(call.caller.principal).value(),
                                               static_cast<int>(limit.value_or(kListMax)), *after);
  if (!page) return endpoint::fail(page.error());
  // Who asks for no page takes what comes for all of it.
  if (page->has_more && !limit && !cursor) {
    return endpoint::invalid("limit", "must be given: the whole list has more than " + std::to_string(kListMax) +
                                          " rows or " + std::to_string(projections::kPageBytesMax) + " bytes");
  }
  endpoint::Paged<Assistant> out;
  out.rows.reserve(page->rows.size());
  for (const auto& row : page->rows) out.rows.push_back(shown(row, deps));
  out.next_cursor = next_cursor_of(*page);
  return out;
}

}  // namespace

void add_assistants(endpoint::Registry& registry) {
  const Group all({.path = "/api/assistants", .access = &kOwner, .right = kAssistantsWrite});
  const Group one(all({.path = "/{assistant_id}", .errors = {assistants::kAssistantNotFound}}));
  registry.command(
      all({.method = "POST",
           .status = 201,
           .operation = "createAssistant",
           .summary = "Create an assistant",
           .description = "A Telegram bot belongs to one assistant. When another assistant has the bot, the answer is "
                          "BOT_ALREADY_EXISTS and no assistant is created. The server limits the assistants of an "
                          "account (200 by default): beyond the limit the answer is ASSISTANT_LIMIT_REACHED.",
           .errors = {kInvalidTelegramToken, assistants::kBotAlreadyExists, assistants::kAssistantLimitReached},
           .single = true}),
      create_assistant, created_assistant, site_token_is_known);
  registry.query(all({.method = "GET",
                      .right = kAssistantsRead,
                      .operation = "listAssistants",
                      .summary = "List the caller's assistants, the oldest first",
                      .page = kListPage}),
                 assistants);
  registry.query(
      one({.method = "GET", .right = kAssistantsRead, .operation = "getAssistant", .summary = "Get an assistant"}),
      assistant);
  registry.command(
      one({.method = "PUT",
           .operation = "updateAssistant",
           .summary = "Update an assistant (only the fields sent)",
           .description =
               "A field that is absent stays as it was; null clears a field that may be null. The response is the "
               "assistant after the change. A change that closes the site to visitors ends their event streams. When "
               "another assistant has the Telegram bot, the answer is BOT_ALREADY_EXISTS and nothing changes. "
               "VERSION_CONFLICT means that another change came first.",
           .errors = {kInvalidTelegramToken, assistants::kBotAlreadyExists},
           .single = true}),
      update_assistant, changed_assistant, change_is_known);
  registry.command(
      one({.method = "DELETE",
           .status = 204,
           .operation = "deleteAssistant",
           .summary = "Delete an assistant for good",
           .description = "This API process refuses the assistant's site token as soon as it has answered, every other "
                          "process within a second: visitors then get 401, and their event streams end. The owner can "
                          "still read the assistant's dialogs, which keep its name."}),
      delete_assistant, deleted_assistant, end_is_known);
  registry.command(one({.method = "POST",
                        .path = "/site-token",
                        .operation = "rotateSiteToken",
                        .summary = "Replace an assistant's site token",
                        .description = "This API process refuses the old token as soon as it has answered, every other "
                                       "process within a second. Visitors continue their dialogs with the new token; "
                                       "their event streams end, and clients must open them again.",
                        .single = true}),
                   rotate_site_token, changed_assistant, change_is_known);
}

}  // namespace parley::replyx
