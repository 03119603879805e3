#include "domain/model.h"

#include <array>
#include <charconv>
#include <concepts>
#include <stdexcept>

namespace parley {
namespace {

constexpr std::array<std::string_view, 4> kKinds{"account", "assistant", "dialog", "claim"};
static_assert(kKinds.size() == std::variant_size_v<State>);

/// A positive id as std::to_string() writes it.
std::optional<std::int64_t> parse_id(std::string_view digits) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc{} || end != digits.data() + digits.size() || id <= 0 || id > kIdMax || digits.front() == '0') return std::nullopt;
  return id;
}

/// "<name>/<id>" split; nothing when it is not that.
std::optional<std::pair<std::string_view, std::int64_t>> parse_reference(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto id = parse_id(text.substr(slash + 1));
  if (!id) return std::nullopt;
  return std::pair{text.substr(0, slash), *id};
}

}  // namespace

std::string_view to_string(Kind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }
std::string to_string(const Stream& stream) { return std::string(to_string(stream.kind)) + "/" + std::to_string(stream.id); }

std::optional<Stream> parse_stream(std::string_view text) {
  const auto reference = parse_reference(text);
  if (!reference) return std::nullopt;
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == reference->first) return Stream{static_cast<Kind>(i), reference->second};
  }
  return std::nullopt;
}

std::string to_string(const Principal& principal) {
  return std::visit(overloaded{
                        [](const Anonymous&) { return std::string("anonymous"); },
                        [](const Owner& p) { return "account/" + std::to_string(p.account.value); },
                        [](const Operator& p) { return "operator/" + std::to_string(p.account.value) + "/" + std::to_string(p.owner.value); },
                        [](const Admin& p) { return "admin/" + std::to_string(p.account.value); },
                        [](const Visitor& p) { return "visitor/" + std::to_string(p.assistant.value); },
                        [](const Administrator&) { return std::string("administrator"); },
                        [](const Integrator& p) { return "api_key/" + std::to_string(p.key.value) + "/" + std::to_string(p.owner.value); },
                        [](const Reactor&) { return std::string("reactor"); },
                    },
                    principal);
}

std::optional<Principal> parse_principal(std::string_view text) {
  if (text == "anonymous") return Anonymous{};
  if (text == "administrator") return Administrator{};
  if (text == "reactor") return Reactor{};
  if (text.starts_with("operator/") || text.starts_with("api_key/")) {
    const auto last = text.rfind('/');
    const auto one = parse_reference(text.substr(0, last));
    const auto owner = parse_id(text.substr(last + 1));
    if (!one || !owner) return std::nullopt;
    if (one->first == "operator") return Operator{AccountId{one->second}, AccountId{*owner}};
    return Integrator{ApiKeyId{one->second}, AccountId{*owner}};
  }
  const auto reference = parse_reference(text);
  if (!reference) return std::nullopt;
  if (reference->first == "account") return Owner{AccountId{reference->second}};
  if (reference->first == "admin") return Admin{AccountId{reference->second}};
  if (reference->first == "visitor") return Visitor{AssistantId{reference->second}};
  return std::nullopt;
}

State initial_state(Kind kind) {
  switch (kind) {
    case Kind::account:
      return accounts::State{};
    case Kind::assistant:
      return assistants::State{};
    case Kind::dialog:
      return dialogs::State{};
    case Kind::claim:
      return claims::State{};
  }
  throw std::logic_error("unknown kind of stream");
}

State evolve(const State& state, const Event& event, const Occurred& when) {
  return std::visit(
      [&]<class S, class E>(const S& s, const E& e) -> State {
        if constexpr (requires {
                        { evolve(s, e, when) } -> std::same_as<S>;
                      }) {
          return evolve(s, e, when);
        } else if constexpr (requires {
                               { evolve(s, e) } -> std::same_as<S>;
                             }) {
          return evolve(s, e);
        } else if constexpr (std::same_as<E, parking::Event>) {
          return s;
        } else {
          throw std::logic_error("an event of another kind than its stream");
        }
      },
      state, event);
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  return std::visit(
      [&]<class S, class C>(const S& s, const C& c) -> Decision<Event, Answer> {
        // A mismatched pair would convert to this very function's arguments: only a context's own decide() may answer.
        if constexpr (requires { requires !std::same_as<decltype(decide(s, c, context)), Decision<Event, Answer>>; }) {
          auto decision = decide(s, c, context);
          if (!decision) return std::unexpected(decision.error());
          Accepted<Event, Answer> out{{decision->events.begin(), decision->events.end()}, decision->answer, decision->is_deferred};
          if (decision->closing) {
            auto& [command_id, result] = *decision->closing;
            const auto as_any = [](auto& one) { return std::variant<Answer, Error>(std::move(one)); };
            out.closing = Closing<Answer>{std::move(command_id), std::visit(as_any, result)};
          }
          return out;
        } else {
          throw std::logic_error("a command of another kind than its stream");
        }
      },
      state, command);
}

std::vector<KeyChange> key_changes(const Event& event) {
  const auto of_account = overloaded{
      [](const accounts::Registered& e) -> std::vector<KeyChange> { return {{email_key(e.email_index)}}; },
      [](const accounts::EmailChanged& e) -> std::vector<KeyChange> { return {{email_key(e.previous_email_index), false}}; },
      [](const auto&) -> std::vector<KeyChange> { return {}; },
  };
  const auto of_claim = overloaded{
      [](const claims::Reserved& e) -> std::vector<KeyChange> {
        const UniqueKey value{e.index, e.key};
        return {{claim_key(value)}, {value}};
      },
      [](const claims::Refused& e) -> std::vector<KeyChange> { return {{claim_key({e.index, e.key})}}; },
      [](const claims::Released& e) -> std::vector<KeyChange> { return {{{e.index, e.key}, false}}; },
      [](const claims::Confirmed&) -> std::vector<KeyChange> { return {}; },
  };
  if (const auto* account = std::get_if<accounts::Event>(&event)) return std::visit(of_account, *account);
  if (const auto* claim = std::get_if<claims::Event>(&event)) return std::visit(of_claim, *claim);
  return {};
}

std::optional<UniqueKey> wanted_key(const Command& command) {
  const auto of_account = overloaded{
      [](const accounts::Register& c) -> std::optional<UniqueKey> { return email_key(c.email_index); },
      [](const accounts::AddOperator& c) -> std::optional<UniqueKey> { return email_key(c.email_index); },
      [](const accounts::CreateAdmin& c) -> std::optional<UniqueKey> { return email_key(c.email_index); },
      [](const auto&) -> std::optional<UniqueKey> { return std::nullopt; },
  };
  if (const auto* account = std::get_if<accounts::Command>(&command)) return std::visit(of_account, *account);
  if (const auto* claim = std::get_if<claims::Command>(&command)) {
    if (const auto* reserve = std::get_if<claims::Reserve>(claim)) return UniqueKey{reserve->index, reserve->key};
  }
  return std::nullopt;
}

}  // namespace parley
