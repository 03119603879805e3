#pragma once
// What the read models say of an assistant.
#include <optional>
#include <string>
#include <vector>

#include "projections/lists.h"
#include "projections/table.h"

namespace parley::projections {

/// A deleted assistant's row stays, for its dialogs to show its name.
struct AssistantRow {
  AssistantId id;
  std::int64_t version = 0;
  AccountId owner;
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> system_prompt;
  std::string ai_model;
  bool is_active = true;
  std::string site_token;
  std::optional<Sealed> telegram_bot_token;
  bool website_integration = true;
  std::vector<std::string> allowed_domains;
  std::optional<Timestamp> deleted_at;
  Timestamp created_at;
};
template <>
inline constexpr std::string_view table<AssistantRow> = "assistants";
template <>
inline constexpr auto columns<AssistantRow> = std::tuple{
    column<&AssistantRow::id>("id"),
    column<&AssistantRow::version>("version"),
    column<&AssistantRow::owner>("owner_id"),
    column<&AssistantRow::name>("name"),
    column<&AssistantRow::description>("description"),
    column<&AssistantRow::system_prompt>("system_prompt"),
    column<&AssistantRow::ai_model>("ai_model"),
    column<&AssistantRow::is_active>("is_active"),
    column<&AssistantRow::site_token>("site_token"),
    column<&AssistantRow::telegram_bot_token>("telegram_bot_token"),
    column<&AssistantRow::website_integration>("website_integration"),
    column<&AssistantRow::allowed_domains>("allowed_domains"),
    column<&AssistantRow::deleted_at>("deleted_at"),
    column<&AssistantRow::created_at>("created_at"),
};

// Queries.

/// Nothing when there is no such assistant (any more), or it is somebody else's.
postgres::Result<std::optional<AssistantRow>> assistant(postgres::Reader& reader, AccountId owner, AssistantId id);
/// The owner's assistants without deleted ones, oldest first.
postgres::Result<Page<AssistantRow>> assistants_of(postgres::Reader& reader, AccountId owner, int limit = kRowsMax,
                                                   const std::optional<ListCursor>& after = {});

}  // namespace parley::projections
