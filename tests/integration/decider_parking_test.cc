// A stream that stands still, on a real broker: alone, after kills and hand-overs too, until an operator brings it back
// in order.
#include <gtest/gtest.h>

#include "ops/cli/parked.h"
#include "schemas/directory.h"
#include "tests/integration/decider_fixture.h"
#include "tests/integration/supervised_decider.h"
#include "workers/decider/decider.h"

namespace parley::decider::testing {
namespace {

using std::chrono::seconds;

const AssistantId kAssistant{5 * 1024 + 7};
const AccountId kOwner{9 * 1024 + 3};

class DeciderParking : public DeciderTest {
 protected:
  std::unique_ptr<Supervised> start(const std::string& instance, bool poisoned) {
    std::vector<std::string> arguments{PARLEY_DECIDER_PROBE,        config_.brokers, prefix_,
                                       std::to_string(kPartitions), instance,        state_dir_};
    if (poisoned) arguments.emplace_back("POISON");
    return std::make_unique<Supervised>(std::move(arguments), std::vector<std::string>{});
  }
  Options options(const std::string& instance) {
    Options o;
    o.kafka = config_;
    o.topic_prefix = prefix_;
    o.partitions = kPartitions;
    o.instance = instance;
    o.state_dir = state_dir_;
    return o;
  }
  cli::ParkedOptions console() {
    return {.log = {.kafka = config_, .prefix = prefix_, .partitions = kPartitions}, .json = true};
  }
  static cli::Unpark bring_back(const std::string& stream, const std::string& reason = "mended") {
    return {stream, reason, {}, {}};
  }
  /// What `parley parked list` names.
  std::vector<std::string> parked() {
    ::testing::internal::CaptureStdout();
    EXPECT_NE(cli::parked_list(console()), 0) << "some are parked, or not all were asked";
    const auto document = json::Document::parse(::testing::internal::GetCapturedStdout(), json::Strict::no);
    EXPECT_TRUE(document);
    std::vector<std::string> out;
    const auto list = document->root().member("parked");
    for (std::size_t i = 0; i < list.size(); ++i) out.emplace_back(list.at(i).member("stream").string().value_or(""));
    return out;
  }
  std::vector<std::string> texts_of(const std::string& subject) {
    std::vector<std::string> out;
    for (const auto& one : judged_events()) {
      if (one.envelope.subject != subject) continue;
      if (const auto* dialog = one.event.get_if<dialogs::Event>()) {
        if (const auto* message = std::get_if<dialogs::MessageCreated>(dialog)) out.push_back(message->text.text);
      } else {
        out.emplace_back(std::holds_alternative<parking::Parked>(one.event.get<parking::Event>()) ? "[parked]"
                                                                                                  : "[unparked]");
      }
    }
    return out;
  }
  static std::string subject_of(DialogId dialog) { return to_string(Stream{Kind::dialog, dialog.value}); }
};

TEST_F(DeciderParking, a_decision_that_throws_parks_its_stream_alone_until_it_is_retried_in_its_place) {
  Sender sender(config_, prefix_);
  auto poisoned = start("decider-1", true);
  const auto dialog = dialog_of(sender.insist(open_dialog(kAssistant, kOwner)));
  const auto other = dialog_of(sender.insist(open_dialog(kAssistant, kOwner)));
  const auto subject = subject_of(dialog);
  sender.insist(visitor_message(dialog, kAssistant, "one"));
  const auto poison = visitor_message(dialog, kAssistant, "throw");
  ASSERT_EQ(code_of(sender.ask(poison).value()), kInternalError);
  EXPECT_EQ(code_of(sender.ask(visitor_message(dialog, kAssistant, "refused")).value()), parking::kStreamParked);
  EXPECT_FALSE(code_of(sender.insist(visitor_message(other, kAssistant, "goes on"))));
  EXPECT_EQ(parked(), std::vector{subject});

  // A retry where nothing is mended parks it again.
  EXPECT_EQ(cli::parked_retry(console(), bring_back(subject)), 1);
  poisoned->signal(SIGKILL);
  EXPECT_EQ(code_of(sender.ask(visitor_message(dialog, kAssistant, "refused")).value()), parking::kStreamParked);
  EXPECT_EQ(parked(), std::vector{subject});
  poisoned.reset();

  // Another decider, of a build that is mended, with a store of its own.
  Decider decider(options("decider-2"));
  std::jthread thread([&](const std::stop_token& stop) { EXPECT_TRUE(decider.run(stop)); });
  ASSERT_TRUE(eventually([&] { return decider.verdict().readiness == health::Readiness::degraded; }));
  const auto reasons = decider.verdict().reasons;
  EXPECT_NE(std::ranges::find(reasons, "parked: " + subject + ": poisoned"), reasons.end());
  EXPECT_EQ(code_of(sender.ask(visitor_message(dialog, kAssistant, "refused")).value()), parking::kStreamParked);
  EXPECT_EQ(cli::parked_show(console(), subject), 0);
  EXPECT_EQ(cli::parked_show(console(), subject_of(other)), 1);
  EXPECT_EQ(cli::parked_retry(console(), bring_back(subject)), 0);
  EXPECT_FALSE(code_of(sender.insist(visitor_message(dialog, kAssistant, "three"))));
  EXPECT_EQ(sender.insist(poison).envelope.memory, schema::Memory::repeat);
  EXPECT_TRUE(parked().empty());
  EXPECT_EQ(decider.verdict().readiness, health::Readiness::ready);
  EXPECT_EQ(cli::parked_retry(console(), bring_back(subject)), 1) << "it does not stand still";
  thread.request_stop();
  thread.join();
  EXPECT_EQ(texts_of(subject),
            (std::vector<std::string>{"one", "[parked]", "[unparked]", "[parked]", "[unparked]", "throw", "three"}));
  judge_replies();
}

TEST_F(DeciderParking, a_command_that_ends_the_process_each_time_parks_its_stream_and_can_be_skipped) {
  Sender sender(config_, prefix_);
  auto decider = start("decider-1", true);
  const auto dialog = dialog_of(sender.insist(open_dialog(kAssistant, kOwner)));
  const auto other = dialog_of(sender.insist(open_dialog(kAssistant, kOwner)));
  const auto poison = visitor_message(dialog, kAssistant, "abort");
  const auto answered = sender.ask(poison, seconds(60));
  ASSERT_TRUE(answered);
  EXPECT_EQ(code_of(*answered), kInternalError);
  EXPECT_EQ(decider->restarts(), kParkAfterCrashes);
  EXPECT_EQ(code_of(sender.ask(visitor_message(dialog, kAssistant, "refused")).value()), parking::kStreamParked);
  EXPECT_FALSE(code_of(sender.insist(visitor_message(other, kAssistant, "goes on"))));
  EXPECT_EQ(parked(), std::vector{subject_of(dialog)});
  EXPECT_EQ(cli::parked_skip(console(), bring_back(subject_of(dialog), "")), 1) << "a reason is asked for";
  EXPECT_EQ(cli::parked_skip(console(), bring_back(subject_of(dialog))), 0);
  EXPECT_FALSE(code_of(sender.insist(visitor_message(dialog, kAssistant, "after"))));
  EXPECT_EQ(code_of(sender.insist(poison)), parking::kCommandSkipped);
  EXPECT_TRUE(parked().empty());
  EXPECT_EQ(decider->restarts(), kParkAfterCrashes);
  decider.reset();
  EXPECT_EQ(texts_of(subject_of(dialog)), (std::vector<std::string>{"[parked]", "[unparked]", "after"}));
  judge_replies();
}

TEST_F(DeciderParking, an_event_of_a_type_from_the_future_stops_its_stream_alone_and_can_be_skipped) {
  Sender sender(config_, prefix_);
  auto decider = start("decider-1", false);
  const auto dialog = dialog_of(sender.insist(open_dialog(kAssistant, kOwner)));
  const auto other = dialog_of(sender.insist(open_dialog(kAssistant, kOwner)));
  decider.reset();
  // As a newer build would have left it.
  auto future = judged_events().front();
  for (const auto& one : judged_events()) {
    if (one.envelope.subject == subject_of(dialog)) future = one;
  }
  auto& envelope = future.envelope;
  const auto previous = crypto::unhex(envelope.hash);
  envelope.id = crypto::uuid7();
  envelope.type = "parley.dialog.renamed.v7";
  ++envelope.sequence;
  envelope.hash = crypto::hex(crypto::sha256(schema::hash_input(*previous, envelope, "{}")));
  sender.produce("events", {envelope.subject, schema::to_headers(envelope), "{}"}, future.partition);

  decider = start("decider-1", false);
  EXPECT_EQ(code_of(sender.ask(visitor_message(dialog, kAssistant, "refused"), seconds(60)).value()),
            parking::kStreamParked);
  EXPECT_FALSE(code_of(sender.insist(visitor_message(other, kAssistant, "goes on"))));
  EXPECT_EQ(parked(), std::vector{subject_of(dialog)});
  EXPECT_EQ(cli::parked_retry(console(), bring_back(subject_of(dialog))), 1) << "this build still does not know it";
  EXPECT_EQ(cli::parked_skip(console(), bring_back(subject_of(dialog))), 0);
  const auto message = sender.insist(visitor_message(dialog, kAssistant, "after"));
  EXPECT_FALSE(code_of(message));
  EXPECT_EQ(message.outcome.version, 4);  // opened, renamed, unparked, this
}

}  // namespace
}  // namespace parley::decider::testing
