#include "workers/decider/batch.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <new>
#include <stdexcept>

#include "platform/crypto/crypto.h"
#include "schemas/directory.h"
#include "schemas/events.h"

namespace parley::decider {
namespace {

std::size_t bytes_of(const StagedRecord& record) {
  std::size_t bytes = record.key.size() + record.value.size();
  for (const auto& [name, value] : record.headers) bytes += name.size() + value.size();
  return bytes;
}

bool has_long_identifier(const CommandInput& command) {
  return std::ranges::any_of(std::array{"command_id", "attempt_id", "correlation_id", "fingerprint", "principal", "target"}, [&](const char* name) {
    const auto value = command.header(name);
    return value && value->size() > kIdentifierBytesMax;
  });
}

}  // namespace

Batch::Batch(const Snapshot& snapshot, int partition, int partitions, std::string source)
    : partition_(partition), partitions_(partitions), source_(std::move(source)), overlay_(snapshot) {}

void Batch::reply(const schema::CommandEnvelope& to, std::int64_t offset, schema::Memory memory,
                  std::variant<schema::Outcome, std::string, std::size_t> value, std::optional<std::size_t> last_event) {
  replies_.push_back({{to.command_id, to.attempt_id, to.correlation, memory, offset}, std::move(value), last_event});
}

Verdict Batch::bury(const CommandInput& command, Timestamp stamp, std::string_view reason) {
  StagedRecord letter{std::string(command.key), {}, std::string(command.value)};
  for (const auto& [name, value] : command.headers) letter.headers.emplace_back(name, value);
  if (bytes_of(letter) > kRecordBytesMax) letter.value.clear();
  if (bytes_of(letter) > kRecordBytesMax) letter.headers.clear();
  letter.headers.emplace_back("dead_reason", reason);
  letter.headers.emplace_back("dead_time", schema::format_time(stamp));
  letter.headers.emplace_back("dead_partition", std::to_string(partition_));
  letter.headers.emplace_back("dead_offset", std::to_string(command.offset));
  dead_letters_.push_back(std::move(letter));

  const auto command_id = command.header("command_id"), attempt_id = command.header("attempt_id");
  if (command_id && attempt_id && !has_long_identifier(command)) {
    schema::CommandEnvelope to;
    to.command_id = *command_id;
    to.attempt_id = *attempt_id;
    to.correlation = command.header("correlation_id").value_or("");
    reply(to, command.offset, schema::Memory::none,
          schema::Outcome{to.command_id, std::string(command.header("fingerprint").value_or("")), stamp, "", 0, std::nullopt,
                          Error{Code::internal_error, {}}});
  }
  return Verdict::dead;
}

Verdict Batch::decide(const CommandInput& input, Timestamp now) {
  if (input.offset <= overlay_.progress().last_command) return Verdict::skipped;
  const Timestamp stamp = std::max(now, overlay_.progress().last_stamp);
  overlay_.stamped(stamp);
  overlay_.passed_command(input.offset);

  if (has_long_identifier(input)) return bury(input, stamp, "an identifier is too long");
  const auto read = schema::read_command(input.key, input.header, input.value);
  if (!read) return bury(input, stamp, read.error().reason);
  const auto& [envelope, command] = *read;
  if (partition_of(envelope.slot, partitions_) != partition_) return bury(input, stamp, "the slot is another partition's");
  if (schema::slot_of_target(envelope.target, envelope.command_id, crypto::slot_of) != envelope.slot)
    return bury(input, stamp, "the slot is not the target's");
  if (const auto* stream = std::get_if<Stream>(&envelope.target); stream != nullptr && stream->kind != kind_of(command)) {
    return bury(input, stamp, "the command is for another kind of stream");
  }

  // The memory of outcomes comes before everything that could have changed since: deadline, expected version, state.
  const auto reused = [&] {
    reply(envelope, input.offset, schema::Memory::repeat,
          schema::Outcome{envelope.command_id, envelope.fingerprint, stamp, "", 0, std::nullopt, Error{Code::idempotency_key_reused, {}}});
    return Verdict::reused;
  };
  if (const auto first = first_replies_.find(envelope.command_id); first != first_replies_.end()) {
    if (std::get<schema::Outcome>(replies_[first->second].value).fingerprint != envelope.fingerprint) return reused();
    reply(envelope, input.offset, schema::Memory::repeat, first->second);
    return Verdict::repeated;
  }
  if (auto remembered = overlay_.outcome(envelope.command_id); remembered && remembered->time + kOutcomeWindow >= stamp) {
    if (remembered->fingerprint != envelope.fingerprint) return reused();
    reply(envelope, input.offset, schema::Memory::repeat, std::move(remembered->outcome));
    return Verdict::repeated;
  }
  const auto undecided = [&](Code code, Verdict verdict) {
    reply(envelope, input.offset, schema::Memory::none,
          schema::Outcome{envelope.command_id, envelope.fingerprint, stamp, "", 0, std::nullopt, Error{code, {}}});
    return verdict;
  };
  if (now > envelope.not_after) return undecided(Code::command_expired, Verdict::expired);
  return decide_new(input, envelope, command, stamp);
}

Verdict Batch::decide_new(const CommandInput& input, const schema::CommandEnvelope& envelope, const Command& command, Timestamp stamp) {
  // What a decision leads to is staged aside and joined at the end, so that one that fails half-way leaves nothing.
  IdSource ids{envelope.slot, overlay_.counter(envelope.slot)};
  std::optional<Stream> existing;
  if (const auto* stream = std::get_if<Stream>(&envelope.target)) existing = *stream;
  if (const auto* key = std::get_if<UniqueKey>(&envelope.target)) existing = overlay_.owner(*key);
  const Stream stream = existing ? *existing : Stream{kind_of(command), ids.take()};
  const std::string subject = to_string(stream);
  const StreamEntry entry = overlay_.stream(subject).value_or(new_entry(subject));

  schema::Outcome outcome{envelope.command_id, envelope.fingerprint, stamp, existing ? subject : "", entry.version, std::nullopt, Error{}};
  if (!entry.state) {
    outcome.result = Error{Code::stream_parked, {}};
    reply(envelope, input.offset, schema::Memory::none, std::move(outcome));
    return Verdict::parked;
  }
  const auto decided = [&](schema::Outcome&& done, std::optional<std::size_t> last_event, Verdict verdict) {
    first_replies_.emplace(envelope.command_id, replies_.size());
    reply(envelope, input.offset, schema::Memory::first, std::move(done), last_event);
    return verdict;
  };
  if (envelope.expected_version && *envelope.expected_version != entry.version) {
    outcome.result = Error{Code::version_conflict, CurrentVersion{entry.version}};
    return decided(std::move(outcome), std::nullopt, Verdict::refused);
  }

  Overlay staged(overlay_);
  std::vector<StagedRecord> events, directory;
  std::vector<std::string> event_ids;
  try {
    Context context{envelope.principal, stamp, stream.id, ids};
    const auto decision = parley::decide(*entry.state, command, context);
    if (!decision) {
      outcome.result = decision.error();
      return decided(std::move(outcome), std::nullopt, Verdict::refused);
    }
    if (ids.last * kSlots + ids.slot > kIdMax) throw std::logic_error("the slot has no ids left");
    auto version = entry.version;
    auto hash = entry.hash;
    for (const auto& event : decision->events) {
      auto encoded = schema::encode_event(event);
      schema::Envelope e{crypto::uuid7(),
                         source_,
                         std::string(encoded.type),
                         subject,
                         stamp,
                         ++version,
                         envelope.correlation,
                         envelope.command_id,
                         to_string(envelope.principal),
                         input.offset,
                         ids.last,
                         "",
                         ""};
      hash = crypto::sha256(schema::hash_input(hash, e, encoded.json));
      e.hash = crypto::hex(hash);
      staged.apply(e, event);
      event_ids.push_back(e.id);
      if (auto record = schema::directory_record(stream, event)) {
        directory.push_back({std::move(record->key), {{"content-type", std::string(schema::kJson)}}, std::move(record->value)});
      }
      events.push_back({subject, schema::to_headers(e), std::move(encoded.json)});
      if (bytes_of(events.back()) > kRecordBytesMax) throw std::length_error("an event is too large");
    }
    outcome.stream = subject;
    outcome.version = version;
    outcome.result = decision->answer;
    if (schema::write_outcome(outcome).size() > kRecordBytesMax) throw std::length_error("an answer is too large");
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const StateUnavailable&) {
    throw;
  } catch (const std::exception& e) {
    return bury(input, stamp, e.what());
  }
  overlay_.merge(std::move(staged).take());
  std::ranges::move(events, std::back_inserter(events_));
  std::ranges::move(event_ids, std::back_inserter(event_ids_));
  std::ranges::move(directory, std::back_inserter(directory_));
  const auto last_event = events.empty() ? std::nullopt : std::optional(events_.size() - 1);
  return decided(std::move(outcome), last_event, Verdict::accepted);
}

std::vector<StagedRecord> Batch::finish_replies(const std::vector<std::int64_t>& event_offsets) {
  if (event_offsets.size() != events_.size()) throw std::logic_error("an event has no offset");
  for (std::size_t i = 0; i < events_.size(); ++i) overlay_.passed_event(event_offsets[i], event_ids_[i]);
  std::vector<StagedRecord> out;
  out.reserve(replies_.size());
  for (auto& one : replies_) {
    std::string text;
    if (auto* outcome = std::get_if<schema::Outcome>(&one.value)) {
      if (one.last_event) outcome->position = schema::Position{partition_, event_offsets[*one.last_event]};
      text = schema::write_outcome(*outcome);
      overlay_.apply(one.envelope, {outcome->time, outcome->fingerprint, text});
    } else if (const auto* earlier = std::get_if<std::size_t>(&one.value)) {
      text = out[*earlier].value;
    } else {
      text = std::get<std::string>(std::move(one.value));
    }
    out.push_back({one.envelope.command_id, schema::to_headers(one.envelope), std::move(text)});
  }
  return out;
}

Changes Batch::finish(const std::vector<std::int64_t>& reply_offsets) && {
  if (reply_offsets.size() != replies_.size()) throw std::logic_error("a reply has no offset");
  if (!reply_offsets.empty()) overlay_.passed_reply(reply_offsets.back());
  return std::move(overlay_).take();
}

}  // namespace parley::decider
