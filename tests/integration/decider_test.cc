// The decider on a real broker: what is decided, remembered, refused, and what a start does.
#include "workers/decider/decider.h"

#include <gtest/gtest.h>

#include "platform/kafka/read_through.h"
#include "schemas/directory.h"
#include "tests/integration/decider_fixture.h"
#include "workers/decider/partition_store.h"

namespace parley::decider::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const AssistantId kAssistant{5 * 1024 + 7};
const AccountId kOwner{9 * 1024 + 3};

/// A decider on a thread of this process.
class Running {
 public:
  explicit Running(Options options) : decider_(std::move(options)) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      const auto ended = decider_.run(stop);
      if (!ended) reason_ = ended.error();
      over_ = true;
    });
  }
  bool ready(milliseconds within = seconds(30)) {
    return eventually([&] { return over_ || decider_.verdict().readiness == health::Readiness::ready; }, within) &&
           !over_;
  }
  bool over() const { return over_; }
  std::string reason() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    return reason_;
  }
  health::Verdict verdict() const { return decider_.verdict(); }

 private:
  Decider decider_;
  std::string reason_;
  std::atomic<bool> over_ = false;
  std::jthread thread_;
};

class Deciding : public DeciderTest {
 protected:
  /// Deletes a topic and makes it again, empty; the group begins anew in one of commands.
  void make_again(const std::string& name) {
    const auto topic = prefix_ + "." + name;
    const auto before = admin_->describe_topic(topic);
    ASSERT_TRUE(before);
    ASSERT_TRUE(admin_->delete_topic(topic));
    ASSERT_TRUE(eventually([&] { return admin_->create_topic({topic, kPartitions, 1, {}}).value_or(false); }));
    ASSERT_TRUE(eventually([&] {  // the broker follows its controller
      const auto now = admin_->describe_topic(topic);
      return now && now->id != before->id;
    }));
    ASSERT_TRUE(eventually([&] {
      return admin_->end(kafka::every_partition(topic, kPartitions), kafka::Isolation::read_uncommitted).has_value();
    }));
  }
  /// Why the decider ended by itself.
  static std::string ending(Running& decider) {
    EXPECT_TRUE(eventually([&] { return decider.over(); }));
    return decider.reason();
  }
  Options options(const std::string& instance = "decider-1") {
    Options o;
    o.kafka = config_;
    o.topic_prefix = prefix_;
    o.partitions = kPartitions;
    o.instance = instance;
    o.state_dir = state_dir_;
    return o;
  }
};

TEST_F(Deciding, a_dialog_is_opened_and_its_messages_are_events_with_versions_and_hashes) {
  Running decider(options());
  ASSERT_TRUE(decider.ready()) << decider.reason();
  Sender sender(config_, prefix_);
  const auto opened = sender.insist(open_dialog(kAssistant, kOwner));
  EXPECT_EQ(opened.envelope.memory, schema::Memory::first);
  ASSERT_TRUE(opened.outcome.position);
  const auto dialog = dialog_of(opened);
  for (int i = 0; i < 10; ++i) {
    const auto posted = sender.insist(visitor_message(dialog, kAssistant, std::to_string(i)));
    EXPECT_EQ(posted.outcome.version, i + 2);
  }
  const auto events = judged_events();
  ASSERT_EQ(events.size(), 11u);
  EXPECT_EQ(events.front().partition, opened.outcome.position->partition);
  EXPECT_EQ(events.front().offset, opened.outcome.position->offset);
  judge_replies();
}

TEST_F(Deciding, an_email_is_taken_once_and_the_directory_knows_it) {
  Running decider(options());
  ASSERT_TRUE(decider.ready()) << decider.reason();
  Sender sender(config_, prefix_);
  const auto first = sender.insist(register_account("anna@example.org"));
  EXPECT_EQ(code_of(first), std::nullopt);
  EXPECT_EQ(code_of(sender.insist(register_account("anna@example.org"))), accounts::kEmailTaken);
  EXPECT_EQ(code_of(sender.insist(register_account("boris@example.org"))), std::nullopt);
  std::set<std::string> keys;
  read_all("directory", [&](const kafka::Message& m) {
    if (!m.key().starts_with(schema::kParkedPrefix)) keys.emplace(m.key());
  });
  EXPECT_EQ(keys.size(), 2u);
  EXPECT_EQ(judged_events().size(), 4u);  // registered and given a bonus, twice
}

TEST_F(Deciding,
       a_repeated_command_gets_the_first_answer_byte_for_byte_also_after_a_restart_and_after_the_store_is_gone) {
  const auto opening = open_dialog(kAssistant, kOwner);
  auto refusal = visitor_message(DialogId{77 * 1024 + 1}, kAssistant, "nobody's dialog");
  Answered first, refused;
  Sender sender(config_, prefix_);
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    first = sender.insist(opening);
    refused = sender.insist(refusal);
    EXPECT_EQ(code_of(refused), dialogs::kDialogNotFound);
    const auto again = sender.insist(opening);
    EXPECT_EQ(again.envelope.memory, schema::Memory::repeat);
    EXPECT_EQ(again.text, first.text);
  }
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    EXPECT_EQ(sender.insist(opening).text, first.text);
    EXPECT_EQ(sender.insist(refusal).text, refused.text);
  }
  std::filesystem::remove_all(state_dir_);
  Running decider(options());
  ASSERT_TRUE(decider.ready()) << decider.reason();
  EXPECT_EQ(sender.insist(opening).text, first.text);
  auto other = opening;
  other.envelope.fingerprint = "another body";
  const auto reused = sender.insist(other);
  EXPECT_EQ(code_of(reused), schema::kIdempotencyKeyReused);
  EXPECT_EQ(sender.insist(opening).text, first.text);
  EXPECT_EQ(judged_events().size(), 1u);
}

TEST_F(Deciding, lost_group_offsets_decide_nothing_twice) {
  Sender sender(config_, prefix_);
  const auto opening = open_dialog(kAssistant, kOwner);
  DialogId dialog;
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    dialog = dialog_of(sender.insist(opening));
    for (int i = 0; i < 20; ++i) sender.insist(visitor_message(dialog, kAssistant, std::to_string(i)));
    ASSERT_EQ(decider.reason(), "");
  }
  std::vector<kafka::PartitionOffset> lost;
  for (int i = 0; i < kPartitions; ++i) lost.push_back({{prefix_ + ".commands", i}, 0});
  ASSERT_TRUE(eventually([&] { return admin_->set_group_offsets(prefix_ + ".decider", lost).has_value(); }))
      << "the group still has members";
  std::filesystem::remove_all(state_dir_);
  Running decider(options());
  ASSERT_TRUE(decider.ready()) << decider.reason();
  EXPECT_EQ(sender.insist(visitor_message(dialog, kAssistant, "after")).outcome.version, 22);
  EXPECT_EQ(judged_events().size(), 22u);
  judge_replies();
}

TEST_F(Deciding, what_cannot_be_decided_is_a_dead_letter_and_the_sender_is_told) {
  Running decider(options());
  ASSERT_TRUE(decider.ready()) << decider.reason();
  Sender sender(config_, prefix_);
  auto astray = open_dialog(kAssistant, kOwner);
  astray.envelope.slot = (astray.envelope.slot + 1) % kSlots;  // not where its id leads
  const auto told = sender.ask(astray);
  ASSERT_TRUE(told);
  EXPECT_EQ(code_of(*told), kInternalError);
  EXPECT_EQ(told->envelope.memory, schema::Memory::none);
  sender.produce({"nonsense", {{"type", "?"}}, "not json"}, 0);
  const auto after = sender.insist(open_dialog(kAssistant, kOwner));
  EXPECT_EQ(code_of(after), std::nullopt);
  std::vector<std::string> reasons;
  EXPECT_TRUE(eventually([&] {
    reasons.clear();
    read_all("dead-letters",
             [&](const kafka::Message& m) { reasons.emplace_back(m.header("dead_reason").value_or("")); });
    return reasons.size() == 2;
  }));
}

TEST_F(Deciding, a_late_command_is_refused_as_expired_and_decided_when_it_is_asked_again) {
  Running decider(options());
  ASSERT_TRUE(decider.ready()) << decider.reason();
  Sender sender(config_, prefix_);
  auto opening = open_dialog(kAssistant, kOwner);
  opening.envelope.not_after = now() - seconds(1);
  const auto late = sender.ask(opening);
  ASSERT_TRUE(late);
  EXPECT_EQ(code_of(*late), schema::kCommandExpired);
  EXPECT_EQ(late->envelope.memory, schema::Memory::none);
  opening.envelope.not_after = now() + seconds(20);
  EXPECT_EQ(code_of(sender.insist(opening)), std::nullopt);
  EXPECT_EQ(judged_events().size(), 1u);
}

TEST_F(Deciding, two_share_the_partitions_and_what_moves_between_them_leaves_no_trace) {
  Running one(options("decider-1"));
  ASSERT_TRUE(one.ready()) << one.reason();
  Sender sender(config_, prefix_);
  const auto dialog = dialog_of(sender.insist(open_dialog(kAssistant, kOwner)));
  std::vector<Request> requests;
  for (int i = 0; i < 60; ++i) requests.push_back(visitor_message(dialog, kAssistant, std::to_string(i)));
  for (int i = 0; i < 20; ++i) sender.insist(requests[i]);
  Running two(options("decider-2"));
  for (int i = 20; i < 40; ++i) sender.insist(requests[i]);
  ASSERT_TRUE(two.ready()) << two.reason();
  ASSERT_TRUE(eventually([&] {
    return one.verdict().reasons.front() == "deciding 2 partitions" && two.verdict().reasons == one.verdict().reasons;
  }));
  for (int i = 40; i < 60; ++i) sender.insist(requests[i]);
  EXPECT_FALSE(one.over()) << one.reason();
  EXPECT_EQ(judged_events().size(), 61u);
  judge_replies();
}

TEST_F(Deciding, a_state_whose_last_event_is_not_the_logs_stops_it_and_goes_on_once_it_is_removed) {
  Sender sender(config_, prefix_);
  std::vector<DialogId> dialogs;
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    for (int i = 0; i < 60; ++i) dialogs.push_back(dialog_of(sender.insist(open_dialog(kAssistant, kOwner))));
    ASSERT_EQ(decider.reason(), "");
  }
  const std::vector<std::string> topics{prefix_ + ".events", prefix_ + ".commands"};
  const auto described = *admin_->describe_topics(topics);
  const auto lie = [&](auto change) {
    const store::Memory memory{store::Memory::Budget{}};
    auto store = PartitionStore::open(state_dir_ + "/decider-1/0", memory,
                                      "events " + described[0]->id + ", commands " + described[1]->id);
    ASSERT_TRUE(store) << store.error();
    ASSERT_GE(store->progress().last_event, 0) << "no event in partition 0: choose more dialogs";
    Changes lies;
    lies.progress = store->progress();
    change(lies.progress);
    store->write(lies);
  };
  lie([](Progress& progress) { progress.last_event_id = "another event"; });
  {
    Running decider(options());
    EXPECT_NE(ending(decider).find("another event"), std::string::npos) << decider.reason();
  }
  lie([](Progress& progress) { progress.last_event += 1'000'000; });
  {
    Running decider(options());
    EXPECT_NE(ending(decider).find("lost its tail"), std::string::npos) << decider.reason();
  }
  std::filesystem::remove_all(state_dir_);
  Running decider(options());
  ASSERT_TRUE(decider.ready()) << decider.reason();
  for (const auto dialog : dialogs)
    EXPECT_EQ(sender.insist(visitor_message(dialog, kAssistant, "after")).outcome.version, 2);
  judged_events();
}

TEST_F(Deciding, replies_that_are_lost_are_remembered_by_the_state_and_without_it_nothing_is_decided) {
  const auto opening = open_dialog(kAssistant, kOwner);
  std::string first;
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    Sender sender(config_, prefix_);
    first = sender.insist(opening).text;
    ASSERT_EQ(decider.reason(), "");
  }
  make_again("replies");
  Sender sender(config_, prefix_);
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    EXPECT_EQ(sender.insist(opening).text, first);
  }
  make_again("replies");
  std::filesystem::remove_all(state_dir_);
  for (int start = 0; start < 2; ++start) {  // the second time on what the first one folded
    Running decider(options());
    EXPECT_NE(ending(decider).find("has lost outcomes"), std::string::npos) << decider.reason();
  }
  EXPECT_EQ(judged_events().size(), 1u);
  Options knowing = options();
  knowing.forget_outcomes = true;
  Running decider(knowing);
  EXPECT_TRUE(decider.ready()) << decider.reason();
}

TEST_F(Deciding, events_that_end_before_what_replies_tell_of_stop_it) {
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    Sender sender(config_, prefix_);
    sender.insist(open_dialog(kAssistant, kOwner));
    ASSERT_EQ(decider.reason(), "");
  }
  make_again("events");
  std::filesystem::remove_all(state_dir_);
  Running decider(options());
  EXPECT_NE(ending(decider).find("lost its tail"), std::string::npos) << decider.reason();
}

TEST_F(Deciding, events_made_again_under_it_stop_it_and_nothing_is_appended_to_them) {
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    Sender sender(config_, prefix_);
    const auto dialog = dialog_of(sender.insist(open_dialog(kAssistant, kOwner)));
    for (int i = 0; i < 5; ++i) sender.insist(visitor_message(dialog, kAssistant, std::to_string(i)));
    make_again("events");
    EXPECT_TRUE(eventually([&] {
      sender.ask(visitor_message(dialog, kAssistant, "into the void"), milliseconds(200));
      return decider.over();
    }));
  }  // it has noticed, or the broker refused what it wanted to append
  Running decider(options());
  EXPECT_NE(ending(decider).find("another log"), std::string::npos) << decider.reason();
  EXPECT_EQ(judged_events().size(), 0u);
}

TEST_F(Deciding, one_that_hangs_or_halts_says_so) {
  std::atomic<bool> hangs = true;
  Options hanging = options();
  hanging.stuck_after = milliseconds(500);
  hanging.observer = [&](Step step) {
    while (step == Step::collected && hangs) std::this_thread::sleep_for(milliseconds(5));
  };
  Running decider(hanging);
  ASSERT_TRUE(decider.ready()) << decider.reason();
  const auto says = [&](const Running& one, const std::string& text) {
    return eventually([&] {
      const auto verdict = one.verdict();
      return verdict.readiness == health::Readiness::not_ready &&
             verdict.reasons.front().find(text) != std::string::npos;
    });
  };
  Sender sender(config_, prefix_);
  const auto opening = open_dialog(kAssistant, kOwner);
  sender.send(opening);
  EXPECT_TRUE(says(decider, "has not turned"));
  hangs = false;
  EXPECT_TRUE(decider.ready());
  sender.insist(opening);
  EXPECT_EQ(decider.reason(), "");

  make_again("commands");
  Options halting = options();
  halting.halt_linger = std::chrono::minutes(5);
  Running halted(halting);
  EXPECT_TRUE(says(halted, "commands"));
  EXPECT_FALSE(halted.over());
  EXPECT_NE(halted.reason(), "");  // told to end, it does
}

TEST_F(Deciding, a_group_without_positions_stops_and_says_what_to_do) {
  Options lone = options();
  lone.topic_prefix = unique_name("bare");
  for (const char* name : {"commands", "events", "replies", "directory", "dead-letters"}) {
    topics_.push_back(lone.topic_prefix + "." + name);
    ASSERT_TRUE(admin_->create_topic({topics_.back(), kPartitions, 1, {}}));
  }
  Running decider(lone);
  EXPECT_TRUE(eventually([&] { return decider.over(); }));
  EXPECT_NE(decider.reason().find("parley topics"), std::string::npos);
}

TEST_F(Deciding, another_partition_count_stops_and_says_so) {
  Options other = options();
  other.partitions = 8;
  Running decider(other);
  EXPECT_TRUE(eventually([&] { return decider.over(); }));
  EXPECT_NE(decider.reason().find("--partitions says 8 (PARLEY_PARTITIONS=4)"), std::string::npos);
}

TEST_F(Deciding, commands_of_another_log_stop_it_and_are_not_passed_over_in_silence) {
  Sender sender(config_, prefix_);
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    for (int i = 0; i < 20; ++i) sender.insist(open_dialog(kAssistant, kOwner));
    ASSERT_EQ(decider.reason(), "");
  }
  const auto commands = prefix_ + ".commands";
  ASSERT_TRUE(admin_->delete_topic(commands));
  ASSERT_TRUE(eventually([&] { return admin_->create_topic({commands, kPartitions, 1, {}}).value_or(false); }));
  std::vector<kafka::PartitionOffset> begin;
  for (int i = 0; i < kPartitions; ++i) begin.push_back({{commands, i}, 0});
  ASSERT_TRUE(eventually([&] { return admin_->set_group_offsets(prefix_ + ".decider", begin).has_value(); }))
      << "the group still has members";
  Running decider(options());
  EXPECT_TRUE(eventually([&] { return decider.over(); }));
  EXPECT_NE(decider.reason().find("another log"), std::string::npos) << decider.reason();
}

TEST_F(Deciding, a_state_of_another_log_stops_it_and_is_left_as_it_is) {
  Sender sender(config_, prefix_);
  {
    Running decider(options());
    ASSERT_TRUE(decider.ready()) << decider.reason();
    sender.insist(open_dialog(kAssistant, kOwner));
    ASSERT_EQ(decider.reason(), "");
  }
  // The same folder, a new log.
  const auto old_prefix = std::exchange(prefix_, unique_name("decider"));
  for (const char* name : {"commands", "events", "replies", "directory", "dead-letters", "signals"})
    topics_.push_back(prefix_ + "." + name);
  ASSERT_EQ(cli::topics({config_, prefix_, kPartitions, 1}), 0);
  {
    Running decider(options());
    EXPECT_NE(ending(decider).find("another log"), std::string::npos) << decider.reason();
  }
  std::filesystem::remove_all(state_dir_);
  Running decider(options());
  ASSERT_TRUE(decider.ready()) << decider.reason();
  Sender anew(config_, prefix_);
  const auto dialog = dialog_of(anew.insist(open_dialog(kAssistant, kOwner)));
  EXPECT_EQ(dialog.value / kSlots, 1);
  EXPECT_EQ(judged_events().size(), 1u);
}

}  // namespace
}  // namespace parley::decider::testing
