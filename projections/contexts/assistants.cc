#include "projections/contexts/assistants.h"

#include "domain/assistants/assistants.h"
#include "projections/contexts/stream_rows.h"

namespace parley::projections {
namespace {

using postgres::Params;
using postgres::Reader;
using postgres::Result;

class AssistantRows final : public StreamRows<assistants::Event, AssistantRow, AssistantRows> {
 public:
  void on(const assistants::Created& e, const Position& at) {
    auto& row = created(at);
    row.set<&AssistantRow::owner>(e.owner);
    row.set<&AssistantRow::name>(e.name);
    row.set<&AssistantRow::description>(e.description);
    row.set<&AssistantRow::system_prompt>(e.system_prompt);
    row.set<&AssistantRow::ai_model>(e.ai_model);
    row.set<&AssistantRow::site_token>(e.site_token);
    row.set<&AssistantRow::telegram_bot_token>(e.telegram_bot_token);
    row.set<&AssistantRow::website_integration>(e.website_integration);
    row.set<&AssistantRow::allowed_domains>(e.allowed_domains);
    row.set<&AssistantRow::created_at>(at.at);
  }
  void on(const assistants::Updated& e, const Position& at) {
    auto& row = moved(at);
    if (e.name) row.set<&AssistantRow::name>(*e.name);
    if (e.description.given) row.set<&AssistantRow::description>(e.description.value);
    if (e.system_prompt.given) row.set<&AssistantRow::system_prompt>(e.system_prompt.value);
    if (e.ai_model) row.set<&AssistantRow::ai_model>(*e.ai_model);
    if (e.is_active) row.set<&AssistantRow::is_active>(*e.is_active);
    if (e.telegram_bot_token.given) row.set<&AssistantRow::telegram_bot_token>(e.telegram_bot_token.value);
    if (e.website_integration) row.set<&AssistantRow::website_integration>(*e.website_integration);
    if (e.allowed_domains) row.set<&AssistantRow::allowed_domains>(*e.allowed_domains);
  }
  void on(const assistants::SiteTokenRotated& e, const Position& at) {
    moved(at).set<&AssistantRow::site_token>(e.site_token);
  }
  void on(const assistants::Deleted&, const Position& at) {
    auto& row = moved(at);
    row.set<&AssistantRow::deleted_at>(at.at);
    row.set<&AssistantRow::telegram_bot_token>(std::nullopt);  // nobody needs it any more
  }
  // The assistant is as it was until the change has ended. Who has a bot, claims know.
  void on(const assistants::UpdateRequested&, const Position& at) { moved(at); }
  void on(const assistants::UpdateRefused&, const Position& at) { moved(at); }
  void on(const assistants::BotClaimed&, const Position& at) { moved(at); }
  void on(const assistants::BotReleased&, const Position& at) { moved(at); }
  // No row tells of an assistant that is not created yet, or never will be.
  void on(const assistants::CreationRequested&, const Position&) {}
  void on(const assistants::CreationRefused&, const Position&) {}
};

std::string assistants_select() {
  return select(select_list<AssistantRow>(), " FROM assistants WHERE owner_id = $1 AND deleted_at IS NULL");
}

}  // namespace

std::unique_ptr<ContextRows> assistants_rows() { return std::make_unique<AssistantRows>(); }

Result<std::optional<AssistantRow>> assistant(Reader& reader, AccountId owner, AssistantId id) {
  return single<AssistantRow>(reader.query(assistants_select() + " AND id = $2", Params(owner, id)));
}

Result<Page<AssistantRow>> assistants_of(Reader& reader, AccountId owner, int limit,
                                         const std::optional<ListCursor>& after) {
  static const auto kStatement = list_statement(select_list<AssistantRow>(), assistants_select());
  const auto rows = reader.query(kStatement, list_params(owner, limit, after));
  if (!rows) return std::unexpected(rows.error());
  return page_of<AssistantRow>(*rows);
}

}  // namespace parley::projections
