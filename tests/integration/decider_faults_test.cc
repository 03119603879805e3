// Deciders killed and paused at every moment of a transaction, while clients insist on their commands with the same
// ids: what is acknowledged is there once, in order, versions have no gap, and the hash chain holds.
#include <gtest/gtest.h>
#include <signal.h>

#include <random>

#include "domain/dialogs/dialogs.h"
#include "tests/integration/decider_fixture.h"
#include "tests/integration/supervised_decider.h"

namespace parley::decider::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kClients = 6;
const AssistantId kAssistant{5 * 1024 + 7};
const AccountId kOwner{9 * 1024 + 3};

class DeciderFaults : public DeciderTest {
 protected:
  std::unique_ptr<Supervised> start(const std::string& instance, std::vector<std::string> fault = {}) {
    return std::make_unique<Supervised>(std::vector<std::string>{PARLEY_DECIDER_PROBE, config_.brokers, prefix_,
                                                                 std::to_string(kPartitions), instance, state_dir_},
                                        std::move(fault));
  }

  /// Each client opens a dialog and posts numbered messages, one after the other, each until it is decided, some of
  /// them twice at once.
  class Load {
   public:
    Load(const kafka::Config& config, const std::string& prefix) : sender_(config, prefix) {
      for (int c = 0; c < kClients; ++c) {
        clients_.emplace_back([this, c](const std::stop_token& stop) {
          std::mt19937 random(static_cast<unsigned>(c));
          const auto dialog = dialog_of(sender_.insist(open_dialog(kAssistant, kOwner)));
          int sent = 0;
          while (!stop.stop_requested()) {
            const auto message = visitor_message(dialog, kAssistant, std::to_string(sent));
            if (random() % 4 == 0) sender_.send(message);
            const auto answer = sender_.insist(message);
            EXPECT_EQ(answer.outcome.version, sent + 2);
            ++sent;
            ++acknowledged_;
          }
          const std::lock_guard lock(mutex_);
          sent_[to_string(Stream{Kind::dialog, dialog.value})] = sent;
        });
      }
    }
    int acknowledged() const { return acknowledged_; }
    /// Whether clients get answers now: so many more than at the call.
    bool moves(int more, milliseconds within = seconds(60)) {
      const int before = acknowledged_;
      return eventually([&] { return acknowledged_ >= before + more; }, within);
    }
    /// Ends the clients; what each dialog must hold.
    std::map<std::string, int> finish() {
      for (auto& client : clients_) client.request_stop();
      clients_.clear();
      return sent_;
    }

   private:
    Sender sender_;
    std::mutex mutex_;
    std::map<std::string, int> sent_;
    std::atomic<int> acknowledged_ = 0;
    std::vector<std::jthread> clients_;
  };

  void judge(const std::map<std::string, int>& sent) {
    std::map<std::string, int> found;
    for (const auto& one : judged_events()) {
      const auto* dialog = one.event.get_if<dialogs::Event>();
      ASSERT_NE(dialog, nullptr);
      if (const auto* message = std::get_if<dialogs::MessageCreated>(dialog)) {
        EXPECT_EQ(message->text.text, std::to_string(found[one.envelope.subject]++)) << one.envelope.subject;
      }
    }
    EXPECT_EQ(found, sent);
    judge_replies();
  }
};

TEST_F(DeciderFaults, killed_again_and_again_at_any_moment_it_decides_everything_once) {
  constexpr int kKills = 8;
  auto decider = start("decider-1");
  Load load(config_, prefix_);
  std::mt19937 random(7);
  for (int i = 0; i < kKills; ++i) {
    ASSERT_TRUE(load.moves(10 + static_cast<int>(random() % 200))) << "after " << i << " kills";
    decider->signal(SIGKILL);
  }
  ASSERT_TRUE(load.moves(50));
  EXPECT_GE(decider->restarts(), kKills);  // more when the broker was slow: what is unclear ends the process
  judge(load.finish());
}

TEST_F(DeciderFaults, killed_at_every_step_of_a_transaction_it_decides_everything_once) {
  Load load(config_, prefix_);
  for (const char* step : {"collected", "events_written", "replies_written", "offsets_sent", "committed"}) {
    auto decider = start("decider-1", {"KILL", step, "20"});
    ASSERT_TRUE(eventually([&] { return decider->restarts() == 1; })) << step;
    ASSERT_TRUE(load.moves(50)) << step;
  }
  auto decider = start("decider-1");
  judge(load.finish());
}

TEST_F(DeciderFaults, paused_past_a_rebalance_again_and_again_it_writes_nothing_of_what_it_lost) {
  auto one = start("decider-1");
  auto two = start("decider-2");
  Load load(config_, prefix_);
  ASSERT_TRUE(load.moves(200));
  for (int i = 0; i < 2; ++i) {
    auto& paused = i % 2 == 0 ? one : two;
    paused->signal(SIGSTOP);
    std::this_thread::sleep_for(milliseconds(8'500));  // the fault itself: longer than the session timeout
    paused->signal(SIGCONT);
    ASSERT_TRUE(load.moves(200)) << "after " << i << " pauses";
  }
  judge(load.finish());
}

/// Between the session timeout (6 s) and the transaction timeout (10 s) its commit is still valid when it wakes, and
/// the successor must have waited for it; past both it must not commit any more.
class DeciderPausedBeforeCommit : public DeciderFaults, public ::testing::WithParamInterface<int> {};

TEST_P(DeciderPausedBeforeCommit, the_successor_decides_on_what_was_committed_and_nothing_is_written_twice) {
  Load load(config_, prefix_);
  auto zombie = start("decider-1", {"STOP", "offsets_sent", "50"});
  ASSERT_TRUE(eventually([&] { return zombie->stopped(); })) << "it did not come to that step";
  auto successor = start("decider-2");
  std::this_thread::sleep_for(milliseconds(GetParam()));  // the fault itself
  zombie->signal(SIGCONT);
  ASSERT_TRUE(load.moves(300));
  judge(load.finish());
}

INSTANTIATE_TEST_SUITE_P(PastTheSessionAndPastTheTransaction, DeciderPausedBeforeCommit,
                         ::testing::Values(8'000, 14'000));

}  // namespace
}  // namespace parley::decider::testing
