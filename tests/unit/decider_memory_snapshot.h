#pragma once
// A partition's log and state in memory, and commands that belong to it.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "domain/accounts/accounts.h"
#include "domain/dialogs/dialogs.h"
#include "platform/crypto/crypto.h"
#include "schemas/events.h"
#include "workers/decider/batch.h"
#include "workers/decider/seal.h"

namespace parley::decider::testing {

inline constexpr int kPartitions = 2;
inline constexpr int kPartition = 1;
inline constexpr int kSlotOfPartition = 700;  // slots 512..1023 are this partition's

class MemorySnapshot final : public Snapshot {
 public:
  std::optional<StreamEntry> stream(std::string_view subject) const override {
    const auto it = all_.streams.find(subject);
    return it != all_.streams.end() ? std::optional(it->second) : std::nullopt;
  }
  std::optional<Stream> owner(const UniqueKey& key) const override {
    const auto it = all_.owners.find(key);
    return it != all_.owners.end() ? std::optional(it->second) : std::nullopt;
  }
  std::int64_t counter(int slot) const override {
    const auto it = all_.counters.find(slot);
    return it != all_.counters.end() ? it->second : 0;
  }
  std::optional<Remembered> outcome(std::string_view id) const override {
    const auto it = all_.outcomes.find(std::string(id));
    return it != all_.outcomes.end() ? std::optional(it->second) : std::nullopt;
  }
  const Progress& progress() const override { return all_.progress; }
  std::set<std::string, std::less<>> parked() const override {
    std::set<std::string, std::less<>> out;
    for (const auto& [subject, entry] : all_.streams) {
      if (entry.stands_still()) out.insert(subject);
    }
    return out;
  }

  void merge(Changes&& changes) {
    for (auto& [k, v] : changes.streams) all_.streams.insert_or_assign(k, v);
    for (auto& [k, v] : changes.owners) all_.owners.insert_or_assign(k, v);
    for (auto& [k, v] : changes.counters) all_.counters.insert_or_assign(k, v);
    for (auto& [k, v] : changes.outcomes) all_.outcomes.insert_or_assign(k, v);
    all_.progress = changes.progress;
  }
  const Changes& all() const { return all_; }

 private:
  Changes all_;
};

struct Sent {
  schema::CommandEnvelope envelope;
  Command command;
  std::optional<std::string> value = {};  ///< Instead of the command's own.

  Sent until(Timestamp not_after) const {
    auto copy = *this;
    copy.envelope.not_after = not_after;
    return copy;
  }
  /// From a sender who takes the event for the answer.
  Sent taking_events() const {
    auto copy = *this;
    copy.envelope.takes_events = true;
    return copy;
  }
  /// The views live for ever: a test's commands are few.
  CommandInput input(std::int64_t offset) const {
    auto* record = new schema::CommandRecord(schema::to_record(envelope, command));
    kept().emplace_back(record);
    if (value) record->value = *value;
    CommandInput input;
    input.key = record->key;
    input.value = record->value;
    input.offset = offset;
    for (const auto& [name, text] : record->headers) input.headers.emplace_back(name, text);
    input.header = [record](std::string_view name) -> std::optional<std::string_view> {
      for (const auto& [known, text] : record->headers) {
        if (known == name) return text;
      }
      return std::nullopt;
    };
    return input;
  }

 private:
  static std::vector<std::unique_ptr<schema::CommandRecord>>& kept() {
    static std::vector<std::unique_ptr<schema::CommandRecord>> records;
    return records;
  }
};

inline Sent sent(schema::Target target, int slot, std::string command_id, Principal principal, Command command) {
  schema::CommandEnvelope e;
  e.command_id = std::move(command_id);
  e.attempt_id = crypto::uuid7();
  e.fingerprint = "f";
  e.principal = std::move(principal);
  e.target = std::move(target);
  e.slot = slot;
  e.not_after = Timestamp(std::chrono::milliseconds(1'900'000'000'000));
  e.correlation = "c";
  return {std::move(e), std::move(command)};
}
/// A text that hashes to this partition.
template <class Make>
std::string of_partition(Make make) {
  while (true) {
    auto text = make();
    if (partition_of(crypto::slot_of(text), kPartitions) == kPartition) return text;
  }
}
inline Sent open_dialog() {
  const auto id = of_partition(crypto::uuid7);
  return sent(schema::NewStream{}, crypto::slot_of(id), id, Visitor{AssistantId{7}},
              dialogs::Command{dialogs::Open{AccountId{9}, dialogs::Platform::website, std::nullopt}});
}
inline Sent post(DialogId dialog, std::string text) {
  return sent(Stream{Kind::dialog, dialog.value}, slot_of(dialog.value), crypto::uuid7(), Visitor{AssistantId{7}},
              dialogs::Command{dialogs::PostVisitorMessage{{std::move(text)}}});
}
inline parking::SentCommand as_sent(const Sent& command) {
  const auto record = schema::to_record(command.envelope, command.command);
  parking::SentCommand out{record.key, {}, {record.value}};
  for (const auto& [name, value] : record.headers) out.headers.push_back({std::string(name), value});
  return out;
}
inline Sent administers(const std::string& subject, parking::Command command) {
  const auto stream = *parse_stream(subject);
  return sent(stream, slot_of(stream.id), crypto::uuid7(), ConsoleOperator{}, std::move(command));
}
inline Sent retry(const std::string& subject, const Sent& command) {
  return administers(subject, parking::Retry{"mended", as_sent(command), std::nullopt, std::nullopt});
}
inline Sent skip(const std::string& subject) {
  return administers(subject, parking::Skip{"not worth it", std::nullopt, std::nullopt});
}
/// The rules, and one more: a message "poison" cannot be decided.
inline Decision<Event, Answer> decide_or_throw(const State& state, const Command& command, Context& context) {
  if (const auto* dialog = command.get_if<dialogs::Command>()) {
    const auto* message = std::get_if<dialogs::PostVisitorMessage>(dialog);
    if (message != nullptr && message->text.text == "poison") throw std::logic_error("poisoned");
  }
  return parley::decide(state, command, context);
}
inline std::string email_of_partition() { return of_partition(crypto::uuid7); }
inline Sent register_account(const std::string& index) {
  return sent(UniqueKey{"account_email", index}, crypto::slot_of(index), crypto::uuid7(), Anonymous{},
              accounts::Command{accounts::Register{{"a@example.org"}, index, {}, {}, {"sealed"}}});
}

struct Written {
  schema::Envelope envelope;
  Event event;
  std::string value;
  std::int64_t offset = 0;
  StagedRecord record;
};
/// Owns the names of its headers, as a record in a topic does: those of a staged one may be the batch's.
struct DeadLetter {
  std::map<std::string, std::string> headers;
  std::string value;
};
struct Reply {
  schema::ReplyEnvelope envelope;
  schema::Outcome outcome;
  std::string text;
};

inline schema::HeaderLookup lookup(const schema::Headers& headers) {
  return [&headers](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [known, text] : headers) {
      if (known == name) return text;
    }
    return std::nullopt;
  };
}

/// What a broker would hold; offsets have holes, as those of a real log.
class MemoryLog {
 public:
  void commit(Batch&& batch) {
    std::vector<std::int64_t> event_offsets, reply_offsets;
    for (const auto& record : batch.events()) {
      append(record);
      event_offsets.push_back(events.back().offset);
    }
    for (const auto& record : batch.finish_replies(event_offsets)) {
      reply_offsets.push_back(next_reply_++);
      auto envelope = schema::read_reply_envelope(lookup(record.headers));
      auto outcome = schema::read_outcome(record.value);
      ASSERT_TRUE(envelope && outcome);
      replies.push_back({*envelope, *outcome, record.value});
    }
    for (const auto& record : batch.directory()) directory.push_back(record);
    for (const auto& [key, headers, value] : batch.dead_letters())
      dead_letters.push_back({{headers.begin(), headers.end()}, value});
    snapshot.merge(std::move(batch).finish(reply_offsets));
    ++next_event_;
    ++next_reply_;
  }

  void commit(Seal&& seal) {
    append(seal.event());
    snapshot.merge(std::move(seal).finish(events.back().offset));
    ++next_event_;
  }

  /// Versions without a gap and the hash chain, stream by stream; times never go back; every id once.
  void judge() const {
    std::map<std::string, std::pair<std::int64_t, std::string>> streams;
    Timestamp last{};
    for (const auto& one : events) {
      auto& [version, hash] =
          streams.try_emplace(one.envelope.subject, 0, std::string(schema::kHashBytes, '\0')).first->second;
      ASSERT_EQ(one.envelope.sequence, ++version) << one.envelope.subject;
      hash = crypto::sha256(schema::hash_input(hash, one.envelope, one.value));
      ASSERT_EQ(one.envelope.hash, crypto::hex(hash));
      ASSERT_GE(one.envelope.time, last);
      last = one.envelope.time;
    }
  }
  /// The state that a decider without a store would fold of this log.
  MemorySnapshot folded() const {
    MemorySnapshot out;
    Overlay overlay(out);
    for (const auto& one : events) {
      overlay.apply(one.envelope, one.event);
      std::vector<std::pair<std::string_view, std::string_view>> headers;
      overlay.passed_event(one.offset, one.envelope.id, stored(one.record, headers));
      if (const auto mark = schema::read_answer_mark(lookup(one.record.headers)))
        overlay.answered(one.envelope, *mark, one.event, {kPartition, one.offset});
    }
    for (const auto& one : replies) overlay.apply(one.envelope, {one.outcome.time, one.outcome.fingerprint, one.text});
    auto changes = std::move(overlay).take();
    out.merge(std::move(changes));
    return out;
  }

  MemorySnapshot snapshot;
  std::vector<Written> events;
  std::vector<Reply> replies;
  std::vector<DeadLetter> dead_letters;
  std::vector<schema::DirectoryRecord> directory;

 private:
  void append(const StagedRecord& record) {
    const auto envelope = schema::read_envelope(lookup(record.headers));
    ASSERT_TRUE(envelope);
    const auto event = schema::decode_event(envelope->type, record.value);
    ASSERT_TRUE(event && *event);
    events.push_back({*envelope, **event, record.value, next_event_++, record});
  }

  std::int64_t next_event_ = 0, next_reply_ = 0;
};

}  // namespace parley::decider::testing
