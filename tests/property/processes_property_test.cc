// What spans slots, as a seed says, while the commands between slots come in any order, more than once, and long after
// the deciders have forgotten them. Accounts change their e-mails, registrations of the same e-mails among them: when
// all commands have come, every account has one e-mail, no two have the same, and nothing is reserved that nobody has.
// Assistants are created, changed and deleted with bots: no two have the same one.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "domain/accounts/accounts.h"
#include "domain/assistants/assistants.h"
#include "domain/claims/claims.h"
#include "tests/unit/decider_memory_snapshot.h"
#include "workers/processes/steps.h"

namespace parley::decider::testing {
namespace {

constexpr std::chrono::hours kForgottenAfter = kOutcomeWindow + std::chrono::hours{1};

/// Deciders, and everything that is on its way between them; who asks for what is said by those that it is a base of.
class Simulation {
 public:
  explicit Simulation(unsigned seed) : random_(seed) {
    for (int i = 0; i < 5; ++i)
      values_.push_back(crypto::hex(crypto::sha256("value " + std::to_string(seed) + "/" + std::to_string(i))));
  }
  virtual ~Simulation() = default;

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

 protected:
  /// What somebody asks for.
  virtual Sent request() = 0;
  virtual void notice(const Written& written) = 0;
  /// When everything has come to its end: what is in use, by its key.
  virtual void judge_holders(std::map<UniqueKey, Stream, UniqueKeyOrder>& having) = 0;

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  template <class T>
  const T& one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

  Sent any() {
    const auto what = below(12);
    if (!due_.empty() && what < 6) return next_step();
    if (!steps_.empty() && what == 6)
      return again(one_of(steps_));  // a reactor that has lost its position, or a second one
    if (!sent_.empty() && what == 7) return again(one_of(sent_));
    return keep(request());
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
  State state_of(const Stream& stream) { return *log_of(slot_of(stream.id)).snapshot.stream(to_string(stream))->state; }
  MemoryLog& log_of(int slot) { return logs_[static_cast<std::size_t>(partition_of(slot, kPartitions))]; }

  void decide(const std::vector<Sent>& commands) {
    for (int partition = 0; partition < kPartitions; ++partition) {
      auto& log = logs_[static_cast<std::size_t>(partition)];
      Batch batch(log.snapshot, partition, kPartitions, "/test");
      auto& offset = offsets_[static_cast<std::size_t>(partition)];
      for (const auto& command : commands) {
        if (partition_of(command.envelope.slot, kPartitions) != partition) continue;
        const auto verdict = batch.decide(command.input(offset++), now_);
        ASSERT_TRUE(verdict == Verdict::accepted || verdict == Verdict::refused || verdict == Verdict::repeated)
            << static_cast<int>(verdict);
      }
      const auto known = log.events.size();
      log.commit(std::move(batch));
      for (auto i = known; i < log.events.size(); ++i) take_note(log.events[i]);
    }
  }
  void take_note(const Written& written) {
    notice(written);
    for (auto& step : processes::steps_of(written.envelope, written.event)) {
      step.envelope.attempt_id = crypto::uuid7();
      step.envelope.not_after = Timestamp(std::chrono::milliseconds(1'900'000'000'000));
      due_.push_back({step.envelope, step.command});
      steps_.push_back(due_.back());
    }
  }

  void judge() {
    std::map<UniqueKey, Stream, UniqueKeyOrder> having;
    judge_holders(having);
    for (const auto& log : logs_) {
      log.judge();
      for (const auto& [key, owner] : log.snapshot.all().owners) {
        if (owner && !key.index.starts_with("claim.")) {
          ASSERT_TRUE(having.contains(key)) << "reserved for ever";
        }
      }
      for (const auto& [id, outcome] : log.snapshot.all().outcomes)
        ASSERT_FALSE(outcome.is_under_way) << "never answered: " << id;
      const auto folded = log.folded();
      ASSERT_EQ(folded.all().outcomes.size(), log.snapshot.all().outcomes.size());
      for (const auto& [id, outcome] : log.snapshot.all().outcomes) {
        ASSERT_EQ(folded.outcome(id)->outcome, outcome.outcome);
        ASSERT_EQ(folded.outcome(id)->is_under_way, outcome.is_under_way);
      }
      ASSERT_EQ(folded.all().owners, log.snapshot.all().owners);
    }
  }
  std::optional<Stream> owner_of(const UniqueKey& key) { return log_of(crypto::slot_of(key.key)).snapshot.owner(key); }
  /// Whether the holder has the value by a claim, for good, and for that process.
  void judge_claim(const UniqueKey& value, const Stream& holder, const std::string& process_id) {
    const auto owner = owner_of(value);
    ASSERT_TRUE(owner) << "nobody guards what " << to_string(holder) << " has";
    ASSERT_EQ(owner->kind, Kind::claim);
    const auto state = state_of(*owner);
    const auto* held = std::get_if<claims::Held>(&state.get<claims::State>());
    ASSERT_TRUE(held != nullptr);
    ASSERT_EQ(*held, (claims::Held{process_id, holder.id, held->holder_version, true}));
  }

  std::mt19937 random_;
  std::vector<std::string> values_;  // e-mails, or bots, that people want
  std::array<MemoryLog, kPartitions> logs_;
  std::array<std::int64_t, kPartitions> offsets_{};
  Timestamp now_{std::chrono::milliseconds(1'800'000'000'000)};

 private:
  std::vector<Sent> due_;    // steps that have not come yet
  std::vector<Sent> steps_;  // all there ever were
  std::vector<Sent> sent_;   // of people
};

class Emails final : public Simulation {
 public:
  using Simulation::Simulation;

 private:
  Sent request() override {
    const auto what = below(5);
    if (accounts_.empty() || what == 0) return registration();
    const auto& account = one_of(accounts_);
    return what == 1 ? new_password(account) : change(account);
  }
  Sent registration() {
    const auto& email = one_of(values_);
    return sent(accounts::email_key(email), crypto::slot_of(email), crypto::uuid7(), Anonymous{},
                accounts::Command{accounts::Register{{email}, email, {}, {}, {"sealed"}}});
  }
  Sent to_account(std::int64_t id, accounts::Command command) {
    return sent(Stream{Kind::account, id}, slot_of(id), crypto::uuid7(), Owner{{id}}, std::move(command));
  }
  accounts::Session session() const { return {"s", std::int64_t{1} << 40, now_ + accounts::kSessionLifetime}; }
  Sent change(std::int64_t id) {
    const auto& email = one_of(values_);
    return to_account(id, accounts::ChangeEmail{{email}, email, true, account(id).password_verifier, session()});
  }
  Sent new_password(std::int64_t id) {
    return to_account(id, accounts::ChangePassword{true, account(id).password_verifier,
                                                   Sealed{"sealed " + std::to_string(random_())}, session()});
  }
  accounts::Account account(std::int64_t id) {
    const auto state = state_of({Kind::account, id});
    return std::get<accounts::Account>(state.get<accounts::State>());
  }

  void notice(const Written& written) override {
    if (written.envelope.type == "parley.account.registered.v1")
      accounts_.push_back(parse_stream(written.envelope.subject)->id);
  }
  void judge_holders(std::map<UniqueKey, Stream, UniqueKeyOrder>& having) override {
    for (const auto id : accounts_) {
      const Stream stream{Kind::account, id};
      const auto now = account(id);
      const auto email = accounts::email_key(now.email_index);
      ASSERT_FALSE(now.pending_email) << id;
      ASSERT_TRUE(having.emplace(email, stream).second) << "two accounts with one e-mail";
      if (now.email_process) {
        judge_claim(email, stream, *now.email_process);
      } else {
        ASSERT_EQ(owner_of(email), stream);
      }
    }
  }

  std::vector<std::int64_t> accounts_;
};

class Bots final : public Simulation {
 public:
  using Simulation::Simulation;

 private:
  static constexpr Owner kOwner{AccountId{1025}};

  Sent request() override {
    const auto what = below(8);
    if (assistants_.empty() || what < 2) return creation();
    const Stream stream{Kind::assistant, one_of(assistants_)};
    const auto of = [&](assistants::Command command) {
      return sent(stream, slot_of(stream.id), crypto::uuid7(), kOwner, std::move(command));
    };
    if (what == 2) return of(assistants::Delete{});
    if (what == 3) return of(assistants::Update{{.name = "n " + std::to_string(random_())}});
    if (what == 4) return of(assistants::Update{{.telegram_bot_token = {std::nullopt}}});
    if (what == 5 && below(4) == 0)
      return of(assistants::Update{{.telegram_bot_token = {token()}}});  // of an API of an earlier build
    return of(assistants::Update{{.telegram_bot_token = {token()}}, one_of(values_)});
  }
  Sent creation() {
    const auto id = crypto::uuid7();
    assistants::Create command{.name = "n",
                               .description = {},
                               .system_prompt = {},
                               .ai_model = "m",
                               .site_token = "st_" + std::to_string(random_()),
                               .telegram_bot_token = token(),
                               .website_integration = true,
                               .allowed_domains = {},
                               .bot_index = one_of(values_)};
    return sent(schema::NewStream{}, crypto::slot_of(id), id, kOwner, assistants::Command{std::move(command)});
  }
  Sealed token() { return {"sealed " + std::to_string(random_())}; }

  void notice(const Written& written) override {
    if (written.envelope.type == "parley.assistant.created.v1")
      assistants_.push_back(parse_stream(written.envelope.subject)->id);
    if (written.envelope.type == "parley.assistant.creation_requested.v1")
      requested_.push_back(parse_stream(written.envelope.subject)->id);
  }
  void judge_holders(std::map<UniqueKey, Stream, UniqueKeyOrder>& having) override {
    for (const auto id : requested_) {
      const auto state = state_of({Kind::assistant, id});
      ASSERT_FALSE(std::holds_alternative<assistants::RequestedAssistant>(state.get<assistants::State>()))
          << id << " is never created";
    }
    for (const auto id : assistants_) {
      const Stream stream{Kind::assistant, id};
      const auto state = state_of(stream);
      const auto* assistant = std::get_if<assistants::Assistant>(&state.get<assistants::State>());
      if (assistant == nullptr) continue;
      ASSERT_FALSE(assistant->pending_update) << id;
      if (!assistant->bot) continue;
      ASSERT_TRUE(assistant->telegram_bot_token) << id;
      const auto bot = assistants::bot_key(assistant->bot->index);
      ASSERT_TRUE(having.emplace(bot, stream).second) << "two assistants with one bot";
      judge_claim(bot, stream, assistant->bot->process_id);
    }
  }

  std::vector<std::int64_t> assistants_, requested_;
};

template <class Kind>
void run_many() {
  for (unsigned seed = 1; seed <= 300 && !::testing::Test::HasFatalFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Kind(seed).run();
  }
}
TEST(ProcessesProperties, whatever_the_order_every_account_has_an_email_and_no_two_have_the_same) {
  run_many<Emails>();
}
TEST(ProcessesProperties, whatever_the_order_no_two_assistants_have_one_bot_and_what_nobody_has_is_free) {
  run_many<Bots>();
}

}  // namespace
}  // namespace parley::decider::testing
