#pragma once
// What the decider's tests share: a log of their own, somebody who sends commands and sees replies, and the judge of a
// log.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "domain/accounts/accounts.h"
#include "domain/dialogs/dialogs.h"
#include "domain/model.h"
#include "ops/cli/topics.h"
#include "platform/crypto/crypto.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"
#include "schemas/commands.h"
#include "schemas/envelope.h"
#include "schemas/events.h"
#include "schemas/replies.h"
#include "tests/integration/kafka_fixture.h"

namespace parley::decider::testing {

using kafka::testing::eventually;
using kafka::testing::unique_name;

inline constexpr int kPartitions = 4;

inline Timestamp now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

/// A reply as its sender sees it.
struct Answered {
  schema::ReplyEnvelope envelope;
  schema::Outcome outcome;
  std::string text;
};

/// A command ready to be sent, again and again if need be: each sending is an attempt of its own.
struct Request {
  schema::CommandEnvelope envelope;
  Command command;
};

inline int slot_of_target(const schema::CommandEnvelope& e) {
  return std::visit(overloaded{[&](const schema::NewStream&) { return crypto::slot_of(e.command_id); },
                               [](const Stream& s) { return slot_of(s.id); },
                               [](const UniqueKey& k) { return crypto::slot_of(k.key); }},
                    e.target);
}

inline Request request(schema::Target target, Principal principal, Command command, std::string fingerprint = "f") {
  schema::CommandEnvelope e;
  e.command_id = crypto::uuid7();
  e.fingerprint = std::move(fingerprint);
  e.principal = std::move(principal);
  e.target = std::move(target);
  e.slot = slot_of_target(e);
  e.correlation = "test";
  return {std::move(e), std::move(command)};
}

/// Sends commands and picks their replies, as an API does.
class Sender {
 public:
  Sender(kafka::Config config, std::string prefix) : config_(std::move(config)), prefix_(std::move(prefix)) {
    auto producer = kafka::Producer::open(config_, {});
    if (!producer) throw std::runtime_error(producer.error().text);
    producer_.emplace(std::move(*producer));
    auto consumer = kafka::Consumer::open(config_, {});
    if (!consumer) throw std::runtime_error(consumer.error().text);
    std::vector<kafka::TopicPartition> partitions;
    for (int i = 0; i < kPartitions; ++i) partitions.push_back({prefix_ + ".replies", i});
    const bool reads = eventually([&] {  // a topic that was made a moment ago has no leader yet
      const auto ends = consumer->end(partitions, kafka::Isolation::read_uncommitted);
      return ends && consumer->assign(*ends);
    });
    if (!reads) throw std::runtime_error("replies cannot be read");
    reader_ = std::jthread(
        [this, consumer = std::make_shared<kafka::Consumer>(std::move(*consumer))](const std::stop_token& stop) {
          std::vector<kafka::Message> messages;
          while (!stop.stop_requested()) {
            messages.clear();
            static_cast<void>(consumer->poll(messages, 1'000, std::chrono::milliseconds(50)));
            for (const auto& message : messages) take(message);
          }
        });
  }

  /// Waits for the reply to this attempt; nothing when the deadline passes: ask again.
  std::optional<Answered> ask(Request request, std::chrono::milliseconds within = std::chrono::seconds(20)) {
    const auto attempt = send(std::move(request), within);
    std::optional<Answered> found;
    eventually(
        [&] {
          const std::lock_guard lock(mutex_);
          const auto it = replies_.find(attempt);
          if (it == replies_.end()) return false;
          found = it->second;
          return true;
        },
        within);
    return found;
  }
  /// Asks until there is a decision.
  Answered insist(const Request& request) {
    for (int i = 0; i < 30; ++i) {
      auto answer = ask(request, std::chrono::seconds(3));
      if (answer && answer->envelope.memory != schema::Memory::none) return *answer;
    }
    throw std::runtime_error("no decision");
  }
  /// The outcome of a command that was under way; nothing when the deadline passes.
  std::optional<Answered> ended(const std::string& command_id,
                                std::chrono::milliseconds within = std::chrono::seconds(30)) {
    std::optional<Answered> found;
    eventually(
        [&] {
          const std::lock_guard lock(mutex_);
          for (const auto& [attempt, one] : replies_) {
            if (one.envelope.command_id == command_id && one.envelope.memory == schema::Memory::first) found = one;
          }
          return found.has_value();
        },
        within);
    return found;
  }
  std::string send(Request request, std::chrono::milliseconds within = std::chrono::seconds(20)) {
    request.envelope.attempt_id = crypto::uuid7();
    if (request.envelope.not_after == Timestamp{}) request.envelope.not_after = now() + within;
    const auto record = schema::to_record(request.envelope, request.command);
    produce(record, partition_of(request.envelope.slot, kPartitions));
    return request.envelope.attempt_id;
  }
  void produce(const schema::CommandRecord& record, int partition) { produce("commands", record, partition); }
  void produce(const std::string& name, const schema::CommandRecord& record, int partition) {
    std::vector<kafka::Header> headers;
    for (const auto& [name, value] : record.headers) headers.push_back({name, value});
    const auto topic = prefix_ + "." + name;
    const auto queued = producer_->produce({topic, partition, record.key, record.value, headers, std::nullopt}, {});
    EXPECT_TRUE(queued) << queued.error().text;
  }

 private:
  void take(const kafka::Message& message) {
    auto envelope =
        schema::read_reply_envelope([&](std::string_view name) { return message.header(std::string(name).c_str()); });
    auto outcome = schema::read_outcome(message.value());
    ASSERT_TRUE(envelope) << envelope.error();
    ASSERT_TRUE(outcome) << outcome.error().issue;
    const std::lock_guard lock(mutex_);
    const auto [it, first] =
        replies_.try_emplace(envelope->attempt_id, Answered{*envelope, *outcome, std::string(message.value())});
    EXPECT_TRUE(first) << "two replies to one attempt";
  }

  kafka::Config config_;
  std::string prefix_;
  std::optional<kafka::Producer> producer_;
  std::mutex mutex_;
  std::unordered_map<std::string, Answered> replies_;
  std::jthread reader_;
};

struct LoggedEvent {
  schema::Envelope envelope;
  Event event;
  int partition = 0;
  std::int64_t offset = 0;
};

/// Needs a broker; makes topics with a prefix of their own and a folder for state.
class DeciderTest : public kafka::testing::KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    prefix_ = unique_name("decider");
    for (const char* name : {"commands", "events", "replies", "directory", "dead-letters", "signals"})
      topics_.push_back(prefix_ + "." + name);
    ASSERT_EQ(cli::topics({config_, prefix_, kPartitions, 1}), 0);
    std::string folder = (std::filesystem::temp_directory_path() / "parley-decider-XXXXXX").string();
    state_dir_ = mkdtemp(folder.data());
  }
  void TearDown() override {
    KafkaTest::TearDown();
    if (!state_dir_.empty()) std::filesystem::remove_all(state_dir_);
  }

  /// Everything that a read_committed consumer sees of a topic, partition by partition.
  template <class Each>
  void read_all(const std::string& name, Each each) {
    auto reader = consumer();
    std::vector<kafka::TopicPartition> partitions;
    std::vector<kafka::PartitionOffset> begin;
    for (int i = 0; i < kPartitions; ++i) {
      partitions.push_back({prefix_ + "." + name, i});
      begin.push_back({partitions.back(), 0});
    }
    const auto ends = reader.end(partitions, kafka::Isolation::read_uncommitted);
    ASSERT_TRUE(ends) << ends.error().text;
    ASSERT_TRUE(reader.assign(begin));
    std::vector<kafka::Message> messages;
    ASSERT_TRUE(eventually([&] {
      static_cast<void>(reader.poll(messages, 10'000, std::chrono::milliseconds(50)));
      const auto positions = reader.position();
      return positions && std::ranges::all_of(*positions, [&](const auto& at) {
               return std::ranges::any_of(
                   *ends, [&](const auto& end) { return end.where == at.where && at.offset >= end.offset; });
             });
    }));
    for (const auto& message : messages) each(message);
  }

  /// The events, each stream's judged: versions 1..n without a gap, the hash chain, times that never go back within a
  /// partition, ids once.
  std::vector<LoggedEvent> judged_events() {
    std::vector<LoggedEvent> out;
    std::map<std::string, std::pair<std::int64_t, std::string>> streams;
    std::map<int, Timestamp> times;
    std::set<std::string> ids;
    read_all("events", [&](const kafka::Message& m) {
      const auto e = schema::read_envelope([&](std::string_view name) { return m.header(std::string(name).c_str()); });
      ASSERT_TRUE(e) << e.error();
      auto& [version, hash] = streams.try_emplace(e->subject, 0, std::string(schema::kHashBytes, '\0')).first->second;
      EXPECT_EQ(e->sequence, ++version) << e->subject << " at " << m.partition() << ":" << m.offset();
      hash = crypto::sha256(schema::hash_input(hash, *e, m.value()));
      EXPECT_EQ(e->hash, crypto::hex(hash)) << e->subject;
      EXPECT_TRUE(ids.insert(e->id).second);
      EXPECT_GE(e->time, times[m.partition()]);
      times[m.partition()] = e->time;
      auto event = schema::decode_event(e->type, m.value());
      ASSERT_TRUE(event && *event);
      EXPECT_EQ(partition_of(slot_of(parse_stream(e->subject)->id), kPartitions), m.partition());
      out.push_back({*e, **event, m.partition(), m.offset()});
    });
    return out;
  }

  /// Each command has at most one decision that is remembered, and every answer to it is that one.
  void judge_replies() {
    std::map<std::string, std::string> first;
    read_all("replies", [&](const kafka::Message& m) {
      const auto e =
          schema::read_reply_envelope([&](std::string_view name) { return m.header(std::string(name).c_str()); });
      ASSERT_TRUE(e);
      if (e->memory == schema::Memory::first) {
        EXPECT_TRUE(first.emplace(e->command_id, m.value()).second) << "decided twice: " << e->command_id;
      }
      if (e->memory == schema::Memory::repeat) {
        EXPECT_EQ(first[e->command_id], m.value());
      }
    });
  }

  std::string prefix_;
  std::string state_dir_;
};

inline Request register_account(const std::string& email) {
  const auto index = crypto::hex(crypto::sha256(email));
  return request(UniqueKey{"account_email", index}, Anonymous{},
                 accounts::Command{accounts::Register{{email}, index, {}, {}, {"sealed"}}});
}
inline Request open_dialog(AssistantId assistant, AccountId owner) {
  return request(schema::NewStream{}, Visitor{assistant},
                 dialogs::Command{dialogs::Open{owner, dialogs::Platform::website, std::nullopt}});
}
inline Request visitor_message(DialogId dialog, AssistantId assistant, const std::string& text) {
  return request(Stream{Kind::dialog, dialog.value}, Visitor{assistant},
                 dialogs::Command{dialogs::PostVisitorMessage{{text}}});
}
inline DialogId dialog_of(const Answered& answer) {
  return std::get<dialogs::DialogOpened>(std::get<Answer>(answer.outcome.result).get<dialogs::Answer>()).dialog;
}
inline std::optional<Code> code_of(const Answered& answer) {
  const auto* error = std::get_if<Error>(&answer.outcome.result);
  return error != nullptr ? std::optional(error->code) : std::nullopt;
}

}  // namespace parley::decider::testing
