#include <iomanip>
#include <iostream>

#include "ops/cli/audit/event_line.h"
#include "ops/cli/audit/tasks.h"
#include "projections/at.h"
#include "schemas/disclosed.h"
#include "schemas/moment.h"

namespace parley::audit {

/// What is answered; one of the three rows.
struct ShownState {
  std::string stream;
  std::int64_t version = 0;
  Timestamp time;  ///< Of the event that made the version.
  std::optional<projections::AccountRow> account;
  std::optional<projections::AssistantRow> assistant;
  std::optional<projections::DialogRow> dialog;
  std::optional<std::vector<projections::MessageRow>> messages;
};

}  // namespace parley::audit

// The read models' rows under their columns' names.
namespace parley::schema {

template <>
inline constexpr auto fields<projections::AccountRow> = std::tuple{
    field("id", &projections::AccountRow::id),
    field("version", &projections::AccountRow::version),
    field("email", &projections::AccountRow::email),
    field("first_name", &projections::AccountRow::first_name),
    field("last_name", &projections::AccountRow::last_name),
    field("balance_kopecks", &projections::AccountRow::balance),
    field("welcome_bonus_kopecks", &projections::AccountRow::welcome_bonus),
    field("last_login_at", &projections::AccountRow::last_login_at),
    field("created_at", &projections::AccountRow::created_at),
};
template <>
inline constexpr auto fields<projections::AssistantRow> = std::tuple{
    field("id", &projections::AssistantRow::id),
    field("version", &projections::AssistantRow::version),
    field("owner_id", &projections::AssistantRow::owner),
    field("name", &projections::AssistantRow::name),
    field("description", &projections::AssistantRow::description),
    field("system_prompt", &projections::AssistantRow::system_prompt),
    field("ai_model", &projections::AssistantRow::ai_model),
    field("is_active", &projections::AssistantRow::is_active),
    field("site_token", &projections::AssistantRow::site_token),
    field("telegram_bot_token", &projections::AssistantRow::telegram_bot_token),
    field("website_integration", &projections::AssistantRow::website_integration),
    field("allowed_domains", &projections::AssistantRow::allowed_domains),
    field("deleted_at", &projections::AssistantRow::deleted_at),
    field("created_at", &projections::AssistantRow::created_at),
};
template <>
inline constexpr auto fields<projections::DialogRow> = std::tuple{
    field("id", &projections::DialogRow::id),
    field("version", &projections::DialogRow::version),
    field("owner_id", &projections::DialogRow::owner),
    field("assistant_id", &projections::DialogRow::assistant),
    field("platform", &projections::DialogRow::platform),
    field("status", &projections::DialogRow::status),
    field("handoff_status", &projections::DialogRow::handoff_status),
    field("first_name", &projections::DialogRow::first_name),
    field("last_name", &projections::DialogRow::last_name),
    field("telegram_chat_id", &projections::DialogRow::telegram_chat_id),
    field("telegram_username", &projections::DialogRow::telegram_username),
    field("message_count", &projections::DialogRow::message_count),
    field("last_message", &projections::DialogRow::last_message),
    field("last_message_time", &projections::DialogRow::last_message_time),
    field("created_at", &projections::DialogRow::created_at),
};
template <>
inline constexpr auto fields<projections::MessageRow> = std::tuple{
    field("id", &projections::MessageRow::id),
    field("version", &projections::MessageRow::version),
    field("sender", &projections::MessageRow::sender),
    field("text", &projections::MessageRow::text),
    field("operator_name", &projections::MessageRow::operator_name),
    field("created_at", &projections::MessageRow::created_at),
};
template <>
inline constexpr auto fields<audit::ShownState> = std::tuple{
    field("stream", &audit::ShownState::stream),     field("version", &audit::ShownState::version),     field("time", &audit::ShownState::time),
    field("account", &audit::ShownState::account),   field("assistant", &audit::ShownState::assistant), field("dialog", &audit::ShownState::dialog),
    field("messages", &audit::ShownState::messages),
};

}  // namespace parley::schema

namespace parley::audit {
namespace {

constexpr int kNameWidth = 22, kSenderWidth = 10;

/// A described row, a line for each field that is there.
template <class Row>
void print(const Row& row, schema::Disclosure disclosure) {
  const auto one = [&]<class M>(const schema::Field<Row, M>& f) {
    json::Writer w;
    if constexpr (schema::is_optional<M>) {
      if (!(row.*f.member)) return;
      schema::write_disclosed(w, *(row.*f.member), disclosure);
    } else {
      schema::write_disclosed(w, row.*f.member, disclosure);
    }
    std::cout << "  " << std::left << std::setw(kNameWidth) << f.name << "  " << w.text() << "\n";
  };
  std::apply([&](const auto&... f) { (one(f), ...); }, schema::fields<Row>);
}

void print(const ShownState& shown, schema::Disclosure disclosure) {
  std::cout << shown.stream << " at version " << shown.version << ", which is of " << schema::format_time(shown.time) << "\n";
  if (shown.account) print(*shown.account, disclosure);
  if (shown.assistant) print(*shown.assistant, disclosure);
  if (shown.dialog) print(*shown.dialog, disclosure);
  if (!shown.account && !shown.assistant && !shown.dialog) std::cout << "  not begun: nothing but that it stood still has happened in it\n";
  if (!shown.messages) return;
  std::cout << shown.messages->size() << " messages\n";
  for (const auto& message : *shown.messages) {
    json::Writer text;
    schema::write_disclosed(text, message.text, disclosure);
    std::cout << "  " << std::right << std::setw(6) << message.version << "  " << schema::format_time(message.created_at) << "  " << std::left
              << std::setw(kSenderWidth) << message.sender << "  " << text.text() << "\n";
  }
}

}  // namespace

Result<void> state(const Common& common, const StateOptions& options) {
  const auto stream = stream_named(options.stream);
  if (!stream) return std::unexpected(stream.error());
  const auto moment = schema::parse_moment(options.at);
  if (!moment && !options.at.empty()) return std::unexpected("--at " + options.at + ": it " + std::string(schema::kMomentIssue));
  auto log = Log::open(common.log);
  if (!log) return std::unexpected(log.error());

  Progress progress("state");
  projections::StreamFold fold(*stream);
  std::string refused;
  const auto count = log->read_stream(
      {options.stream, log->partition_of(*stream)},
      [&](const projections::Record& record) {
        const auto& e = record.envelope;
        if (moment && !schema::is_within(*moment, e.sequence, e.time)) return false;
        if (const auto added = fold.add(e, record.value); !added) refused = added.error();
        return refused.empty();
      },
      progress);
  if (!count) return std::unexpected(count.error());
  if (!refused.empty()) {
    return std::unexpected(options.stream + " cannot be folded beyond version " + std::to_string(fold.version()) + ": " + refused);
  }
  if (fold.version() == 0) return std::unexpected(options.stream + " had not begun at " + options.at);
  const auto* wanted = moment ? std::get_if<schema::AtVersion>(&*moment) : nullptr;
  if (wanted != nullptr && wanted->version > fold.version()) {
    return std::unexpected(options.stream + " has no version " + options.at + " yet: it is at version " + std::to_string(fold.version()));
  }

  ShownState shown{options.stream, fold.version(), fold.time(), fold.account(), fold.assistant(), fold.dialog(), {}};
  if (shown.dialog) shown.messages = fold.messages();
  if (common.json) {
    std::cout << schema::disclosed(shown, common.disclosure()) << "\n";
  } else {
    print(shown, common.disclosure());
    common.say_what_is_left_out();
  }
  return {};
}

}  // namespace parley::audit
