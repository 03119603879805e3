#include "domain/claims/claims.h"

#include "domain/rules.h"

namespace parley::claims {
namespace {

using D = Decision<Event, Answer>;
using Accept = Accepted<Event, Answer>;

D with(Event event) { return Accept{{std::move(event)}, Noted{}}; }
D nothing_to_do() { return Accept{{}, Noted{}}; }
Reserved reserved(const Reserve& c) { return {c.index, c.key, c.process_id, c.holder, c.holder_version}; }
Refused refused(const Reserve& c) { return {c.index, c.key, c.process_id, c.holder}; }

D rule(const Free&, const Reserve& c, Context& x) {
  if (x.key_is_taken) return with(refused(c));
  return with(reserved(c));
}
D rule(const Held& s, const Reserve& c, Context&) {
  if (s.process_id == c.process_id) return nothing_to_do();
  // Of the same holder the release of the one before may still be on its way. One that comes again after a later one
  // must not take its place.
  if (s.holder != c.holder || s.holder_version >= c.holder_version) return with(refused(c));
  return with(reserved(c));
}
D rule(const Held& s, const Confirm& c, Context&) {
  if (s.process_id != c.process_id || s.is_confirmed) return nothing_to_do();
  return with(Confirmed{c.process_id});
}
D rule(const Held& s, const Release& c, Context&) {
  if (s.process_id != c.process_id) return nothing_to_do();
  return with(Released{c.index, c.key, c.process_id});
}
D rule(const Free&, const auto&, Context&) { return nothing_to_do(); }

}  // namespace

State evolve(const State& state, const Event& event) {
  return std::visit(overloaded{
                        [](const Reserved& e) -> State {
                          return Held{
                              .process_id = e.process_id, .holder = e.holder, .holder_version = e.holder_version};
                        },
                        [&](const Refused&) { return state; },
                        [&](const Confirmed& e) {
                          auto held = state;
                          if (auto* one = std::get_if<Held>(&held); one != nullptr && one->process_id == e.process_id)
                            one->is_confirmed = true;
                          return held;
                        },
                        [&](const Released& e) -> State {
                          const auto* held = std::get_if<Held>(&state);
                          if (held != nullptr && held->process_id != e.process_id) return state;
                          return Free{};
                        },
                    },
                    event);
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  if (!std::holds_alternative<Reactor>(context.principal)) return refuse(kInsufficientPermissions);
  return std::visit([&](const auto& s, const auto& c) { return rule(s, c, context); }, state, command);
}

std::vector<KeyChange> key_changes(const Event& event) {
  return std::visit(overloaded{
                        [](const Reserved& e) -> std::vector<KeyChange> {
                          const UniqueKey value{e.index, e.key};
                          return {{claim_key(value)}, {value}};
                        },
                        [](const Refused& e) -> std::vector<KeyChange> { return {{claim_key({e.index, e.key})}}; },
                        [](const Released& e) -> std::vector<KeyChange> { return {{{e.index, e.key}, false}}; },
                        [](const Confirmed&) -> std::vector<KeyChange> { return {}; },
                    },
                    event);
}

std::optional<UniqueKey> wanted_key(const Command& command) {
  const auto* reserve = std::get_if<Reserve>(&command);
  return reserve == nullptr ? std::nullopt : std::optional(UniqueKey{reserve->index, reserve->key});
}

constinit const Rules kRules = rules<Event, State, Command, Answer>(6);

}  // namespace parley::claims
