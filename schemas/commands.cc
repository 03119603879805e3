#include "schemas/commands.h"

#include "schemas/context.h"

namespace parley::schema {
namespace {

constexpr std::string_view kNew = "new", kUnique = "unique/", kByEvent = "event";

std::string to_string(const Target& target) {
  return std::visit(overloaded{
                        [](const NewStream&) { return std::string(kNew); },
                        [](const Stream& s) { return parley::to_string(s); },
                        [](const UniqueKey& k) { return std::string(kUnique) + k.index + "/" + k.key; },
                    },
                    target);
}

std::optional<Target> parse_target(std::string_view text) {
  if (text == kNew) return NewStream{};
  if (text.starts_with(kUnique)) {
    text.remove_prefix(kUnique.size());
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    return UniqueKey{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
  }
  if (const auto stream = parse_stream(text)) return *stream;
  return std::nullopt;
}

}  // namespace

int slot_of_target(const Target& target, std::string_view command_id, int (*slot_of_text)(std::string_view)) {
  return std::visit(overloaded{
                        [&](const NewStream&) { return slot_of_text(command_id); },
                        [](const Stream& stream) { return slot_of(stream.id); },
                        [&](const UniqueKey& key) { return slot_of_text(key.key); },
                    },
                    target);
}

CommandRecord to_record(const CommandEnvelope& e, const Command& command) {
  auto encoded = encode_command(command);
  CommandRecord record{std::to_string(e.slot),
                       {
                           {"type", std::string(encoded.type)},
                           {"command_id", e.command_id},
                           {"attempt_id", e.attempt_id},
                           {"fingerprint", e.fingerprint},
                           {"principal", parley::to_string(e.principal)},
                           {"target", to_string(e.target)},
                           {"not_after", format_time(e.not_after)},
                           {"correlation_id", e.correlation},
                           {"content-type", std::string(kJson)},
                       },
                       std::move(encoded.json)};
  if (e.takes_events) record.headers.emplace_back("answer", std::string(kByEvent));
  if (e.expected_version) record.headers.emplace_back("expected_version", std::to_string(*e.expected_version));
  return record;
}

std::expected<CommandEnvelope, std::string> read_command_envelope(std::string_view key, const HeaderLookup& header) {
  std::string problem;
  auto text = [&](std::string_view name) -> std::string {
    const auto found = header(name);
    if (!found && problem.empty()) problem = "header " + std::string(name) + " is missing";
    return std::string(found.value_or(""));
  };
  auto require = [&](std::string_view name, auto parsed) {
    if (!parsed && problem.empty()) problem = "header " + std::string(name) + " is malformed";
    return parsed;
  };
  CommandEnvelope e;
  e.type = text("type");
  e.command_id = text("command_id");
  e.attempt_id = text("attempt_id");
  e.fingerprint = text("fingerprint");
  e.correlation = text("correlation_id");
  if (const auto principal = require("principal", parse_principal(text("principal")))) e.principal = *principal;
  if (const auto target = require("target", parse_target(text("target")))) e.target = *target;
  if (const auto not_after = require("not_after", parse_time(text("not_after")))) e.not_after = *not_after;
  e.takes_events = header("answer") == kByEvent;
  if (const auto expected = header("expected_version"))
    e.expected_version = require("expected_version", parse_integer(*expected));
  const auto slot = parse_integer(key);
  if ((!slot || *slot < 0 || *slot >= kSlots) && problem.empty()) problem = "the key is not a slot";
  if (!problem.empty()) return std::unexpected(problem);
  e.slot = static_cast<int>(*slot);
  return e;
}

std::expected<std::pair<CommandEnvelope, Command>, CommandProblem> read_command(std::string_view key,
                                                                                const HeaderLookup& header,
                                                                                std::string_view value) {
  auto e = read_command_envelope(key, header);
  if (!e) return std::unexpected(CommandProblem{std::move(e.error()), std::nullopt});
  const auto document = json::Document::parse(std::string(value), json::Strict::no);
  if (!document) return std::unexpected(CommandProblem{"value:  " + document.error().issue, std::move(*e)});
  auto command = decode_command(e->type, document->root());
  if (!command)
    return std::unexpected(
        CommandProblem{"value: " + command.error().field + " " + command.error().issue, std::move(*e)});
  if (!*command) return std::unexpected(CommandProblem{"unknown type of command", std::move(*e)});
  return std::pair{std::move(*e), std::move(**command)};
}

}  // namespace parley::schema
