#include "api/replyx/messages.h"

namespace parley::replyx {

namespace {

void show(std::vector<projections::MessageRow> rows, Messages& out) {
  for (auto& row : rows) {
    out.version = row.version;
    out.messages.push_back(to_message(std::move(row)));
  }
}

}  // namespace

Message to_message(projections::MessageRow row) {
  return {row.id, std::move(row.sender), std::move(row.text), std::move(row.operator_name), row.created_at};
}

Messages page_of(std::vector<projections::MessageRow> rows, std::int64_t limit, std::optional<std::int64_t> after) {
  Messages out{.messages = {}, .has_more = false, .version = after.value_or(0)};
  if (after) std::erase_if(rows, [&](const auto& row) { return row.version <= *after; });
  const auto most = static_cast<std::size_t>(limit);
  out.has_more = rows.size() > most;
  if (out.has_more) {
    const auto extra = static_cast<std::ptrdiff_t>(rows.size() - most);
    after ? rows.erase(rows.end() - extra, rows.end()) : rows.erase(rows.begin(), rows.begin() + extra);
  }
  show(std::move(rows), out);
  return out;
}

std::string message_created_json(DialogId dialog, Timestamp time, const dialogs::MessageCreated& created) {
  return schema::write(MessageCreatedEvent{
      .dialog_id = dialog,
      .message = {created.message, std::string(schema::name_of(created.sender)), created.text, created.operator_name, time},
      .timestamp = time,
  });
}

PostedMessage posted_message(const dialogs::MessagePosted& answer, const endpoint::Decided& decided) {
  const auto& m = answer.message;
  return {m.message, answer.dialog, std::string(schema::name_of(m.sender)), m.text, m.operator_name, decided.outcome.time};
}

endpoint::Result<Messages> read_messages(const endpoint::Call<MessagesQuery>& call, postgres::Lease& db, const endpoint::Deps& deps, Code missing) {
  const auto& [dialog, limit, after] = call.parameters;
  const auto& viewer = call.caller.principal;
  std::vector<projections::MessageRow> rows;
  Messages out{.messages = {}, .has_more = false, .version = after.value_or(0)};
  if (after) {
    auto history =
        projections::dialog_history(db, viewer, dialog, *after, partition_of(slot_of(dialog.value), deps.partitions), static_cast<int>(limit));
    if (!history) return endpoint::fail(history.error());
    if (!*history) return endpoint::fail(missing);
    rows = std::move((*history)->messages);
    out.has_more = (*history)->has_more;
  } else {
    auto latest = projections::messages(db, viewer, dialog, static_cast<int>(limit) + 1);  // one more tells whether there are more
    if (!latest) return endpoint::fail(latest.error());
    if (!*latest) return endpoint::fail(missing);
    rows = std::move(**latest);
    out.has_more = rows.size() > static_cast<std::size_t>(limit);
    if (out.has_more) rows.erase(rows.begin());
  }
  show(std::move(rows), out);
  return out;
}

}  // namespace parley::replyx
