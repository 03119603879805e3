#include "domain/dialogs/dialogs.h"

#include "domain/rules.h"

namespace parley::dialogs {
namespace {

using D = Decision<Event, Answer>;
using Accept = Accepted<Event, Answer>;

Accept said(Sender sender, const Personal& text, const std::optional<Personal>& operator_name, Context& x) {
  MessageCreated e{MessageId{x.ids.take()}, sender, text, operator_name};
  return {{e}, MessagePosted{DialogId{x.stream_id}, e}};
}
// What is so already is answered without an event.
template <class Change>
D become(Status status, const Dialog& s, const Context& x) {
  if (owner_behind(x.principal) != s.owner) return refuse(kDialogNotFound);
  Accept accept{{}, DialogIs{DialogId{x.stream_id}, status}};
  if (s.status != status) accept.events.push_back(Change{});
  return accept;
}

D rule(const NoDialog&, const Open& c, Context& x) {
  const auto* visitor = std::get_if<Visitor>(&x.principal);
  if (visitor == nullptr) return refuse(kInsufficientPermissions);
  Opened e{visitor->assistant, c.owner, c.platform, c.first_name};
  return Accept{{e}, DialogOpened{DialogId{x.stream_id}, e}};
}
// An opening gets an id of its own, so it never meets a dialog.
D rule(const Dialog&, const Open&, Context&) { return refuse(kVersionConflict); }

// Whoever may not know of a dialog is told that there is none.
D rule(const Dialog& s, const PostVisitorMessage& c, Context& x) {
  if (x.principal != Principal{Visitor{s.assistant}}) return refuse(kDialogNotFound);
  auto accept = said(Sender::user, c.text, std::nullopt, x);
  // Whoever is done with a dialog must not miss that its visitor is not.
  if (s.status == Status::archived) accept.events.push_back(Unarchived{});
  return accept;
}
D rule(const Dialog& s, const PostOperatorMessage& c, Context& x) {
  if (owner_behind(x.principal) != s.owner) return refuse(kDialogNotFound);
  return said(Sender::operator_, c.text, c.operator_name, x);
}
D rule(const Dialog& s, const Archive&, Context& x) { return become<Archived>(Status::archived, s, x); }
D rule(const Dialog& s, const Unarchive&, Context& x) { return become<Unarchived>(Status::active, s, x); }
D rule(const NoDialog&, const auto&, Context&) { return refuse(kDialogNotFound); }

}  // namespace

State evolve(const State& state, const Event& event) {
  return std::visit(
      overloaded{
          [](const auto&, const Opened& e) -> State { return Dialog{e.assistant, e.owner, Status::active}; },
          [](const auto& s, const MessageCreated&) -> State { return s; },
          [](const Dialog& s, const Archived&) -> State { return Dialog{s.assistant, s.owner, Status::archived}; },
          [](const Dialog& s, const Unarchived&) -> State { return Dialog{s.assistant, s.owner, Status::active}; },
          [](const NoDialog& s, const Archived&) -> State { return s; },
          [](const NoDialog& s, const Unarchived&) -> State { return s; },
      },
      state, event);
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  return std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
}

Answer answer_of(std::int64_t dialog, const Event& event) {
  const DialogId id{dialog};
  return std::visit(overloaded{
                        [&](const Opened& e) -> Answer { return DialogOpened{id, e}; },
                        [&](const MessageCreated& e) -> Answer { return MessagePosted{id, e}; },
                        [&](const Archived&) -> Answer { return DialogIs{id, Status::archived}; },
                        [&](const Unarchived&) -> Answer { return DialogIs{id, Status::active}; },
                    },
                    event);
}

constinit const Rules kRules = rules<Event, State, Command, Answer>(6, kRefusals);

}  // namespace parley::dialogs
