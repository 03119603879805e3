#include "domain/model.h"

#include <array>
#include <charconv>
#include <stdexcept>

#include "domain/parking/parking.h"
#include "domain/rules.h"

namespace parley {
namespace {

struct Listed {
  Kind kind;
  std::string_view name;
  const Rules* rules;
};
/// In the order of Kind.
constexpr std::array kListed{
#define PARLEY_CONTEXT(context, kind) Listed{Kind::kind, #kind, &context::kRules},
#define PARLEY_CONTEXT_WITHOUT_STREAMS(context)
#include "domain/contexts.def"
};
const Listed& listed(Kind kind) { return kListed.at(static_cast<std::size_t>(kind)); }

const Listed* with_event(const Event& event) {
  for (const auto& one : kListed) {
    if (one.rules->has_event(event)) return &one;
  }
  return nullptr;
}
const Listed* with_command(const Command& command) {
  for (const auto& one : kListed) {
    if (one.rules->has_command(command)) return &one;
  }
  return nullptr;
}

/// A positive id as std::to_string() writes it.
std::optional<std::int64_t> parse_id(std::string_view digits) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc{} || end != digits.data() + digits.size() || id <= 0 || id > kIdMax || digits.front() == '0')
    return std::nullopt;
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

std::vector<Kind> kinds() {
  std::vector<Kind> out;
  for (const auto& one : kListed) out.push_back(one.kind);
  return out;
}
const Rules& rules_of(Kind kind) { return *listed(kind).rules; }
std::optional<Kind> kind_of(const Command& command) {
  const auto* found = with_command(command);
  return found == nullptr ? std::nullopt : std::optional(found->kind);
}
std::optional<Kind> kind_of(const Event& event) {
  const auto* found = with_event(event);
  return found == nullptr ? std::nullopt : std::optional(found->kind);
}

std::string_view to_string(Kind kind) { return listed(kind).name; }
std::string to_string(const Stream& stream) {
  return std::string(to_string(stream.kind)) + "/" + std::to_string(stream.id);
}

std::optional<Stream> parse_stream(std::string_view text) {
  const auto reference = parse_reference(text);
  if (!reference) return std::nullopt;
  for (const auto& one : kListed) {
    if (one.name == reference->first) return Stream{one.kind, reference->second};
  }
  return std::nullopt;
}

std::string to_string(const Principal& principal) {
  return std::visit(overloaded{
                        [](const Anonymous&) { return std::string("anonymous"); },
                        [](const Owner& p) { return "account/" + std::to_string(p.account.value); },
                        [](const Operator& p) {
                          return "operator/" + std::to_string(p.account.value) + "/" + std::to_string(p.owner.value);
                        },
                        [](const Admin& p) { return "admin/" + std::to_string(p.account.value); },
                        [](const Visitor& p) { return "visitor/" + std::to_string(p.assistant.value); },
                        [](const ConsoleOperator&) { return std::string("administrator"); },
                        [](const ApiClient& p) {
                          return "api_key/" + std::to_string(p.key.value) + "/" + std::to_string(p.owner.value);
                        },
                        [](const Reactor&) { return std::string("reactor"); },
                    },
                    principal);
}

std::optional<Principal> parse_principal(std::string_view text) {
  if (text == "anonymous") return Anonymous{};
  if (text == "administrator") return ConsoleOperator{};
  if (text == "reactor") return Reactor{};
  if (text.starts_with("operator/") || text.starts_with("api_key/")) {
    const auto last = text.rfind('/');
    const auto one = parse_reference(text.substr(0, last));
    const auto owner = parse_id(text.substr(last + 1));
    if (!one || !owner) return std::nullopt;
    if (one->first == "operator") return Operator{AccountId{one->second}, AccountId{*owner}};
    return ApiClient{ApiKeyId{one->second}, AccountId{*owner}};
  }
  const auto reference = parse_reference(text);
  if (!reference) return std::nullopt;
  if (reference->first == "account") return Owner{AccountId{reference->second}};
  if (reference->first == "admin") return Admin{AccountId{reference->second}};
  if (reference->first == "visitor") return Visitor{AssistantId{reference->second}};
  return std::nullopt;
}

State initial_state(Kind kind) { return rules_of(kind).initial(); }

bool belongs(const Event& event, Kind kind) { return rules_of(kind).has_event(event) || event.holds<parking::Event>(); }

State evolve(const State& state, const Event& event, const Occurred& when) {
  if (event.holds<parking::Event>()) return state;
  const auto* context = with_event(event);
  if (context == nullptr) throw std::logic_error("an event of no stream's context cannot be folded");
  return context->rules->evolve(state, event, when);
}

Decision<Event, Answer> decide(const State& state, const Command& command, Context& context) {
  const auto* found = with_command(command);
  if (found == nullptr) throw std::logic_error("a command that no context decides");
  return found->rules->decide(state, command, context);
}

std::optional<Answer> answer_of(const Stream& stream, const Event& event) {
  const auto& rules = rules_of(stream.kind);
  return rules.has_event(event) ? rules.answer_of(stream.id, event) : std::nullopt;
}

std::vector<Code> refusals() {
  std::vector<Code> all(kSharedRefusals.begin(), kSharedRefusals.end());
  for (const auto& one : kListed) all.insert(all.end(), one.rules->refusals.begin(), one.rules->refusals.end());
  all.insert(all.end(), parking::kRefusals.begin(), parking::kRefusals.end());
  return all;
}

std::vector<KeyChange> key_changes_of(const Event& event) {
  const auto* context = with_event(event);
  return context == nullptr ? std::vector<KeyChange>{} : context->rules->key_changes(event);
}

std::optional<UniqueKey> wanted_key_of(const Command& command) {
  const auto* context = with_command(command);
  return context == nullptr ? std::nullopt : context->rules->wanted_key(command);
}

}  // namespace parley
