#include "workers/decider/state.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "platform/crypto/crypto.h"

namespace parley::decider {
namespace {

/// Also of a kind that this build does not know: the slot's counter must go on.
int slot_of_subject(std::string_view subject) {
  const auto slash = subject.rfind('/');
  std::int64_t id = 0;
  if (slash != std::string_view::npos) std::from_chars(subject.data() + slash + 1, subject.data() + subject.size(), id);
  if (id <= 0) throw std::logic_error("an event's subject is not a stream");
  return slot_of(id);
}

}  // namespace

StreamEntry new_entry(std::string_view subject) {
  StreamEntry entry{0, std::string(schema::kHashBytes, '\0'), std::nullopt};
  if (const auto stream = parse_stream(subject)) entry.state = initial_state(stream->kind);
  return entry;
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

void Overlay::apply(const schema::Envelope& envelope, const std::optional<Event>& event) {
  auto found = stream(envelope.subject);
  auto entry = found ? std::move(*found) : new_entry(envelope.subject);
  if (envelope.sequence != entry.version + 1) {
    throw std::logic_error(envelope.subject + ": event " + std::to_string(envelope.sequence) + " after version " + std::to_string(entry.version));
  }
  const auto hash = crypto::unhex(envelope.hash);
  if (!hash || hash->size() != schema::kHashBytes) throw std::logic_error(envelope.subject + ": an event's hash is malformed");
  if (event && entry.state) {
    if (const auto key = unique_key(*event)) {
      const auto stream = *parse_stream(envelope.subject);
      if (const auto held_by = owner(*key); held_by && *held_by != stream) throw std::logic_error(envelope.subject + ": a unique key has an owner");
      changes_.owners[*key] = stream;
    }
    entry.state = evolve(*entry.state, *event);
  } else {
    entry.state.reset();
  }
  entry.version = envelope.sequence;
  entry.hash = *hash;
  const int slot = slot_of_subject(envelope.subject);
  const auto last = std::max(counter(slot), envelope.slot_counter);
  changes_.counters[slot] = last;
  changes_.streams.insert_or_assign(envelope.subject, std::move(entry));
  stamped(envelope.time);
  passed_command(envelope.command_offset);
}

void Overlay::passed_event(std::int64_t offset, std::string_view event_id) {
  changes_.progress.next_event = offset + 1;
  changes_.progress.last_event = offset;
  changes_.progress.last_event_id = event_id;
}

void Overlay::apply(const schema::ReplyEnvelope& envelope, Remembered outcome) {
  stamped(outcome.time);
  passed_command(envelope.command_offset);
  if (envelope.memory == schema::Memory::first) changes_.outcomes.insert_or_assign(envelope.command_id, std::move(outcome));
}

void Overlay::passed_command(std::int64_t offset) { changes_.progress.last_command = std::max(changes_.progress.last_command, offset); }
void Overlay::stamped(Timestamp time) { changes_.progress.last_stamp = std::max(changes_.progress.last_stamp, time); }

void Overlay::merge(Changes&& later) {
  for (auto& [subject, entry] : later.streams) changes_.streams.insert_or_assign(subject, std::move(entry));
  for (auto& [key, stream] : later.owners) changes_.owners.insert_or_assign(key, stream);
  for (auto& [slot, last] : later.counters) changes_.counters.insert_or_assign(slot, last);
  for (auto& [id, outcome] : later.outcomes) changes_.outcomes.insert_or_assign(id, std::move(outcome));
  changes_.progress = std::move(later.progress);
}

}  // namespace parley::decider
