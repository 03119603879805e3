#include "domain/assistants/assistants.h"

namespace parley::assistants {
namespace {

using D = Decision<Event, Answer>;
using Accept = Accepted<Event, Answer>;

template <class T>
void apply(const std::optional<T>& change, T& target) {
  if (change) target = *change;
}
template <class T>
void apply(const Patch<T>& change, std::optional<T>& target) {
  change.apply_to(target);
}

/// Each part of a change with what it changes: one list for the fold and for the decision.
template <class Change, class Of, class F>
void each_part(Change& c, Of& s, F f) {
  f(c.name, s.name);
  f(c.description, s.description);
  f(c.system_prompt, s.system_prompt);
  f(c.ai_model, s.ai_model);
  f(c.is_active, s.is_active);
  f(c.telegram_bot_token, s.telegram_bot_token);
  f(c.website_integration, s.website_integration);
  f(c.allowed_domains, s.allowed_domains);
}

Assistant changed(Assistant s, const Updated& e) {
  each_part(e, s, [](const auto& change, auto& target) { apply(change, target); });
  return s;
}
/// Without what is so already.
Updated news(const Assistant& s, Updated wanted) {
  each_part(wanted, s, [](auto& change, const auto& current) {
    auto after = current;
    apply(change, after);
    if (after == current) change = {};
  });
  return wanted;
}

D rule(const NoAssistant&, const Create& c, Context& x) {
  const auto owner = asking_owner(x.principal);
  if (!owner) return refuse(Code::insufficient_permissions);
  Created e{*owner, c.name, c.description, c.system_prompt, c.ai_model, c.site_token, c.telegram_bot_token, c.website_integration, c.allowed_domains};
  return Accept{{e}, AssistantCreated{AssistantId{x.stream_id}, e}};
}
// A creation gets an id of its own, so it never meets an assistant.
D rule(const Assistant&, const Create&, Context&) { return refuse(Code::version_conflict); }
D rule(const DeletedAssistant&, const Create&, Context&) { return refuse(Code::version_conflict); }

// Whoever may not know of an assistant is told that there is none.
bool may_change(const Assistant& s, const Context& x) { return asking_owner(x.principal) == s.owner; }

D rule(const Assistant& s, const Update& c, Context& x) {
  if (!may_change(s, x)) return refuse(Code::assistant_not_found);
  const auto e = news(s, c.change);
  if (e == Updated{}) return Accept{{}, AssistantChanged{AssistantId{x.stream_id}, s}};
  return Accept{{e}, AssistantChanged{AssistantId{x.stream_id}, changed(s, e)}};
}
D rule(const Assistant& s, const RotateSiteToken& c, Context& x) {
  if (!may_change(s, x)) return refuse(Code::assistant_not_found);
  auto now = s;
  now.site_token = c.site_token;
  return Accept{{SiteTokenRotated{c.site_token}}, AssistantChanged{AssistantId{x.stream_id}, std::move(now)}};
}
D rule(const Assistant& s, const Delete&, Context& x) {
  if (!may_change(s, x)) return refuse(Code::assistant_not_found);
  return Accept{{Deleted{}}, AssistantDeleted{AssistantId{x.stream_id}}};
}
D rule(const NoAssistant&, const auto&, Context&) { return refuse(Code::assistant_not_found); }
D rule(const DeletedAssistant&, const auto&, Context&) { return refuse(Code::assistant_not_found); }

}  // namespace

State evolve(const State& state, const Event& event, const Occurred& when) {
  return std::visit(overloaded{
                        [&when](const auto&, const Created& e) -> State {
                          return Assistant{.owner = e.owner,
                                           .name = e.name,
                                           .description = e.description,
                                           .system_prompt = e.system_prompt,
                                           .ai_model = e.ai_model,
                                           .telegram_bot_token = e.telegram_bot_token,
                                           .website_integration = e.website_integration,
                                           .allowed_domains = e.allowed_domains,
                                           .site_token = e.site_token,
                                           .created_at = when.time};
                        },
                        [](const Assistant& s, const Updated& e) -> State { return changed(s, e); },
                        [](Assistant s, const SiteTokenRotated& e) -> State {
                          s.site_token = e.site_token;
                          return s;
                        },
                        [](const Assistant&, const Deleted&) -> State { return DeletedAssistant{}; },
                        // Of an assistant that is not there.
                        [](const auto& s, const auto&) -> State { return s; },
                    },
                    state, event);
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  return std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
}

}  // namespace parley::assistants
