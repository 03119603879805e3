#include "api/surfaces/replyx/messages.h"

#include <ranges>

#include "api/surfaces/replyx/texts.h"
#include "schemas/contexts/dialogs.h"

namespace parley::replyx {

namespace {

void show(std::vector<projections::MessageRow> rows, Messages& out) {
  if (!rows.empty()) out.first_version = rows.front().version;
  for (auto& row : rows) {
    out.version = row.version;
    out.messages.push_back(to_message(std::move(row)));
  }
}

/// As PostgreSQL counts them for a page of rows (projections/lists.h), or somewhat more.
std::int64_t bytes_of(const projections::MessageRow& row) {
  constexpr std::int64_t kBesideTexts = 200;
  constexpr unsigned char kFirstPrintable = 0x20;
  std::int64_t bytes = kBesideTexts;
  const auto add = [&bytes](std::string_view text) {
    for (const char c : text)
      bytes += static_cast<unsigned char>(c) < kFirstPrintable ? 6 : c == '"' || c == '\\' ? 2 : 1;
  };
  add(row.text.text);
  if (row.operator_name) add(row.operator_name->text);
  return bytes;
}

/// Of these rows, from the first on, those that one answer may hold.
template <class Rows>
std::size_t within_bounds(const Rows& rows, std::int64_t limit) {
  std::int64_t count = 0, bytes = 0;
  for (const auto& row : rows) {
    bytes += bytes_of(row);
    if (count == limit || (count != 0 && bytes > kMessagesPage.bytes_max)) break;
    ++count;
  }
  return static_cast<std::size_t>(count);
}

}  // namespace

static_assert(projections::message_bytes(kMessageMax + kPersonNameMax) <= projections::kMessageBytesMax);

Message to_message(projections::MessageRow row) {
  return {row.id, std::move(row.sender), std::move(row.text), std::move(row.operator_name), row.created_at};
}

Messages page_of(std::vector<projections::MessageRow> rows, std::int64_t limit, std::optional<std::int64_t> after,
                 std::optional<std::int64_t> before) {
  Messages out{.messages = {}, .has_more = false, .version = after.value_or(0)};
  if (after) std::erase_if(rows, [&](const auto& row) { return row.version <= *after; });
  if (before) std::erase_if(rows, [&](const auto& row) { return row.version >= *before; });
  const auto kept = after ? within_bounds(rows, limit) : within_bounds(std::views::reverse(rows), limit);
  const auto extra = static_cast<std::ptrdiff_t>(rows.size() - kept);
  out.has_more = extra != 0;
  after ? rows.erase(rows.end() - extra, rows.end()) : rows.erase(rows.begin(), rows.begin() + extra);
  show(std::move(rows), out);
  return out;
}

PostedMessage posted_message(const dialogs::MessagePosted& answer, const endpoint::Decided& decided) {
  const auto& m = answer.message;
  return {m.message, answer.dialog,   std::string(schema::name_of(m.sender)),
          m.text,    m.operator_name, decided.outcome.time};
}

endpoint::Result<Messages> read_messages(const endpoint::Call<MessagesQuery>& call, postgres::Lease& db, Code missing) {
  const auto& [dialog, limit, after, before] = call.parameters;
  if (after && before) return endpoint::invalid("before", "cannot be given beside after");
  const auto& viewer = call.caller.principal;
  auto found = after ? projections::messages_after(db, viewer, dialog, *after, static_cast<int>(limit))
                     : projections::messages(db, viewer, dialog, static_cast<int>(limit), before);
  if (!found) return endpoint::fail(found.error());
  if (!*found) return endpoint::fail(missing);
  Messages out{.messages = {}, .has_more = (*found)->has_more, .version = after.value_or(0)};
  show(std::move((*found)->rows), out);
  return out;
}

}  // namespace parley::replyx
