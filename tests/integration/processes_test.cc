// What spans slots, with a decider and a reactor on a real broker.
#include "workers/processes/processes.h"

#include <gtest/gtest.h>

#include "tests/integration/decider_fixture.h"
#include "workers/decider/decider.h"

namespace parley::decider::testing {
namespace {

using std::chrono::seconds;

/// A worker on a thread of this process.
template <class Worker>
class Running {
 public:
  template <class Options>
  explicit Running(Options options) : worker_(std::move(options)) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      const auto ended = worker_.run(stop);
      if (!ended) reason_ = ended.error();
    });
  }
  bool ready() {
    return eventually([&] { return worker_.verdict().readiness == health::Readiness::ready; }, seconds(30));
  }
  health::Verdict verdict() const { return worker_.verdict(); }
  std::string end() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    return reason_;
  }

 private:
  Worker worker_;
  std::string reason_;
  std::jthread thread_;
};
using RunningDecider = Running<Decider>;
using RunningReactor = Running<processes::Processes>;

class Processes : public DeciderTest {
 protected:
  Options decider() const {
    Options o;
    o.kafka = config_;
    o.topic_prefix = prefix_;
    o.partitions = kPartitions;
    o.instance = "decider-1";
    o.state_dir = state_dir_;
    return o;
  }
  processes::Options reactor() const {
    processes::Options o;
    o.kafka = config_;
    o.topic_prefix = prefix_;
    o.partitions = kPartitions;
    o.instance = "reactor-1";
    return o;
  }
  static std::int64_t account_of(const Answered& answer) {
    return std::get<accounts::SignedIn>(std::get<Answer>(answer.outcome.result).get<accounts::Answer>()).account.value;
  }
  static Request change(std::int64_t account, const std::string& email) {
    const accounts::Session session{"s", 1'000, now() + accounts::kSessionLifetime};
    return request(Stream{Kind::account, account}, Owner{{account}},
                   accounts::Command{
                       accounts::ChangeEmail{{email}, crypto::hex(crypto::sha256(email)), true, {"sealed"}, session}});
  }
  static std::string email_of(const Answered& answer) {
    return std::get<accounts::Profile>(std::get<Answer>(answer.outcome.result).get<accounts::Answer>()).email.text;
  }
};

TEST_F(Processes, a_change_of_the_email_ends_when_a_reactor_comes_and_its_answer_stays_when_the_store_is_gone) {
  Request changing;
  std::string answer;
  Sender sender(config_, prefix_);
  {
    RunningDecider decides(decider());
    ASSERT_TRUE(decides.ready()) << decides.end();
    changing = change(account_of(sender.insist(register_account("anna@example.org"))), "new@example.org");
    EXPECT_EQ(sender.insist(changing).envelope.memory, schema::Memory::under_way);
    EXPECT_EQ(decides.end(), "");
  }
  std::filesystem::remove_all(state_dir_ + "/decider-1");
  {
    RunningDecider decides(decider());
    ASSERT_TRUE(decides.ready()) << decides.end();
    EXPECT_EQ(sender.insist(changing).envelope.memory, schema::Memory::still_under_way);
    RunningReactor goes_on(reactor());
    const auto ended = sender.ended(changing.envelope.command_id);
    ASSERT_TRUE(ended);
    EXPECT_EQ(email_of(*ended), "new@example.org");
    EXPECT_EQ(code_of(sender.insist(register_account("new@example.org"))), accounts::kEmailTaken);
    EXPECT_EQ(code_of(sender.insist(register_account("anna@example.org"))), std::nullopt);
    answer = ended->text;
    EXPECT_EQ(goes_on.end(), "");
    EXPECT_EQ(decides.end(), "");
  }
  std::filesystem::remove_all(state_dir_ + "/decider-1");
  RunningDecider decides(decider());
  ASSERT_TRUE(decides.ready()) << decides.end();
  const auto again = sender.insist(changing);
  EXPECT_EQ(again.envelope.memory, schema::Memory::repeat);
  EXPECT_EQ(again.text, answer);
  judge_replies();
  judged_events();
}

TEST_F(Processes, of_all_who_want_one_email_one_gets_it_also_when_reactors_come_and_go) {
  RunningDecider decides(decider());
  ASSERT_TRUE(decides.ready()) << decides.end();
  Sender sender(config_, prefix_);
  std::vector<Request> changes;
  for (int i = 0; i < 8; ++i) {
    changes.push_back(
        change(account_of(sender.insist(register_account(std::to_string(i) + "@example.org"))), "wanted@example.org"));
  }
  const auto registration = register_account("wanted@example.org");
  for (const auto& one : changes) sender.send(one);
  for (int i = 0; i < 3; ++i) {
    RunningReactor goes_on(reactor());
    ASSERT_TRUE(goes_on.ready());
    if (i == 1) sender.send(registration);
    goes_on.end();
  }
  RunningReactor goes_on(reactor());
  int winners = code_of(sender.insist(registration)) ? 0 : 1;
  for (const auto& one : changes) {
    const auto ended = sender.ended(one.envelope.command_id);
    ASSERT_TRUE(ended);
    EXPECT_TRUE(!code_of(*ended) || code_of(*ended) == accounts::kEmailTaken);
    winners += code_of(*ended) ? 0 : 1;
  }
  EXPECT_EQ(winners, 1);
  judge_replies();
}

TEST_F(Processes, a_reactor_without_a_position_goes_on_nowhere_and_says_so) {
  prefix_ = unique_name("nowhere");
  for (const auto& name : cli::topic_names()) topics_.push_back(prefix_ + "." + name);
  ASSERT_TRUE(cli::create_topics(*admin_, {config_, prefix_, kPartitions, 1}, cli::topic_names()));
  auto options = reactor();
  options.halt_linger = seconds(30);
  RunningReactor lost(options);
  const auto says = [&](const std::string& reason) { return reason.find("has no position") != std::string::npos; };
  EXPECT_TRUE(eventually([&] { return std::ranges::any_of(lost.verdict().reasons, says); }, seconds(30)));
  EXPECT_EQ(lost.verdict().readiness, health::Readiness::not_ready);
  EXPECT_TRUE(says(lost.end()));
}

}  // namespace
}  // namespace parley::decider::testing
