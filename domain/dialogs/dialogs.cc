#include "domain/dialogs/dialogs.h"

namespace parley::dialogs {
namespace {

using D = Decision<Event, Answer>;
using Accept = Accepted<Event, Answer>;

D say(Sender sender, const Personal& text, const std::optional<Personal>& operator_name, Context& x) {
  MessageCreated e{MessageId{x.ids.take()}, sender, text, operator_name};
  return Accept{{e}, MessagePosted{DialogId{x.stream_id}, e}};
}

D rule(const NoDialog&, const Open& c, Context& x) {
  const auto* visitor = std::get_if<Visitor>(&x.principal);
  if (visitor == nullptr) return refuse(Code::insufficient_permissions);
  Opened e{visitor->assistant, c.owner, c.platform, c.first_name};
  return Accept{{e}, DialogOpened{DialogId{x.stream_id}, e}};
}
// An opening gets an id of its own, so it never meets a dialog.
D rule(const Dialog&, const Open&, Context&) { return refuse(Code::version_conflict); }

// Whoever may not know of a dialog is told that there is none.
D rule(const Dialog& s, const PostVisitorMessage& c, Context& x) {
  if (x.principal != Principal{Visitor{s.assistant}}) return refuse(Code::dialog_not_found);
  return say(Sender::user, c.text, std::nullopt, x);
}
D rule(const Dialog& s, const PostOperatorMessage& c, Context& x) {
  if (x.principal != Principal{Owner{s.owner}}) return refuse(Code::dialog_not_found);
  return say(Sender::operator_, c.text, c.operator_name, x);
}
D rule(const NoDialog&, const auto&, Context&) { return refuse(Code::dialog_not_found); }

}  // namespace

State evolve(const State& state, const Event& event) {
  return std::visit(overloaded{
                        [](const auto&, const Opened& e) -> State { return Dialog{e.assistant, e.owner}; },
                        [](const auto& s, const MessageCreated&) -> State { return s; },
                    },
                    state, event);
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  return std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
}

}  // namespace parley::dialogs
