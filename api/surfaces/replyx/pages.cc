#include "api/surfaces/replyx/pages.h"

#include "api/endpoint/parameters.h"

namespace parley::replyx {

std::string to_text(const projections::ListCursor& cursor) {
  return std::to_string(cursor.created_at.time_since_epoch().count()) + "." + std::to_string(cursor.id);
}

endpoint::Result<std::optional<projections::ListCursor>> read_list_cursor(const std::optional<std::string>& text) {
  if (!text) return std::optional<projections::ListCursor>{};
  const auto dot = text->find('.');
  const auto created_at = endpoint::plain_integer(std::string_view(*text).substr(0, dot));
  const auto id =
      dot == std::string::npos ? std::nullopt : endpoint::plain_integer(std::string_view(*text).substr(dot + 1));
  if (!created_at || !id || *created_at > kTimeMax || *id > kIdMax)
    return endpoint::invalid("cursor", "must be a next_cursor as it was answered");
  return std::optional(
      projections::ListCursor{.created_at = Timestamp{std::chrono::milliseconds{*created_at}}, .id = *id});
}

}  // namespace parley::replyx
