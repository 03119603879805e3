#pragma once
// What one answer of a list holds at most on this surface, and where a list that begins with what is oldest goes on.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/endpoint/registry.h"
#include "projections/lists.h"

namespace parley::replyx {

/// Assistants, operators: more than an account has.
inline constexpr std::int64_t kListMax = 1'000;
inline constexpr endpoint::PageBounds kListPage{.rows_max = kListMax, .bytes_max = projections::kPageBytesMax};

/// Milliseconds: the year 9999, which every reader of times knows.
inline constexpr std::int64_t kTimeMax = 253'402'300'799'000;

/// A cursor as clients get it: the milliseconds of the last row before, and its id.
inline constexpr std::string_view kListCursorPattern = R"(^[0-9]{1,15}\.[0-9]{1,16}$)";
std::string to_text(const projections::ListCursor& cursor);
/// Of the page after this one; nothing when this is the last.
template <class Row>
std::optional<std::string> next_cursor_of(const projections::Page<Row>& page) {
  if (!page.has_more) return std::nullopt;
  return to_text({.created_at = page.rows.back().created_at, .id = page.rows.back().id.value});
}
/// A validation error of the field `cursor` for what the above does not write.
endpoint::Result<std::optional<projections::ListCursor>> read_list_cursor(const std::optional<std::string>& text);

}  // namespace parley::replyx
