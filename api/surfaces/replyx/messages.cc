#include "api/surfaces/replyx/messages.h"

#include <ranges>

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

/// As PostgreSQL counts them for a page of rows (projections/queries.cc), or somewhat more.
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

std::string message_created_json(DialogId dialog, Timestamp time, const dialogs::MessageCreated& created) {
  return schema::write(MessageCreatedEvent{
      .dialog_id = dialog,
      .message = {created.message, std::string(schema::name_of(created.sender)), created.text, created.operator_name,
                  time},
      .timestamp = time,
  });
}

std::optional<std::string> feed_event_json(DialogId dialog, const dialogs::Event& event, Timestamp time) {
  const auto name_of = [](auto value) { return std::string(schema::name_of(value)); };
  const auto changed = [&](std::string type) {
    return std::optional(schema::write(DialogChangedEvent{std::move(type), dialog, time}));
  };
  return std::visit(
      overloaded{
          [&](const dialogs::Opened& e) -> std::optional<std::string> {
            return schema::write(DialogCreatedEvent{.dialog_id = dialog,
                                                    .dialog = {dialog, e.assistant, name_of(e.platform), e.first_name,
                                                               name_of(dialogs::Status::active), time},
                                                    .timestamp = time});
          },
          [&](const dialogs::Archived&) { return changed("dialog.archived"); },
          [&](const dialogs::Unarchived&) { return changed("dialog.unarchived"); },
          [](const auto&) -> std::optional<std::string> { return std::nullopt; },  // messages have a form of their own
      },
      event);
}

std::string typing_json(const schema::Typing& typing) {
  const bool is_visitor = typing.sender == dialogs::Sender::user;
  return schema::write(
      TypingEvent{is_visitor ? "visitor.typing" : "operator.typing", typing.dialog, typing.operator_name, typing.at});
}

PostedMessage posted_message(const dialogs::MessagePosted& answer, const endpoint::Decided& decided) {
  const auto& m = answer.message;
  return {m.message, answer.dialog,   std::string(schema::name_of(m.sender)),
          m.text,    m.operator_name, decided.outcome.time};
}

endpoint::Result<Messages> read_messages(const endpoint::Call<MessagesQuery>& call, postgres::Lease& db,
                                         const endpoint::Deps& deps, Code missing) {
  const auto& [dialog, limit, after, before] = call.parameters;
  if (after && before) return endpoint::invalid("before", "cannot be given beside after");
  const auto& viewer = call.caller.principal;
  std::vector<projections::MessageRow> rows;
  Messages out{.messages = {}, .has_more = false, .version = after.value_or(0)};
  if (after) {
    auto history = projections::dialog_history(
        db, viewer, dialog, *after, partition_of(slot_of(dialog.value), deps.partitions), static_cast<int>(limit));
    if (!history) return endpoint::fail(history.error());
    if (!*history) return endpoint::fail(missing);
    rows = std::move((*history)->messages);
    out.has_more = (*history)->has_more;
  } else {
    auto latest = projections::messages(db, viewer, dialog, static_cast<int>(limit), before);
    if (!latest) return endpoint::fail(latest.error());
    if (!*latest) return endpoint::fail(missing);
    rows = std::move((*latest)->rows);
    out.has_more = (*latest)->has_more;
  }
  show(std::move(rows), out);
  return out;
}

}  // namespace parley::replyx
