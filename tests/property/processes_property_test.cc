// Accounts that change their e-mails as a seed says, registrations of the same e-mails among them, while the commands between slots come in any
// order, more than once, and long after the deciders have forgotten them: when all of them have come, every account has one e-mail, no two have the
// same, and nothing is reserved that nobody has.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "tests/unit/decider_memory_snapshot.h"
#include "workers/processes/steps.h"

namespace parley::decider::testing {
namespace {

constexpr std::chrono::hours kForgottenAfter = kOutcomeWindow + std::chrono::hours{1};

class Simulation {
 public:
  explicit Simulation(unsigned seed) : random_(seed) {
    for (int i = 0; i < 5; ++i) emails_.push_back(crypto::hex(crypto::sha256("email " + std::to_string(seed) + "/" + std::to_string(i))));
  }

  void run() {
    for (int turn = 0; turn < 120; ++turn) {
      now_ += std::chrono::milliseconds(below(2'000));
      if (below(60) == 0) now_ += kForgottenAfter;
      std::vector<Sent> commands;
      for (auto count = 1 + below(4); count > 0; --count) commands.push_back(any());
      decide(commands);
    }
    while (!due_.empty()) decide({next_step()});
    judge();
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  template <class T>
  const T& one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

  Sent any() {
    const auto what = below(12);
    if (!due_.empty() && what < 6) return next_step();
    if (!steps_.empty() && what == 6) return again(one_of(steps_));  // a reactor that has lost its position, or a second one
    if (!sent_.empty() && what == 7) return again(one_of(sent_));
    if (accounts_.empty() || what == 8) return registration();
    const auto& account = one_of(accounts_);
    return keep(what == 9 ? new_password(account) : change(account));
  }
  Sent keep(Sent command) {
    sent_.push_back(command);
    return command;
  }
  static Sent again(Sent command) {
    command.envelope.attempt_id = crypto::uuid7();
    return command;
  }
  Sent next_step() {
    const auto at = below(due_.size());
    auto step = due_[at];
    if (below(5) != 0) due_.erase(due_.begin() + static_cast<std::ptrdiff_t>(at));  // otherwise it comes once more
    return again(std::move(step));
  }
  Sent registration() {
    const auto& email = one_of(emails_);
    return keep(sent(email_key(email), crypto::slot_of(email), crypto::uuid7(), Anonymous{},
                     accounts::Command{accounts::Register{{email}, email, {}, {}, {"sealed"}}}));
  }
  State state_of(const Stream& stream) { return *log_of(slot_of(stream.id)).snapshot.stream(to_string(stream))->state; }
  Sent to_account(std::int64_t id, accounts::Command command) {
    return sent(Stream{Kind::account, id}, slot_of(id), crypto::uuid7(), Owner{{id}}, std::move(command));
  }
  accounts::Session session() const { return {"s", std::int64_t{1} << 40, now_ + accounts::kSessionLifetime}; }
  Sent change(std::int64_t id) {
    const auto& email = one_of(emails_);
    return to_account(id, accounts::ChangeEmail{{email}, email, true, verifier_of(id), session()});
  }
  Sent new_password(std::int64_t id) {
    return to_account(id, accounts::ChangePassword{true, verifier_of(id), Sealed{"sealed " + std::to_string(random_())}, session()});
  }
  Sealed verifier_of(std::int64_t id) {
    const auto state = state_of({Kind::account, id});
    return std::get<accounts::Account>(std::get<accounts::State>(state)).password_verifier;
  }
  MemoryLog& log_of(int slot) { return logs_[static_cast<std::size_t>(partition_of(slot, kPartitions))]; }

  void decide(const std::vector<Sent>& commands) {
    for (int partition = 0; partition < kPartitions; ++partition) {
      auto& log = logs_[static_cast<std::size_t>(partition)];
      Batch batch(log.snapshot, partition, kPartitions, "/test");
      auto& offset = offsets_[static_cast<std::size_t>(partition)];
      for (const auto& command : commands) {
        if (partition_of(command.envelope.slot, kPartitions) != partition) continue;
        const auto verdict = batch.decide(command.input(offset++), now_);
        ASSERT_TRUE(verdict == Verdict::accepted || verdict == Verdict::refused || verdict == Verdict::repeated) << static_cast<int>(verdict);
      }
      const auto known = log.events.size();
      log.commit(std::move(batch));
      for (auto i = known; i < log.events.size(); ++i) take_note(log.events[i]);
    }
  }
  void take_note(const Written& written) {
    if (written.envelope.type == "parley.account.registered.v1") accounts_.push_back(parse_stream(written.envelope.subject)->id);
    for (auto& step : processes::steps_of(written.envelope, written.event)) {
      step.envelope.attempt_id = crypto::uuid7();
      step.envelope.not_after = Timestamp(std::chrono::milliseconds(1'900'000'000'000));
      due_.push_back({step.envelope, step.command});
      steps_.push_back(due_.back());
    }
  }

  void judge() {
    std::map<std::string, std::int64_t> having;  // e-mail -> account
    for (const auto id : accounts_) {
      const auto state = state_of({Kind::account, id});
      const auto& account = std::get<accounts::Account>(std::get<accounts::State>(state));
      ASSERT_FALSE(account.pending_email) << id;
      ASSERT_TRUE(having.emplace(account.email_index, id).second) << "two accounts with one e-mail";
      const auto owner = log_of(crypto::slot_of(account.email_index)).snapshot.owner(email_key(account.email_index));
      ASSERT_TRUE(owner) << "nobody guards the e-mail of " << id;
      if (!account.email_process) {
        ASSERT_EQ(*owner, (Stream{Kind::account, id}));
        continue;
      }
      ASSERT_EQ(owner->kind, Kind::claim);
      const auto claim = state_of(*owner);
      ASSERT_EQ(std::get<claims::State>(claim), claims::State(claims::Held{*account.email_process, id, version_of_claim(claim), true}));
    }
    for (const auto& log : logs_) {
      log.judge();
      for (const auto& [key, owner] : log.snapshot.all().owners) {
        if (key.index == kAccountEmailIndex && owner) {
          ASSERT_TRUE(having.contains(key.key)) << "reserved for ever";
        }
      }
      for (const auto& [id, outcome] : log.snapshot.all().outcomes) ASSERT_FALSE(outcome.is_under_way) << "never answered: " << id;
      const auto folded = log.folded();
      ASSERT_EQ(folded.all().outcomes.size(), log.snapshot.all().outcomes.size());
      for (const auto& [id, outcome] : log.snapshot.all().outcomes) {
        ASSERT_EQ(folded.outcome(id)->outcome, outcome.outcome);
        ASSERT_EQ(folded.outcome(id)->is_under_way, outcome.is_under_way);
      }
      ASSERT_EQ(folded.all().owners, log.snapshot.all().owners);
    }
  }
  static std::int64_t version_of_claim(const State& state) {
    const auto* held = std::get_if<claims::Held>(&std::get<claims::State>(state));
    return held != nullptr ? held->holder_version : -1;
  }

  std::mt19937 random_;
  std::vector<std::string> emails_;
  std::array<MemoryLog, kPartitions> logs_;
  std::array<std::int64_t, kPartitions> offsets_{};
  Timestamp now_{std::chrono::milliseconds(1'800'000'000'000)};
  std::vector<std::int64_t> accounts_;
  std::vector<Sent> due_;    // steps that have not come yet
  std::vector<Sent> steps_;  // all there ever were
  std::vector<Sent> sent_;   // of people
};

TEST(ProcessesProperties, whatever_the_order_every_account_has_an_email_and_no_two_have_the_same) {
  for (unsigned seed = 1; seed <= 300 && !::testing::Test::HasFatalFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation(seed).run();
  }
}

}  // namespace
}  // namespace parley::decider::testing
