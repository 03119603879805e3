// /api/site: a website's visitor.
#include "api/auth/tokens.h"
#include "api/endpoint/group.h"
#include "api/surfaces/replyx/access_policies.h"
#include "api/surfaces/replyx/limits.h"
#include "api/surfaces/replyx/messages.h"
#include "api/surfaces/replyx/replyx.h"
#include "api/surfaces/replyx/texts.h"

namespace parley::replyx {

struct OpenDialogRequest {
  std::optional<Words> first_name;
};
struct OpenedDialog {
  DialogId id;
  std::string guest_id;
  AssistantId assistant_id;
  std::string platform;
  std::string status = "active";
  Timestamp created_at;
};
struct VisitorMessage {
  Text text;
};

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr auto fields<replyx::OpenDialogRequest> =
    std::tuple{field("first_name", &replyx::OpenDialogRequest::first_name, {.length_max = replyx::kPersonNameMax})};
template <>
inline constexpr auto fields<replyx::OpenedDialog> = std::tuple{
    field("id", &replyx::OpenedDialog::id),
    field("guest_id", &replyx::OpenedDialog::guest_id, {},
          "The visitor's secret for this dialog: keep it from everyone else"),
    field("assistant_id", &replyx::OpenedDialog::assistant_id),
    field("platform", &replyx::OpenedDialog::platform),
    field("status", &replyx::OpenedDialog::status),
    field("created_at", &replyx::OpenedDialog::created_at),
};
template <>
inline constexpr auto fields<replyx::VisitorMessage> =
    std::tuple{field("text", &replyx::VisitorMessage::text, {.length_min = 1, .length_max = replyx::kMessageMax})};
template <>
inline constexpr std::string_view example<replyx::OpenDialogRequest> = R"({"first_name":"John"})";
template <>
inline constexpr std::string_view example<replyx::OpenedDialog> =
    R"({"id":1,"guest_id":"k1.UbcBjRh6rGzMxnN85y-RZ4_gOV9lpQ3UkRb2hQUWF1Q","assistant_id":1,"platform":"website","status":"active",
    "created_at":"2025-09-01T10:00:00Z"})";
template <>
inline constexpr std::string_view example<replyx::VisitorMessage> = R"({"text":"Привет!"})";

}  // namespace parley::schema

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Decided;
using endpoint::Deps;
using endpoint::Nothing;
using endpoint::Result;
using endpoint::Sending;

Result<Sending> open_dialog(const Call<Nothing, OpenDialogRequest>& call, const Deps&) {
  return Sending{schema::NewStream{},
                 dialogs::Command{dialogs::Open{call.caller.owner.value(), dialogs::Platform::website,
                                                personal(call.body.first_name)}}};
}
OpenedDialog opened_dialog(const dialogs::DialogOpened& answer, const Decided& decided) {
  return {.id = answer.dialog,
          .guest_id = decided.deps.tokens.guest_id(answer.dialog, answer.opened.assistant),
          .assistant_id = answer.opened.assistant,
          .platform = std::string(schema::name_of(answer.opened.platform)),
          .created_at = decided.outcome.time};
}

Sending to_dialog(const DialogPath& path, dialogs::Command command) {
  return {Stream{Kind::dialog, path.dialog_id.value}, std::move(command)};
}
Result<Sending> post_message(const Call<DialogPath, VisitorMessage>& call, const Deps&) {
  return to_dialog(call.parameters, dialogs::PostVisitorMessage{Personal{call.body.text.text}});
}

Result<Messages> messages(const Call<MessagesQuery>& call, postgres::Lease& db, const Deps&) {
  // A guest id of ours proves that the dialog exists: where the read model lacks it, the read model is late.
  return read_messages(call, db, kUnavailable);
}

}  // namespace

void add_site(endpoint::Registry& registry) {
  const endpoint::Group of_visitor({.access = &kGuest, .limit = &kVisitorLimit, .address_limit = &kAddressLimit});
  registry.command({.method = "POST",
                    .path = "/api/site/dialogs",
                    .access = &kSite,
                    .status = 201,
                    .operation = "openDialog",
                    .summary = "Open a dialog as a visitor of a site",
                    .description = "All visitors of a site share its token. The Idempotency-Key must therefore be a "
                                   "value that no other visitor can guess, such as a UUID.",
                    .limit = &kOpenDialogLimit,
                    .body_bytes_max = kEntryBodyMax},
                   open_dialog, opened_dialog);
  registry.command(of_visitor({.method = "POST",
                               .path = "/api/site/dialogs/{dialog_id}/messages",
                               .status = 201,
                               .operation = "postVisitorMessage",
                               .summary = "Send a message as the dialog's visitor",
                               .body_bytes_max = kVisitorMessageBodyMax}),
                   post_message, posted_message);
  registry.query(of_visitor({.method = "GET",
                             .path = "/api/site/dialogs/{dialog_id}/messages",
                             .operation = "listVisitorMessages",
                             .summary = "List the dialog's messages for its visitor",
                             .page = kMessagesPage}),
                 messages);
}

}  // namespace parley::replyx
