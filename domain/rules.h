#pragma once
// A context's rules as a table of functions over values without types, made of the context's own functions. Included by
// each context's .cc, which has one line: constinit const Rules kRules = rules<Event, State, Command, Answer>(1,
// kRefusals);
#include <concepts>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "domain/model.h"

namespace parley {

// Each context with streams defines its own.
#define PARLEY_CONTEXT(context, kind) \
  namespace context {                 \
  extern const Rules kRules;          \
  }
#define PARLEY_CONTEXT_WITHOUT_STREAMS(context)
#include "domain/contexts.def"

/// `fold_version` is bumped whenever the context's fold or its state's fields change: states that deciders of an older
/// build keep are discarded then, and folded again from the log. `refusals`: the context's own, which its decisions
/// give beside the shared ones. A context may have, beside evolve() and decide(), key_changes(const Event&),
/// wanted_key(const Command&) and answer_of(std::int64_t stream, const Event&).
template <class EventOf, class StateOf, class CommandOf, class AnswerOf>
constexpr Rules rules(int fold_version, std::span<const Code> refusals = {}) {
  Rules out{};
  out.fold_version = fold_version;
  out.refusals = refusals;
  out.has_event = [](const Event& event) { return event.holds<EventOf>(); };
  out.has_command = [](const Command& command) { return command.holds<CommandOf>(); };
  out.initial = [] { return State(StateOf{}); };
  out.evolve = [](const State& state, const Event& event, const Occurred& when) -> State {
    const auto& s = state.get<StateOf>();
    const auto& e = event.get<EventOf>();
    if constexpr (requires {
                    { evolve(s, e, when) } -> std::same_as<StateOf>;
                  }) {
      return evolve(s, e, when);
    } else {
      return evolve(s, e);
    }
  };
  out.decide = [](const State& state, const Command& command, Context& context) -> Decision<Event, Answer> {
    Decision<EventOf, AnswerOf> decision = decide(state.get<StateOf>(), command.get<CommandOf>(), context);
    if (!decision) return std::unexpected(decision.error());
    Accepted<Event, Answer> any{{}, std::move(decision->answer), decision->is_deferred};
    any.events.reserve(decision->events.size());
    for (auto& event : decision->events) any.events.emplace_back(std::move(event));
    if (decision->closing) {
      auto& [command_id, result] = *decision->closing;
      const auto as_any = [](auto& one) { return std::variant<Answer, Error>(std::move(one)); };
      any.closing = Closing<Answer>{std::move(command_id), std::visit(as_any, result)};
    }
    return any;
  };
  out.key_changes = [](const Event& event) -> std::vector<KeyChange> {
    if constexpr (requires(const EventOf& e) {
                    { key_changes(e) } -> std::same_as<std::vector<KeyChange>>;
                  }) {
      return key_changes(event.get<EventOf>());
    } else {
      return {};
    }
  };
  out.wanted_key = [](const Command& command) -> std::optional<UniqueKey> {
    if constexpr (requires(const CommandOf& c) {
                    { wanted_key(c) } -> std::same_as<std::optional<UniqueKey>>;
                  }) {
      return wanted_key(command.get<CommandOf>());
    } else {
      return std::nullopt;
    }
  };
  out.answer_of = [](std::int64_t stream, const Event& event) -> std::optional<Answer> {
    if constexpr (requires(const EventOf& e) {
                    { answer_of(stream, e) } -> std::same_as<AnswerOf>;
                  }) {
      return Answer(answer_of(stream, event.get<EventOf>()));
    } else {
      return std::nullopt;
    }
  };
  return out;
}

}  // namespace parley
