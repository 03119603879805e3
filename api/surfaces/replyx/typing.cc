// Who is typing: from either side of a dialog to those who look at it now.
#include "api/directory/directory.h"
#include "api/endpoint/run.h"
#include "api/http/executor.h"
#include "api/signals/signals.h"
#include "api/streams/streams.h"
#include "api/surfaces/replyx/access_policies.h"
#include "api/surfaces/replyx/messages.h"
#include "api/surfaces/replyx/replyx.h"
#include "api/surfaces/replyx/texts.h"

namespace parley::replyx {

struct OperatorTyping {
  std::optional<Words> operator_name;
};

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr auto fields<replyx::OperatorTyping> =
    std::tuple{field("operator_name", &replyx::OperatorTyping::operator_name, {.length_max = replyx::kPersonNameMax})};

}  // namespace parley::schema

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Deps;
using endpoint::Nothing;
using endpoint::Opening;
using endpoint::Result;

void pass(const schema::Typing& typing, const Opening& client, const Deps& deps) {
  deps.signals.send(typing);  // too many are left out, and that is all the same to whoever types
  client.responder.send({.status = 204, .headers = client.extra, .body = {}});
}

/// Whose dialog it is the newest part of the log says, or else the read model.
Result<void> operator_typing(const Call<DialogPath, OperatorTyping>& call, const Deps& deps, Opening client) {
  const auto dialog = call.parameters.dialog_id;
  const auto owner = owner_behind(call.caller.principal).value();
  const schema::Typing typing{dialog, owner, dialogs::Sender::operator_, personal(call.body.operator_name),
                              deps.clock()};
  if (const auto facts = deps.streams.find({Kind::dialog, dialog.value}); facts && facts->owner) {
    if (*facts->owner != owner) return endpoint::fail(dialogs::kDialogNotFound);
    pass(typing, client, deps);
    return {};
  }
  const auto ask = [typing, principal = call.caller.principal, client = std::move(client), &deps] {
    const auto refuse = [&](Code code) { client.responder.send(client.error({code, {}})); };
    try {
      auto db = deps.pool.lease(endpoint::kLeaseWaitMax);
      if (!db) return refuse(kUnavailable);
      const auto found = projections::dialog(*db, principal, typing.dialog);
      if (!found) return refuse(kUnavailable);
      if (!*found) return refuse(dialogs::kDialogNotFound);
      pass(typing, client, deps);
    } catch (...) {
      client.responder.fail();
    }
  };
  if (!deps.queries.try_post(ask)) return endpoint::fail(kOverloaded);
  return {};
}

Result<void> visitor_typing(const Call<DialogPath, Nothing>& call, const Deps& deps, Opening client) {
  pass({call.parameters.dialog_id, call.caller.owner.value(), dialogs::Sender::user, {}, deps.clock()}, client, deps);
  return {};
}

constexpr std::string_view kPassedOn =
    "The API sends the signal to the open streams of the dialog and does not store it: a signal may be lost, and the "
    "API sends at most one in a second";

}  // namespace

void add_typing(endpoint::Registry& registry) {
  registry.signal({.method = "POST",
                   .path = "/api/dialogs/{dialog_id}/typing",
                   .access = &kTeam,
                   .right = kDialogsWrite,
                   .status = 204,
                   .operation = "signalOperatorTyping",
                   .summary = "Signal that an operator is typing",
                   .description = kPassedOn,
                   .errors = {dialogs::kDialogNotFound}},
                  operator_typing);
  registry.signal({.method = "POST",
                   .path = "/api/site/dialogs/{dialog_id}/typing",
                   .access = &kGuest,
                   .status = 204,
                   .operation = "signalVisitorTyping",
                   .summary = "Signal that the visitor is typing",
                   .description = kPassedOn},
                  visitor_typing);
}

}  // namespace parley::replyx
