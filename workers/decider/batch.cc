#include "workers/decider/batch.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <new>
#include <stdexcept>

#include "platform/crypto/crypto.h"
#include "platform/invariant.h"
#include "schemas/directory.h"
#include "schemas/events.h"

namespace parley::decider {
namespace {

constexpr std::string_view kStoppedByCommand = "a parked stream whose events are all known was stopped by a command";

std::size_t bytes_of(const StagedRecord& record) {
  std::size_t bytes = record.key.size() + record.value.size();
  for (const auto& [name, value] : record.headers) bytes += name.size() + value.size();
  return bytes;
}

bool has_long_identifier(const CommandInput& command) {
  return std::ranges::any_of(
      std::array{"command_id", "attempt_id", "correlation_id", "fingerprint", "principal", "target"},
      [&](const char* name) {
        const auto value = command.header(name);
        return value && value->size() > kIdentifierBytesMax;
      });
}

/// An exception's text as it may stand in the log and in front of operators.
std::string printable(std::string_view reason) {
  std::string out(reason.substr(0, kReasonBytesMax));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

/// What a decision made cannot be written: the command's fault and not the stream's.
class TooLarge : public std::length_error {
 public:
  using std::length_error::length_error;
};

}  // namespace

StagedRecord event_record(schema::Envelope& envelope, std::string& hash, schema::Encoded&& data) {
  hash = crypto::sha256(schema::hash_input(hash, envelope, data.json));
  envelope.hash = crypto::hex(hash);
  return {envelope.subject, schema::to_headers(envelope), std::move(data.json)};
}

schema::StoredRecord stored(const StagedRecord& record,
                            std::vector<std::pair<std::string_view, std::string_view>>& headers) {
  headers.assign(record.headers.begin(), record.headers.end());
  return {record.key, headers, record.value};
}

/// What a command leads to, aside until all of it is there, so that one that fails half-way leaves nothing.
struct Batch::Staged {
  Staged(const Overlay& base, const Stream& stream, const StreamEntry& entry)
      : overlay(base), stream(stream), subject(to_string(stream)), version(entry.version), hash(entry.hash) {}

  Overlay overlay;
  Stream stream;
  std::string subject;
  std::int64_t version;
  std::string hash;
  std::vector<StagedRecord> events;
  std::vector<schema::DirectoryRecord> directory;
  std::vector<std::string> event_ids;
  bool parking = false;
};

struct Batch::Failure {
  bool parks = false;
  std::string reason;
};

Batch::Batch(const Snapshot& snapshot, int partition, int partitions, std::string source, Decide decide)
    : partition_(partition),
      partitions_(partitions),
      source_(std::move(source)),
      decide_(std::move(decide)),
      overlay_(snapshot) {}

void Batch::reply(const schema::CommandEnvelope& to, std::int64_t offset, schema::Memory memory,
                  std::variant<schema::Outcome, std::string, std::size_t> value,
                  std::optional<std::size_t> last_event) {
  replies_.push_back({{to.command_id, to.attempt_id, to.correlation, memory, offset}, std::move(value), last_event});
}

Verdict Batch::decided(const Cause& cause, schema::Outcome outcome, std::optional<std::size_t> last_event,
                       schema::Memory memory) {
  const auto verdict = std::holds_alternative<Error>(outcome.result) ? Verdict::refused : Verdict::accepted;
  first_replies_.emplace(cause.command.command_id, replies_.size());
  reply(cause.command, cause.offset, memory, std::move(outcome), last_event);
  return verdict;
}

void Batch::close(const Cause& cause, Closing<Answer>&& closing, const schema::Outcome& end,
                  std::optional<std::size_t> last_event) {
  const auto& id = closing.command_id;
  schema::CommandEnvelope closed;
  closed.command_id = id;
  closed.attempt_id = crypto::uuid7();  // no sending's own: whoever still waits for the command takes it
  closed.correlation = cause.command.correlation;
  if (const auto here = first_replies_.find(id); here != first_replies_.end()) {
    const auto& begun = replies_[here->second];
    if (!schema::is_under_way(begun.envelope.memory)) return;
    closed.fingerprint = std::get<schema::Outcome>(begun.value).fingerprint;
  } else if (const auto begun = overlay_.outcome(id); begun && begun->is_under_way) {
    closed.fingerprint = begun->fingerprint;
  } else {
    return;  // so long ago that nobody asks
  }
  first_replies_.insert_or_assign(id, replies_.size());
  reply(closed, cause.offset, schema::Memory::first,
        schema::Outcome{id, closed.fingerprint, cause.stamp, end.stream, end.version, std::nullopt,
                        std::move(closing.result)},
        last_event);
}

Verdict Batch::dead_letter(const CommandInput& command, Timestamp stamp, std::string_view reason,
                           std::string_view stream) {
  StagedRecord letter{std::string(command.key), {}, std::string(command.value)};
  for (const auto& [name, value] : command.headers) letter.headers.emplace_back(name, value);
  if (bytes_of(letter) > kRecordBytesMax) letter.value.clear();
  if (bytes_of(letter) > kRecordBytesMax) letter.headers.clear();
  letter.headers.emplace_back("dead_reason", reason);
  letter.headers.emplace_back("dead_time", schema::format_time(stamp));
  letter.headers.emplace_back("dead_partition", std::to_string(partition_));
  letter.headers.emplace_back("dead_offset", std::to_string(command.offset));
  if (!stream.empty()) letter.headers.emplace_back("dead_stream", stream);
  dead_letters_.push_back(std::move(letter));

  const auto command_id = command.header("command_id"), attempt_id = command.header("attempt_id");
  if (command_id && attempt_id && !has_long_identifier(command)) {
    schema::CommandEnvelope to;
    to.command_id = *command_id;
    to.attempt_id = *attempt_id;
    to.correlation = command.header("correlation_id").value_or("");
    reply(to, command.offset, schema::Memory::none,
          schema::Outcome{to.command_id, std::string(command.header("fingerprint").value_or("")), stamp, "", 0,
                          std::nullopt, Error{kInternalError, {}}});
  }
  return Verdict::dead;
}

std::optional<Stream> Batch::existing(const schema::Target& target) const {
  if (const auto* stream = std::get_if<Stream>(&target)) return *stream;
  if (const auto* key = std::get_if<UniqueKey>(&target)) return overlay_.owner(*key);
  return std::nullopt;
}

std::optional<Stream> Batch::existing(const schema::Target& target, const Command& command) const {
  const auto found = existing(target);
  const auto kind = kind_of(command);
  return found && kind && found->kind != *kind ? std::nullopt : found;
}

bool Batch::is_taken(const std::optional<UniqueKey>& key, const Stream& by_other_than) const {
  const auto owner = key ? overlay_.owner(*key) : std::nullopt;
  return owner && *owner != by_other_than;
}

Verdict Batch::take(const CommandInput& input, Timestamp now, std::optional<std::string_view> do_not_decide) {
  if (input.offset <= overlay_.progress().last_command) return Verdict::skipped;
  const Timestamp stamp = std::max(now, overlay_.progress().last_stamp);
  overlay_.stamped(stamp);
  overlay_.passed_command(input.offset);

  if (has_long_identifier(input)) return dead_letter(input, stamp, "an identifier is too long");
  schema::CommandEnvelope envelope;
  std::optional<Command> command;
  if (do_not_decide) {
    auto read = schema::read_command_envelope(input.key, input.header);
    if (!read) return dead_letter(input, stamp, read.error());
    envelope = std::move(*read);
  } else {
    auto read = schema::read_command(input.key, input.header, input.value);
    if (!read) return dead_letter(input, stamp, read.error().reason);
    envelope = std::move(read->first);
    command = std::move(read->second);
  }
  if (partition_of(envelope.slot, partitions_) != partition_)
    return dead_letter(input, stamp, "the slot is another partition's");
  if (schema::slot_of_target(envelope.target, envelope.command_id, crypto::slot_of) != envelope.slot)
    return dead_letter(input, stamp, "the slot is not the target's");
  if (command) {
    const auto* stream = std::get_if<Stream>(&envelope.target);
    const auto kind = kind_of(*command);
    if (kind ? stream != nullptr && stream->kind != *kind : stream == nullptr)
      return dead_letter(input, stamp, "the command is for another kind of stream");
  }

  // The memory of outcomes comes before everything that could have changed since: deadline, expected version, state.
  const auto reused = [&] {
    reply(envelope, input.offset, schema::Memory::repeat,
          schema::Outcome{envelope.command_id, envelope.fingerprint, stamp, "", 0, std::nullopt,
                          Error{schema::kIdempotencyKeyReused, {}}});
    return Verdict::reused;
  };
  if (const auto first = first_replies_.find(envelope.command_id); first != first_replies_.end()) {
    if (std::get<schema::Outcome>(replies_[first->second].value).fingerprint != envelope.fingerprint) return reused();
    const bool goes_on = schema::is_under_way(replies_[first->second].envelope.memory);
    reply(envelope, input.offset, goes_on ? schema::Memory::still_under_way : schema::Memory::repeat, first->second);
    return Verdict::repeated;
  }
  if (auto remembered = overlay_.outcome(envelope.command_id);
      remembered && remembered->time + kOutcomeWindow >= stamp) {
    if (remembered->fingerprint != envelope.fingerprint) return reused();
    reply(envelope, input.offset, remembered->is_under_way ? schema::Memory::still_under_way : schema::Memory::repeat,
          std::move(remembered->outcome));
    return Verdict::repeated;
  }
  if (now > envelope.not_after) {
    reply(envelope, input.offset, schema::Memory::none,
          schema::Outcome{envelope.command_id, envelope.fingerprint, stamp, "", 0, std::nullopt,
                          Error{schema::kCommandExpired, {}}});
    return Verdict::expired;
  }
  const Cause cause{envelope, input.offset, stamp};
  if (command) return decide_new(input, cause, *command);

  const auto why_not = present(do_not_decide, "a command that is decided is read");
  if (const auto stream = existing(envelope.target)) {
    const auto entry = overlay_.stream(to_string(*stream));
    if (entry && entry->state && !entry->stands_still())
      return stop(Staged(overlay_, *stream, *entry), input, cause, why_not);
  }
  return dead_letter(input, stamp, why_not);
}

Verdict Batch::decide_new(const CommandInput& input, const Cause& cause, const Command& command) {
  const auto& envelope = cause.command;
  IdSource ids{envelope.slot, overlay_.counter(envelope.slot)};
  const auto known = existing(envelope.target, command);
  const auto kind = kind_of(command);
  const Stream stream =
      known ? *known : Stream{present(kind, "a command for streams of every kind names its stream"), ids.take()};
  const std::string subject = to_string(stream);
  const StreamEntry entry = overlay_.stream(subject).value_or(new_entry(subject));

  schema::Outcome outcome{envelope.command_id, envelope.fingerprint, cause.stamp, known ? subject : "",
                          entry.version,       std::nullopt,         Error{}};
  const auto* parking = command.get_if<parking::Command>();
  if (!entry.state || (entry.stands_still() && parking == nullptr)) {
    outcome.result = Error{parking::kStreamParked, {}};
    reply(envelope, cause.offset, schema::Memory::none, std::move(outcome));
    return Verdict::parked;
  }
  auto unmet = outcome;
  unmet.result = Error{kVersionConflict, CurrentVersion{entry.version}};
  const auto conflict = [&] { return decided(cause, std::move(unmet), std::nullopt); };
  const bool has_another_version = envelope.expected_version && *envelope.expected_version != entry.version;
  if (parking != nullptr) return has_another_version ? conflict() : unpark(cause, stream, entry, *parking);

  Staged staged(overlay_, stream, entry);
  Ending ending;
  const auto made = attempt(staged, cause, *entry.state, command, ids, outcome, ending);
  // Whoever is refused is not told the version: that may be a stream of which they may not know.
  if (has_another_version && !(made && std::holds_alternative<Error>(outcome.result))) return conflict();
  if (!made) {
    const auto& [parks, reason] = made.error();
    if (parks && entry.version > 0) return stop(Staged(overlay_, stream, entry), input, cause, reason);
    return dead_letter(input, cause.stamp, reason);
  }
  const bool appends = !staged.events.empty();
  merge(std::move(staged));
  const auto last_event = appends ? std::optional(events_.size() - 1) : std::nullopt;
  if (ending.closing) close(cause, std::move(*ending.closing), outcome, last_event);
  const auto verdict = decided(cause, std::move(outcome), last_event, ending.memory);
  if (ending.is_said_by_event) answer_by_event(envelope);
  return verdict;
}

void Batch::answer_by_event(const schema::CommandEnvelope& to) {
  replies_.back().is_in_event = true;
  std::ranges::move(schema::to_headers(schema::AnswerMark{to.attempt_id, to.fingerprint}),
                    std::back_inserter(events_.back().headers));
}

std::expected<void, Batch::Failure> Batch::attempt(Staged& staged, const Cause& cause, const State& state,
                                                   const Command& command, IdSource ids, schema::Outcome& outcome,
                                                   Ending& ending) const {
  try {
    Context context{.principal = cause.command.principal,
                    .now = cause.stamp,
                    .stream_id = staged.stream.id,
                    .ids = ids,
                    .command_id = cause.command.command_id,
                    .key_is_taken = is_taken(wanted_key_of(command), staged.stream)};
    auto decision = decide_(state, command, context);
    if (!decision) {
      outcome.result = decision.error();
      return {};
    }
    if (ids.last * kSlots + ids.slot > kIdMax) return std::unexpected(Failure{false, "the slot has no ids left"});
    for (const auto& event : decision->events) append(staged, cause, event, ids.last);
    outcome.stream = staged.subject;
    outcome.version = staged.version;
    outcome.result = decision->answer;
    if (decision->is_deferred) ending.memory = schema::Memory::under_way;
    ending.closing = std::move(decision->closing);
    ending.is_said_by_event = cause.command.takes_events && !decision->is_deferred && !ending.closing &&
                              !decision->events.empty() &&
                              answer_of(staged.stream, decision->events.back()) == decision->answer;
    if (schema::write_outcome(outcome).size() > kRecordBytesMax) throw TooLarge("an answer is too large");
    return {};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const StateUnavailable&) {
    throw;
  } catch (const TooLarge& e) {
    return std::unexpected(Failure{false, e.what()});
  } catch (const std::exception& e) {
    return std::unexpected(Failure{true, printable(e.what())});
  } catch (...) {
    return std::unexpected(Failure{true, "a decision threw what is no exception"});
  }
}

void Batch::append(Staged& staged, const Cause& cause, const Event& event, std::int64_t slot_counter) const {
  auto encoded = schema::encode_event(event);
  schema::Envelope e{crypto::uuid7(),
                     source_,
                     std::string(encoded.type),
                     staged.subject,
                     cause.stamp,
                     ++staged.version,
                     cause.command.correlation,
                     cause.command.command_id,
                     to_string(cause.command.principal),
                     cause.offset,
                     slot_counter,
                     "",
                     ""};
  auto record = event_record(e, staged.hash, std::move(encoded));
  const auto state_now = [&] {
    return *(staged.overlay.stream(staged.subject).value_or(new_entry(staged.subject))).state;
  };
  if (schema::is_in_directory(staged.stream.kind)) {
    const auto before = state_now();
    staged.overlay.apply(e, event);
    std::ranges::move(schema::directory_changes(staged.stream, before, state_now()),
                      std::back_inserter(staged.directory));
  } else {
    staged.overlay.apply(e, event);
  }
  staged.event_ids.push_back(e.id);
  staged.events.push_back(std::move(record));
  staged.parking = staged.parking || event.holds<parking::Event>();
  if (bytes_of(staged.events.back()) > kRecordBytesMax) throw TooLarge("an event is too large");
}

std::size_t Batch::merge(Staged&& staged) {
  const auto first = events_.size();
  overlay_.merge(std::move(staged.overlay).take());
  std::ranges::move(staged.events, std::back_inserter(events_));
  std::ranges::move(staged.event_ids, std::back_inserter(event_ids_));
  std::ranges::move(staged.directory, std::back_inserter(directory_));
  parked_changed_ = parked_changed_ || staged.parking;
  return first;
}

Verdict Batch::stop(Staged&& staged, const CommandInput& input, const Cause& cause, std::string_view reason) {
  const auto& command = cause.command;
  append(staged, cause,
         parking::Event{parking::Parked{command.command_id, input.offset, command.fingerprint, std::string(reason)}},
         overlay_.counter(command.slot));
  const auto subject = staged.subject;
  merge(std::move(staged));
  dead_letter(input, cause.stamp, reason, subject);
  return Verdict::parks;
}

Verdict Batch::refuse(const Cause& cause, const Stream& stream, const StreamEntry& entry, Code code) {
  return decided(cause,
                 {cause.command.command_id, cause.command.fingerprint, cause.stamp, to_string(stream), entry.version,
                  std::nullopt, Error{code, {}}},
                 std::nullopt);
}

Verdict Batch::unpark(const Cause& cause, const Stream& stream, const StreamEntry& entry,
                      const parking::Command& command) {
  if (!std::holds_alternative<ConsoleOperator>(cause.command.principal))
    return refuse(cause, stream, entry, kInsufficientPermissions);
  if (entry.version == 0) return refuse(cause, stream, entry, kNotFound);
  return std::visit(
      [&](const auto& c) {
        constexpr bool skips = std::same_as<std::decay_t<decltype(c)>, parking::Skip>;
        if (c.reason.size() > kReasonBytesMax || (skips && c.reason.empty()) ||
            c.projection.has_value() != c.version.has_value()) {
          return refuse(cause, stream, entry, kValidationError);
        }
        if (c.projection) {
          // Whether that projection stands still, its projector knows.
          const auto action = skips ? parking::Action::skip : parking::Action::retry;
          Staged staged(overlay_, stream, entry);
          append(staged, cause, parking::Event{parking::Unparked{action, c.reason, c.projection, c.version}},
                 overlay_.counter(cause.command.slot));
          return unparked(cause, std::move(staged), action);
        }
        if (!entry.stands_still()) return refuse(cause, stream, entry, parking::kStreamNotParked);
        if constexpr (skips) {
          return skip(cause, stream, entry, c);
        } else {
          return retry(cause, stream, entry, c);
        }
      },
      command);
}

/// Joins what begins with the stream's unparking, and answers the operator.
Verdict Batch::unparked(const Cause& cause, Staged&& staged, parking::Action action) {
  schema::Outcome outcome{cause.command.command_id,
                          cause.command.fingerprint,
                          cause.stamp,
                          staged.subject,
                          staged.version,
                          std::nullopt,
                          Answer{parking::Answer{parking::StreamUnparked{action}}}};
  const auto first = merge(std::move(staged));
  return decided(cause, std::move(outcome), first);
}

Verdict Batch::skip(const Cause& cause, const Stream& stream, const StreamEntry& entry, const parking::Skip& command) {
  parking::Unparked event{parking::Action::skip, command.reason, std::nullopt, std::nullopt};
  if (entry.unknown) event.version = entry.unknown->version;
  Staged staged(overlay_, stream, entry);
  append(staged, cause, parking::Event{event}, overlay_.counter(cause.command.slot));
  const auto verdict = unparked(cause, std::move(staged), parking::Action::skip);
  if (!entry.unknown) {
    // Remembered as a decision: whoever repeats the command is told, and it is not decided after all.
    const auto& parked = present(entry.stopped_by, kStoppedByCommand).parked;
    schema::CommandEnvelope skipped;
    skipped.command_id = parked.command_id;
    skipped.attempt_id = crypto::uuid7();  // nobody's: its sender was answered when it stopped the stream
    skipped.fingerprint = parked.fingerprint;
    skipped.correlation = cause.command.correlation;
    refuse({skipped, cause.offset, cause.stamp}, stream, {.version = entry.version + 1, .hash = {}, .state = {}},
           parking::kCommandSkipped);
  }
  return verdict;
}

Verdict Batch::retry(const Cause& cause, const Stream& stream, const StreamEntry& entry,
                     const parking::Retry& command) {
  if (entry.unknown) {
    // Nothing to try again: this build does not know the event. Not a decision, for a build that knows it has no parked
    // stream.
    reply(cause.command, cause.offset, schema::Memory::none,
          schema::Outcome{cause.command.command_id, cause.command.fingerprint, cause.stamp, to_string(stream),
                          entry.version, std::nullopt, Error{parking::kStreamParked, {}}});
    return Verdict::parked;
  }
  if (!command.command) return refuse(cause, stream, entry, kValidationError);
  const auto& sent = *command.command;
  CommandInput input;
  input.key = sent.key;
  input.value = sent.value.text;
  const auto& parked = present(entry.stopped_by, kStoppedByCommand).parked;
  input.offset = parked.command_offset;
  for (const auto& [name, value] : sent.headers) input.headers.emplace_back(retried_names_.emplace_back(name), value);
  input.header = [&sent](std::string_view name) -> std::optional<std::string_view> {
    const auto found = std::ranges::find(sent.headers, name, &parking::SentCommand::Header::name);
    return found == sent.headers.end() ? std::nullopt : std::optional<std::string_view>(found->value);
  };
  const auto read = has_long_identifier(input)
                        ? std::unexpected(schema::CommandProblem{"an identifier is too long", std::nullopt})
                        : schema::read_command(input.key, input.header, input.value);
  if (!read || read->first.command_id != parked.command_id || existing(read->first.target) != stream ||
      kind_of(read->second) != stream.kind) {
    return refuse(cause, stream, entry, kValidationError);
  }
  const auto& [envelope, original] = *read;

  // Neither its deadline nor the version that it expects counts: it was in time and met that version when it was taken
  // up first, and nothing has happened to the stream since.
  const Cause again{envelope, cause.offset, cause.stamp};
  const auto go_on = [&] {
    Staged staged(overlay_, stream, entry);
    append(staged, cause,
           parking::Event{parking::Unparked{parking::Action::retry, command.reason, std::nullopt, std::nullopt}},
           overlay_.counter(envelope.slot));
    return staged;
  };
  Staged staged = go_on();
  schema::Outcome outcome{envelope.command_id, envelope.fingerprint, cause.stamp, staged.subject,
                          staged.version,      std::nullopt,         Error{}};
  Ending ending;
  if (const auto made = attempt(staged, again, present(entry.state, "a parked stream has a state"), original,
                                IdSource{envelope.slot, overlay_.counter(envelope.slot)}, outcome, ending);
      !made) {
    unparked(cause, go_on(), parking::Action::retry);
    const auto& [parks, reason] = made.error();
    if (!parks) return dead_letter(input, cause.stamp, reason);
    const auto unparked_entry = overlay_.stream(to_string(stream));
    return stop(Staged(overlay_, stream, present(unparked_entry, "a stream that was unparked is in the overlay")),
                input, again, reason);
  }
  const bool appends = staged.events.size() > 1;
  const auto verdict = unparked(cause, std::move(staged), parking::Action::retry);
  const auto last_event = appends ? std::optional(events_.size() - 1) : std::nullopt;
  if (ending.closing) close(again, std::move(*ending.closing), outcome, last_event);
  decided(again, std::move(outcome), last_event, ending.memory);
  return verdict;
}

std::vector<StagedRecord> Batch::finish_replies(const std::vector<std::int64_t>& event_offsets) {
  if (event_offsets.size() != events_.size()) throw std::logic_error("an event has no offset");
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  for (std::size_t i = 0; i < events_.size(); ++i)
    overlay_.passed_event(event_offsets[i], event_ids_[i], stored(events_[i], headers));
  std::vector<StagedRecord> out;
  out.reserve(replies_.size());
  std::vector<std::string> texts;
  texts.reserve(replies_.size());
  for (auto& one : replies_) {
    auto& text = texts.emplace_back();
    if (auto* outcome = std::get_if<schema::Outcome>(&one.value)) {
      if (one.last_event) outcome->position = schema::Position{partition_, event_offsets[*one.last_event]};
      text = schema::write_outcome(*outcome);
      overlay_.apply(one.envelope, {outcome->time, outcome->fingerprint, text});
    } else if (const auto* earlier = std::get_if<std::size_t>(&one.value)) {
      text = texts[*earlier];
    } else {
      text = std::get<std::string>(std::move(one.value));
    }
    if (!one.is_in_event) out.push_back({one.envelope.command_id, schema::to_headers(one.envelope), text});
  }
  replies_written_ = out.size();
  if (parked_changed_) directory_.push_back(schema::parked_record(partition_, parked_entry(overlay_)));
  return out;
}

Changes Batch::finish(const std::vector<std::int64_t>& reply_offsets) && {
  if (reply_offsets.size() != replies_written_) throw std::logic_error("a reply has no offset");
  if (!reply_offsets.empty()) overlay_.passed_reply(reply_offsets.back());
  return std::move(overlay_).take();
}

}  // namespace parley::decider
