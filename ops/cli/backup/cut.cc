#include "ops/cli/backup/cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <variant>

#include "domain/model.h"
#include "schemas/events.h"
#include "workers/processes/steps.h"

namespace parley::backup {
namespace {

std::string stream_name(std::string_view subject) { return "stream " + std::string(subject); }
std::string event_name(std::string_view id) { return "event " + std::string(id); }
/// What one decision appended: events of one stream with one stamp.
std::string decision_name(const schema::Envelope& e) {
  return fmt::format("decision {} {}", e.subject, schema::format_time(e.time));
}

std::optional<Stream> stream_of_actor(const Principal& principal) {
  if (const auto owner = asking_owner(principal)) return Stream{Kind::account, owner->value};
  if (const auto* member = std::get_if<Operator>(&principal)) return Stream{Kind::account, member->account.value};
  if (const auto* admin = std::get_if<Admin>(&principal)) return Stream{Kind::account, admin->account.value};
  if (const auto* visitor = std::get_if<Visitor>(&principal)) return Stream{Kind::assistant, visitor->assistant.value};
  return std::nullopt;
}

}  // namespace

Fact fact_of(const schema::Envelope& envelope, std::string_view value, std::int64_t offset) {
  Fact out{offset, envelope.time, {event_name(envelope.id), decision_name(envelope)}, {}};
  if (envelope.sequence == 1) out.gives.push_back(stream_name(envelope.subject));
  const auto event = schema::decode_event(envelope.type, value);
  if (event && *event) {
    // What an event asked for elsewhere has the asking as its cause.
    for (const auto& command : processes::step_ids(envelope, **event)) out.gives.push_back(event_name(command));
  }
  out.needs = {decision_name(envelope), event_name(envelope.causation)};
  if (const auto actor = parse_principal(envelope.actor)) {
    if (const auto stream = stream_of_actor(*actor)) out.needs.push_back(stream_name(to_string(*stream)));
  }
  if (event && *event) {
    for (const auto& stream : schema::streams_named(**event)) out.needs.push_back(stream_name(to_string(stream)));
  }
  return out;
}

bool Cut::pass(int partition, const Fact& fact) {
  auto& end = ends_[static_cast<std::size_t>(partition)];
  if (fact.offset < end && fact.time > until_) end = fact.offset;
  if (fact.offset < end) return true;
  leave_out(fact);
  return false;
}

void Cut::end_at(int partition, std::int64_t offset) {
  auto& end = ends_[static_cast<std::size_t>(partition)];
  end = std::min(end, offset);
}

void Cut::leave_out(const Fact& fact) { outside_.insert(fact.gives.begin(), fact.gives.end()); }

void Cut::close(const Reread& reread) {
  for (bool changed = !outside_.empty(); changed;) {
    changed = false;
    for (int partition = 0; partition < static_cast<int>(ends_.size()); ++partition) {
      auto& end = ends_[static_cast<std::size_t>(partition)];
      const auto before = end;
      reread(partition, [&](const Fact& fact) {
        if (fact.offset >= before) return false;
        if (fact.offset < end &&
            std::ranges::any_of(fact.needs, [&](const auto& name) { return outside_.contains(name); })) {
          end = fact.offset;
          changed = true;
          ++moved_;
        }
        if (fact.offset >= end) leave_out(fact);
        return true;
      });
    }
  }
}

}  // namespace parley::backup
