#include "domain/assistants/assistants.h"

#include <concepts>
#include <utility>

#include "domain/processes/pending_process.h"
#include "domain/rules.h"

namespace parley::assistants {
namespace {

using D = Decision<Event, Answer>;
using Accept = Accepted<Event, Answer>;

template <class T>
void set(const std::optional<T>& change, T& target) {
  if (change) target = *change;
}
template <class T>
void set(const Patch<T>& change, std::optional<T>& target) {
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

Assistant updated(Assistant s, const Updated& e) {
  each_part(e, s, [](const auto& change, auto& target) { set(change, target); });
  s.pending_update.reset();
  return s;
}
/// Without what is so already.
Updated news(const Assistant& s, Updated wanted) {
  each_part(wanted, s, [](auto& change, const auto& current) {
    auto after = current;
    set(change, after);
    if (after == current) change = {};
  });
  return wanted;
}

State after(State state, const std::vector<Event>& events, const Context& x) {
  for (const auto& event : events) state = evolve(state, event, {x.now, 0});
  return state;
}
/// What an answer shows is folded from the same events. Without what is between the assistant and its bot.
AssistantChanged changed(const Assistant& s, const std::vector<Event>& events, const Context& x) {
  auto now = std::get<Assistant>(after(s, events, x));
  now.bot.reset();
  now.pending_update.reset();
  return {AssistantId{x.stream_id}, std::move(now)};
}
D noted(std::vector<Event> events) { return Accept{std::move(events), Noted{}}; }
/// The end of what that command began.
D ended(std::vector<Event> events, const std::string& command_id, std::variant<Answer, Error> result) {
  return Accept{std::move(events), Noted{}, false, Closing<Answer>{command_id, std::move(result)}};
}

D rule(const NoAssistant&, const Create& c, Context& x) {
  const auto owner = asking_owner(x.principal);
  if (!owner) return refuse(kInsufficientPermissions);
  if (c.owner_is_full.value_or(false)) return refuse(kAssistantLimitReached);
  Created e{*owner,           c.name,       c.description,        c.system_prompt,
            c.ai_model,       c.site_token, c.telegram_bot_token, c.website_integration,
            c.allowed_domains};
  AssistantCreated answer{AssistantId{x.stream_id}, e};
  if (c.telegram_bot_token && c.bot_index) {
    const auto token = *std::exchange(e.telegram_bot_token, std::nullopt);
    return Accept{{CreationRequested{processes::new_process(x), std::string(x.command_id), *c.bot_index, token, e}},
                  std::move(answer),
                  true};
  }
  return Accept{{e}, std::move(answer)};
}
// A creation gets an id of its own, so it never meets an assistant.
D rule(const auto&, const Create&, Context&) { return refuse(kVersionConflict); }

// Whoever may not know of an assistant is told that there is none.
bool may_change(const Assistant& s, const Context& x) { return asking_owner(x.principal) == s.owner; }

D rule(const Assistant& s, const Update& c, Context& x) {
  if (!may_change(s, x)) return refuse(kAssistantNotFound);
  auto e = news(s, c.change);
  if (e == Updated{}) return Accept{{}, changed(s, {}, x)};
  const bool is_same_bot = s.bot && s.bot->index == c.bot_index;
  if (e.telegram_bot_token.value && c.bot_index && !is_same_bot) {
    const auto token = *std::exchange(e.telegram_bot_token, {}).value;
    return Accept{{UpdateRequested{processes::new_process(x), std::string(x.command_id), *c.bot_index, token, e}},
                  changed(s, {}, x),
                  true};
  }
  std::vector<Event> events{e};
  if (s.bot && e.telegram_bot_token.given && !is_same_bot)
    events.emplace_back(BotReleased{s.bot->process_id, s.bot->index});
  auto answer = changed(s, events, x);
  return Accept{std::move(events), std::move(answer)};
}
D rule(const Assistant& s, const RotateSiteToken& c, Context& x) {
  if (!may_change(s, x)) return refuse(kAssistantNotFound);
  const SiteTokenRotated e{c.site_token};
  return Accept{{e}, changed(s, {e}, x)};
}
D rule(const Assistant& s, const Delete&, Context& x) {
  if (!may_change(s, x)) return refuse(kAssistantNotFound);
  std::vector<Event> events{Deleted{}};
  if (s.bot) events.emplace_back(BotReleased{s.bot->process_id, s.bot->index});
  return Accept{std::move(events), AssistantDeleted{AssistantId{x.stream_id}}};
}

// What became of a bot's reservation.

D rule(const RequestedAssistant& s, const FinishBotChange& c,
       Context& x) {  // the only process that this stream can have
  if (!c.is_reserved)
    return ended({CreationRefused{s.process_id, s.bot_index}}, s.command_id, Error{kBotAlreadyExists, {}});
  return ended({s.assistant, BotClaimed{s.process_id, s.bot_index}}, s.command_id,
               Answer{AssistantCreated{AssistantId{x.stream_id}, s.assistant}});
}
D rule(const Assistant& s, const FinishBotChange& c, Context& x) {
  const auto used_by = s.bot ? std::optional(s.bot->process_id) : std::nullopt;
  const auto ending = processes::ending_of(c.process_id, c.is_reserved, s.pending_update, used_by);
  if (ending == processes::Ending::known) return noted({});
  if (ending == processes::Ending::unneeded) return noted({BotReleased{c.process_id, c.bot_index}});
  const auto& pending = *s.pending_update;
  if (!c.is_reserved) return ended({UpdateRefused{c.process_id}}, pending.command_id, Error{kBotAlreadyExists, {}});
  std::vector<Event> events{pending.change, BotClaimed{c.process_id, pending.bot_index}};
  if (s.bot) events.emplace_back(BotReleased{s.bot->process_id, s.bot->index});
  auto answer = changed(s, events, x);
  return ended(std::move(events), pending.command_id, Answer{std::move(answer)});
}
D rule(const DeletedAssistant&, const FinishBotChange& c, Context&) {
  if (!c.is_reserved) return noted({});
  return noted({BotReleased{c.process_id, c.bot_index}});
}
// Its creation was refused; what was reserved long after that nobody needs.
D rule(const NoAssistant&, const FinishBotChange& c, Context&) {
  if (!c.is_reserved) return noted({});
  return noted({CreationRefused{c.process_id, c.bot_index}});
}

D rule(const auto&, const auto&, Context&) { return refuse(kAssistantNotFound); }

// What events do to an assistant: each has its place here, so that one that is forgotten does not compile.

State fold(const auto&, const Created& e, const Occurred& when) {
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
}
State fold(const Assistant& s, const Updated& e, const Occurred&) { return updated(s, e); }
State fold(Assistant s, const SiteTokenRotated& e, const Occurred&) {
  s.site_token = e.site_token;
  s.pending_update.reset();
  return s;
}
State fold(const Assistant&, const Deleted&, const Occurred&) { return DeletedAssistant{}; }
State fold(Assistant s, const UpdateRequested& e, const Occurred&) {
  s.pending_update = PendingUpdate{e.process_id, e.command_id, e.bot_index, e.change};
  s.pending_update->change.telegram_bot_token = {e.telegram_bot_token};
  return s;
}
State fold(Assistant s, const UpdateRefused& e, const Occurred&) {
  if (s.pending_update && s.pending_update->process_id == e.process_id) s.pending_update.reset();
  return s;
}
State fold(Assistant s, const BotClaimed& e, const Occurred&) {
  s.bot = Bot{e.process_id, e.bot_index};
  return s;
}
State fold(Assistant s, const BotReleased& e, const Occurred&) {
  if (s.bot && s.bot->process_id == e.process_id) s.bot.reset();
  return s;
}
// Of a creation: an assistant that is there is not created again.
State fold(const Assistant& s, const CreationRequested&, const Occurred&) { return s; }
State fold(const Assistant& s, const CreationRefused&, const Occurred&) { return s; }
State fold(const NoAssistant&, const CreationRequested& e, const Occurred&) {
  RequestedAssistant s{e.process_id, e.command_id, e.bot_index, e.assistant};
  s.assistant.telegram_bot_token = e.telegram_bot_token;
  return s;
}
State fold(const RequestedAssistant&, const CreationRefused&, const Occurred&) { return NoAssistant{}; }
// Of an assistant that is not there.
template <class NotThere>
  requires(!std::same_as<NotThere, Assistant>)
State fold(const NotThere& s, const auto&, const Occurred&) {
  return s;
}

}  // namespace

State evolve(const State& state, const Event& event, const Occurred& when) {
  return std::visit([&](const auto& s, const auto& e) { return fold(s, e, when); }, state, event);
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  if (std::holds_alternative<FinishBotChange>(command) && !std::holds_alternative<Reactor>(context.principal)) {
    return refuse(kInsufficientPermissions);
  }
  auto decision = std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
  const auto* assistant = std::get_if<Assistant>(&state);
  if (decision && !decision->closing && assistant != nullptr && assistant->pending_update) {
    const auto now = after(state, decision->events, context);
    const auto* then = std::get_if<Assistant>(&now);
    decision->closing =
        processes::given_up<Answer>(assistant->pending_update, then != nullptr ? then->pending_update : std::nullopt,
                                    then != nullptr ? kVersionConflict : kAssistantNotFound);
  }
  return decision;
}

constinit const Rules kRules = rules<Event, State, Command, Answer>(6, kRefusals);

}  // namespace parley::assistants
