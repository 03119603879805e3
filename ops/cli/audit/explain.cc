#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "ops/cli/audit/event_line.h"
#include "ops/cli/audit/tasks.h"
#include "ops/cli/audit/tree.h"
#include "platform/text/printable.h"
#include "schemas/commands.h"
#include "schemas/events.h"
#include "workers/processes/steps.h"

namespace parley::schema {

template <>
inline constexpr auto fields<audit::Node> = std::tuple{
    field("kind", &audit::Node::kind),         field("id", &audit::Node::id),
    field("type", &audit::Node::type),         field("stream", &audit::Node::stream),
    field("version", &audit::Node::version),   field("actor", &audit::Node::actor),
    field("time", &audit::Node::time),         field("position", &audit::Node::position),
    field("attempts", &audit::Node::attempts), field("is_gone", &audit::Node::is_gone),
    field("children", &audit::Node::children),
};

}  // namespace parley::schema

namespace parley::audit {
namespace {

/// How far an event's record may be from the time in its id: another clock, a slow transaction.
constexpr std::chrono::minutes kNear{5};
/// Events and commands that one tree holds at most.
constexpr std::size_t kTreeMax = 100'000;

SeenEvent seen(const projections::Record& record) {
  const auto& e = record.envelope;
  return {.id = e.id,
          .type = e.type,
          .stream = e.subject,
          .version = e.sequence,
          .actor = e.actor,
          .correlation = e.correlation,
          .cause = e.causation,
          .time = e.time,
          .position = fmt::format("{}:{}", record.partition, record.offset),
          .asked_for = {}};
}
/// With what it asks a reactor for. Of an event that this build cannot read that is not known.
SeenEvent seen_with_steps(const projections::Record& record) {
  auto out = seen(record);
  const auto event = schema::decode_event(record.envelope.type, record.value);
  if (event && *event) out.asked_for = processes::step_ids(record.envelope, **event);
  return out;
}

/// What was asked for: an event or a command by its id, an event as "dialog/1387@3", or a request.
struct Asked {
  std::string text;
  std::string stream = {};  ///< Of the third form.
  std::string version = {};

  explicit Asked(std::string given) : text(std::move(given)) {
    const auto at = text.rfind('@');
    if (at == std::string::npos || !parse_stream(text.substr(0, at))) return;
    stream = text.substr(0, at);
    version = text.substr(at + 1);
  }
  /// Whether it can be an event or a command. What an API calls a request is no UUID.
  bool may_be_of_an_event() const { return !stream.empty() || is_uuid(text); }
  bool is_event(const kafka::Message& message) const {
    if (!stream.empty()) return message.header("ce_subject") == stream && message.header("ce_sequence") == version;
    return message.header("ce_id") == text || message.header("ce_causationid") == text;
  }
};

/// The event that was asked for, and where the command that it names as its cause stands.
struct Found {
  SeenEvent event;
  std::int32_t partition = 0;
  std::int64_t command_offset = 0;
};

/// A log being read for one request.
class Search {
 public:
  explicit Search(Log& log) : log_(log) {}

  /// The event, or the first one of the command: near the time in the id, or else anywhere.
  Result<std::optional<Found>> find(const Asked& asked) {
    auto all = log_.all();
    if (!all) return std::unexpected(all.error());
    if (const auto time = time_of_uuid7(asked.text)) {
      auto near = log_.written_since(*all, *time - kNear);
      if (!near) return std::unexpected(near.error());
      const auto end = log_.written_since(*all, *time + kNear);
      if (!end) return std::unexpected(end.error());
      for (std::size_t i = 0; i < near->size(); ++i) (*near)[i].to = std::max((*near)[i].from, (*end)[i].from);
      auto found = find_in(*near, asked);
      if (!found || *found) return found;
    }
    return find_in(*all, asked);
  }

  /// The request of a command that led to no event, while its record is kept.
  Result<std::optional<std::string>> request_of_command(const std::string& command_id) {
    const auto commands = log_.commands();
    if (!commands) return std::unexpected(commands.error());
    Progress progress("explain: looking for the command");
    expect(progress, *commands);
    std::optional<std::string> request;
    const auto read = log_.read(
        *commands,
        [&](const kafka::Message& message) {
          if (message.header("command_id") == command_id)
            request = std::string(message.header("correlation_id").value_or(""));
          return !request;
        },
        progress);
    if (!read) return std::unexpected(read.error());
    return request;
  }

  /// When the request began: its id may tell, or the command of the event. Nothing when the command's record is not
  /// kept any more, or was sent by a reactor: that may have been long after the request.
  Result<std::optional<Timestamp>> begin_of(const Found& found) {
    if (const auto time = time_of_uuid7(found.event.correlation)) return time;
    const auto commands = log_.commands();
    if (!commands) return std::unexpected(commands.error());
    std::optional<Timestamp> begin;
    for (const auto& one : *commands) {
      if (one.where.partition != found.partition || found.command_offset < one.from || found.command_offset >= one.to)
        continue;
      Progress progress("explain");
      const auto read = log_.read(
          {{one.where, found.command_offset, found.command_offset + 1}},
          [&](const kafka::Message& message) {
            const auto command = schema::read_command_envelope(
                message.key(), [&](std::string_view name) { return message.header(name); });
            const bool is_it = command && command->command_id == found.event.cause;
            if (is_it && !std::holds_alternative<Reactor>(command->principal)) begin = message.time();
            return false;
          },
          progress);
      if (!read) return std::unexpected(read.error());
    }
    return begin;
  }

  /// Everything of a request since it began, and what its events and commands caused under another correlation id, if
  /// anything did. Without `since`: of the whole log.
  Result<void> collect(const std::string& correlation, std::optional<Timestamp> since) {
    std::set<std::string> wanted{correlation};
    for (std::size_t known = 0; known != wanted.size();) {
      known = wanted.size();
      if (const auto read = collect_all(wanted, since); !read) return read;
    }
    return {};
  }

  const std::vector<SeenCommand>& commands() const { return commands_; }
  const std::vector<SeenEvent>& events() const { return events_; }

 private:
  Result<std::optional<Found>> find_in(const std::vector<kafka::Stretch>& stretches, const Asked& asked) {
    Progress progress("explain: looking for the event");
    expect(progress, stretches);
    std::optional<Found> found;
    const auto read = log_.read(
        stretches,
        [&](const kafka::Message& message) {
          if (!asked.is_event(message)) return true;
          if (const auto record = projections::read_record(message))
            found = Found{seen(*record), record->partition, record->envelope.command_offset};
          return !found;
        },
        progress);
    if (!read) return std::unexpected(read.error());
    return found;
  }

  Result<void> collect_all(std::set<std::string>& wanted, std::optional<Timestamp> since) {
    commands_.clear();
    events_.clear();
    ids_.clear();
    auto commands = log_.commands();
    if (!commands) return std::unexpected(commands.error());
    auto events = log_.all();
    if (!events) return std::unexpected(events.error());
    if (since) {
      commands = log_.written_since(std::move(*commands), *since - kNear);
      if (!commands) return std::unexpected(commands.error());
      events = log_.written_since(std::move(*events), *since - kNear);
      if (!events) return std::unexpected(events.error());
    }
    Progress progress("explain");
    expect(progress, *commands);
    expect(progress, *events);
    if (const auto read = log_.read(
            *commands, [&](const auto& message) { return take_command(message, wanted); }, progress);
        !read)
      return read;
    if (const auto read = log_.read(
            *events, [&](const auto& message) { return take_event(message, wanted); }, progress);
        !read)
      return read;
    if (is_full())
      return std::unexpected(fmt::format("this request led to more than {} events and commands", kTreeMax));
    return {};
  }

  bool take_command(const kafka::Message& message, const std::set<std::string>& wanted) {
    if (!wanted.contains(std::string(message.header("correlation_id").value_or("")))) return true;
    const auto envelope =
        schema::read_command_envelope(message.key(), [&](std::string_view name) { return message.header(name); });
    if (!envelope) return true;  // a dead letter says what was wrong with it
    commands_.push_back({.id = envelope->command_id,
                         .type = envelope->type,
                         .principal = to_string(envelope->principal),
                         .correlation = envelope->correlation,
                         .time = message.time(),
                         .position = projections::place_of(message)});
    ids_.insert(envelope->command_id);
    return !is_full();
  }
  bool take_event(const kafka::Message& message, std::set<std::string>& wanted) {
    const bool is_of_request = wanted.contains(std::string(message.header("ce_correlationid").value_or("")));
    if (!is_of_request && !ids_.contains(std::string(message.header("ce_causationid").value_or("")))) return true;
    const auto record = projections::read_record(message);
    if (!record) return true;
    events_.push_back(seen_with_steps(*record));
    ids_.insert(record->envelope.id);
    ids_.insert(record->envelope.causation);
    wanted.insert(record->envelope.correlation);
    return !is_full();
  }
  bool is_full() const { return commands_.size() + events_.size() > kTreeMax; }
  static void expect(Progress& progress, const std::vector<kafka::Stretch>& stretches) {
    for (const auto& one : stretches) progress.expect(one.to - one.from);
  }

  Log& log_;
  std::vector<SeenCommand> commands_;
  std::vector<SeenEvent> events_;
  std::set<std::string> ids_;
};

/// "├─ ", drawn before a node; `below` is what its own children begin with.
void print(const Node& node, const std::string& asked, const std::string& before, const std::string& below) {
  std::cout << before << node.kind << " ";
  if (node.type) std::cout << text::printable(*node.type) << " ";
  if (node.stream)
    std::cout << "of " << text::printable(*node.stream) << " version " << node.version.value_or(0) << " ";
  std::cout << text::printable(node.id);
  if (node.kind != "event" && node.actor) std::cout << " by " << text::printable(*node.actor);
  if (node.time) std::cout << ", " << schema::format_time(*node.time);
  if (node.position) std::cout << ", at " << *node.position << " of the " << node.kind << "s";
  if (node.attempts.value_or(1) > 1) std::cout << ", sent " << *node.attempts << " times";
  if (node.is_gone) std::cout << ", its record is not kept any more";
  std::cout << (node.id == asked ? "  <-- asked for\n" : "\n");
  for (const auto& child : node.children) {
    const bool is_last = &child == &node.children.back();
    print(child, asked, below + (is_last ? "└─ " : "├─ "), below + (is_last ? "   " : "│  "));
  }
}

}  // namespace

Result<void> explain(const Common& common, const ExplainOptions& options) {
  const Asked asked(options.what);
  if (asked.text.empty()) return std::unexpected("an event, a command or a request must be named");
  auto log = Log::open(common.log);
  if (!log) return std::unexpected(log.error());
  Search search(*log);
  Result<std::optional<Found>> event;
  if (asked.may_be_of_an_event()) event = search.find(asked);
  if (!event) return std::unexpected(event.error());
  std::string request = asked.text, marked = asked.text;
  std::optional<Timestamp> since;
  if (*event) {
    request = (*event)->event.correlation;
    if (!asked.stream.empty()) marked = (*event)->event.id;
    if (!options.whole_log) {
      const auto begin = search.begin_of(**event);
      if (!begin) return std::unexpected(begin.error());
      since = *begin;
    }
  } else if (asked.may_be_of_an_event()) {
    const auto of_command = search.request_of_command(asked.text);
    if (!of_command) return std::unexpected(of_command.error());
    if (*of_command) request = **of_command;
  }
  if (const auto collected = search.collect(request, since); !collected) return collected;
  if (search.commands().empty() && search.events().empty()) {
    return std::unexpected(
        fmt::format("there is no event, command or request {} in {} (an event also is named like dialog/1387@3)",
                    asked.text, log->topic()));
  }
  const auto tree = build_tree(request, search.commands(), search.events());
  if (common.json) {
    std::cout << schema::write(tree) << "\n";
  } else {
    print(tree, marked, "", "");
  }
  return {};
}

}  // namespace parley::audit
