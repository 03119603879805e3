#include "workers/decider/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "domain/seals/seals.h"
#include "platform/crypto/crypto.h"
#include "platform/invariant.h"

namespace parley::decider {
namespace {

void fold(StreamEntry& entry, const parking::Event& event, const schema::Envelope& envelope) {
  std::visit(overloaded{
                 [&](const parking::Parked& e) {
                   entry.stopped_by = StreamEntry::Command{e, envelope.sequence, envelope.time};
                 },
                 [&](const parking::Unparked& e) {
                   if (e.projection) return;  // the projector's
                   if (!e.version) entry.stopped_by.reset();
                   if (e.version && entry.unknown && *e.version >= entry.unknown->version) entry.unknown.reset();
                 },
             },
             event);
}

/// Also of a kind that this build does not know: the slot's counter must go on.
int slot_of_subject(std::string_view subject) {
  const auto slash = subject.rfind('/');
  std::int64_t id = 0;
  if (slash != std::string_view::npos) std::from_chars(subject.data() + slash + 1, subject.data() + subject.size(), id);
  if (id <= 0) throw std::logic_error("an event's subject is not a stream");
  return slot_of(id);
}

void check(const Sealing& sealing, const schema::Envelope& envelope, const std::optional<Event>& event) {
  const auto* seals = event ? event->get_if<seals::Event>() : nullptr;
  if (seals == nullptr) return;
  const auto& seal = std::get<seals::PartitionSealed>(*seals);
  if (seal.events == sealing.events && seal.digest == crypto::hex(sealing.digest)) return;
  throw std::logic_error(fmt::format(
      "{}: seal {} is not over what stands before it: the log was changed (`parley audit verify` says where)",
      envelope.subject, envelope.sequence));
}

}  // namespace

StreamEntry new_entry(std::string_view subject) {
  StreamEntry entry{.hash = std::string(schema::kHashBytes, '\0'), .state = std::nullopt};
  if (const auto stream = parse_stream(subject)) entry.state = initial_state(stream->kind);
  return entry;
}

schema::ParkedStream parked_stream(std::string_view subject, const StreamEntry& entry) {
  schema::ParkedStream out{
      .stream = std::string(subject), .since = {}, .reason = {}, .command_id = {}, .command_offset = {}};
  if (entry.unknown) {
    out.since = entry.unknown->since;
    out.version = entry.unknown->version;
    out.reason = "an event of a type that this build does not know: " + entry.unknown->type;
  } else if (entry.stopped_by) {
    out.since = entry.stopped_by->since;
    out.version = entry.stopped_by->version;
    out.reason = entry.stopped_by->parked.reason;
    out.command_id = entry.stopped_by->parked.command_id;
    out.command_offset = entry.stopped_by->parked.command_offset;
  }
  return out;
}

schema::ParkedEntry parked_entry(const Snapshot& snapshot) {
  schema::ParkedEntry out;
  for (const auto& subject : snapshot.parked()) {
    ++out.total;
    if (out.streams.size() == kParkedNamedMax) continue;
    if (const auto entry = snapshot.stream(subject)) out.streams.push_back(parked_stream(subject, *entry));
  }
  return out;
}

std::optional<StreamEntry> Overlay::stream(std::string_view subject) const {
  if (const auto it = changes_.streams.find(subject); it != changes_.streams.end()) return it->second;
  return base_.stream(subject);
}

std::optional<Stream> Overlay::owner(const UniqueKey& key) const {
  if (const auto it = changes_.owners.find(key); it != changes_.owners.end()) return it->second;
  return base_.owner(key);
}

std::int64_t Overlay::counter(int slot) const {
  if (const auto it = changes_.counters.find(slot); it != changes_.counters.end()) return it->second;
  return base_.counter(slot);
}

std::optional<Remembered> Overlay::outcome(std::string_view command_id) const {
  if (const auto it = changes_.outcomes.find(std::string(command_id)); it != changes_.outcomes.end()) return it->second;
  return base_.outcome(command_id);
}

std::set<std::string, std::less<>> Overlay::parked() const {
  auto out = base_.parked();
  for (const auto& [subject, entry] : changes_.streams) {
    if (entry.stands_still()) {
      out.insert(subject);
    } else {
      out.erase(subject);
    }
  }
  return out;
}

void Overlay::apply(const schema::Envelope& envelope, const std::optional<Event>& event) {
  auto found = stream(envelope.subject);
  auto entry = found ? std::move(*found) : new_entry(envelope.subject);
  if (envelope.sequence != entry.version + 1) {
    throw std::logic_error(
        fmt::format("{}: event {} after version {}", envelope.subject, envelope.sequence, entry.version));
  }
  const auto hash = crypto::unhex(envelope.hash);
  if (!hash || hash->size() != schema::kHashBytes)
    throw std::logic_error(envelope.subject + ": an event's hash is malformed");
  if (!event) {
    entry.unknown = StreamEntry::UnknownEvent{envelope.type, envelope.sequence, envelope.time};
  } else if (const auto* parking = event->get_if<parking::Event>()) {
    fold(entry, *parking, envelope);
  } else if (entry.state) {
    for (const auto& [key, is_taken] : key_changes_of(*event)) {
      const auto stream = parse_stream(envelope.subject);
      change_owner(present(stream, "a stream with a state is of a kind that this build knows"), key, is_taken);
    }
    entry.state = evolve(*entry.state, *event, {envelope.time, envelope.sequence});
  }
  entry.version = envelope.sequence;
  entry.hash = *hash;
  if (seals::is_seal(envelope.subject)) {
    auto& sealing = changes_.progress.sealing;
    check(sealing, envelope, event);
    sealing.sealed = sealing.events + 1;
  } else {
    const int slot = slot_of_subject(envelope.subject);
    const auto last = std::max(counter(slot), envelope.slot_counter);
    changes_.counters[slot] = last;
  }
  changes_.streams.insert_or_assign(envelope.subject, std::move(entry));
  stamped(envelope.time);
  passed_command(envelope.command_offset);
}

void Overlay::change_owner(const Stream& stream, const UniqueKey& key, bool is_taken) {
  const auto held_by = owner(key);
  if (is_taken && held_by && *held_by != stream)
    throw std::logic_error(to_string(stream) + ": a unique key has an owner");
  if (is_taken) {
    changes_.owners[key] = stream;
  } else if (held_by == stream) {  // it may be another partition's, where a claim has it
    changes_.owners[key] = std::nullopt;
  }
}

void Overlay::passed_event(std::int64_t offset, std::string_view event_id, const schema::StoredRecord& record) {
  auto& sealing = changes_.progress.sealing;
  if (sealing.events == sealing.sealed) sealing.unsealed_since = changes_.progress.last_stamp;
  sealing.digest = crypto::sha256(schema::digest_input(sealing.digest, record));
  ++sealing.events;
  changes_.progress.next_event = offset + 1;
  changes_.progress.last_event = offset;
  changes_.progress.last_event_id = event_id;
}

void Overlay::answered(const schema::Envelope& envelope, const schema::AnswerMark& mark, const Event& event,
                       const schema::Position& position) {
  const auto said = schema::outcome_of(envelope, mark, event, position);
  if (!said) throw std::logic_error(envelope.subject + ": " + said.error().issue);
  // Replies are folded beside the events: of a command that was decided again, past its window, the later one counts.
  if (const auto known = outcome(said->command_id); known && known->time > said->time) return;
  apply({.command_id = said->command_id,
         .attempt_id = mark.attempt_id,
         .correlation = envelope.correlation,
         .memory = schema::Memory::first,
         .command_offset = envelope.command_offset},
        {said->time, said->fingerprint, schema::write_outcome(*said)});
}

void Overlay::apply(const schema::ReplyEnvelope& envelope, Remembered outcome) {
  stamped(outcome.time);
  passed_command(envelope.command_offset);
  outcome.is_under_way = envelope.memory == schema::Memory::under_way;
  if (envelope.memory == schema::Memory::first || outcome.is_under_way)
    changes_.outcomes.insert_or_assign(envelope.command_id, std::move(outcome));
}

void Overlay::passed_command(std::int64_t offset) {
  changes_.progress.last_command = std::max(changes_.progress.last_command, offset);
}
void Overlay::stamped(Timestamp time) { changes_.progress.last_stamp = std::max(changes_.progress.last_stamp, time); }

void Overlay::merge(Changes&& later) {
  for (auto& [subject, entry] : later.streams) changes_.streams.insert_or_assign(subject, std::move(entry));
  for (auto& [key, stream] : later.owners) changes_.owners.insert_or_assign(key, stream);
  for (auto& [slot, last] : later.counters) changes_.counters.insert_or_assign(slot, last);
  for (auto& [id, outcome] : later.outcomes) changes_.outcomes.insert_or_assign(id, std::move(outcome));
  changes_.progress = std::move(later.progress);
}

}  // namespace parley::decider
