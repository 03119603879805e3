// A reactor that calls a faulty system outside, and timers, on a real broker with a real decider: killed between each
// two steps, and from outside.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <regex>
#include <sstream>

#include "domain/claims/claims.h"
#include "domain/effects/effects.h"
#include "ops/cli/backup/backup.h"
#include "ops/cli/effects.h"
#include "ops/simulators/effects.h"
#include "ops/simulators/simulator.h"
#include "platform/kafka/read_through.h"
#include "schemas/json.h"
#include "tests/integration/decider_fixture.h"
#include "tests/integration/free_port.h"
#include "tests/integration/supervised_decider.h"
#include "tests/unit/http_client.h"
#include "workers/decider/decider.h"

namespace parley::decider::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kTimers = 10'000;

/// A process that a test starts and ends.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments) {
    std::vector<char*> raw;
    raw.reserve(arguments.size() + 1);
    for (const auto& one : arguments) raw.push_back(const_cast<char*>(one.c_str()));
    raw.push_back(nullptr);
    if (posix_spawn(&pid_, raw[0], nullptr, nullptr, raw.data(), environ) != 0) std::abort();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { end(SIGKILL); }
  /// How it ended, once it has.
  std::optional<int> status() {
    if (!status_) {
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
    }
    return status_;
  }
  void end(int signal) {
    if (status()) return;
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    status_ = status;
  }

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

class Reactors : public DeciderTest {
 protected:
  void SetUp() override {
    DeciderTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    begin_to_decide();
    effects_.declare_on(simulator_);
    simulator_.start();
  }
  void TearDown() override {
    end_to_decide();
    DeciderTest::TearDown();
  }
  void begin_to_decide() {
    Options o;
    o.kafka = config_;
    o.topic_prefix = prefix_;
    o.partitions = kPartitions;
    o.instance = "decider-1";
    o.state_dir = state_dir_ + "/deciders-" + prefix_;
    decider_.emplace(std::move(o));
    decides_ = std::jthread([this](const std::stop_token& stop) { static_cast<void>(decider_->run(stop)); });
    ASSERT_TRUE(eventually([&] { return decider_->verdict().readiness == health::Readiness::ready; }, seconds(60)));
    sender_.emplace(config_, prefix_);
  }
  void end_to_decide() {
    sender_.reset();
    decides_ = {};
    decider_.reset();
  }
  /// The log as of now under another prefix, which is this test's from now on.
  void back_up_and_restore() {
    const auto folder = state_dir_ + "/copy-of-" + prefix_;
    ASSERT_EQ(backup::backup({.folder = folder,
                              .kafka = config_,
                              .prefix = prefix_,
                              .partitions = kPartitions,
                              .with_keys = false,
                              .keys = {},
                              .passphrase_file = {}}),
              0);
    end_to_decide();
    prefix_ = unique_name("restored");
    for (const auto& name : cli::topic_names()) topics_.push_back(prefix_ + "." + name);
    ASSERT_EQ(backup::restore({.folder = folder,
                               .kafka = config_,
                               .prefix = prefix_,
                               .partitions = {},
                               .keys = {},
                               .passphrase_file = {}}),
              0);
    begin_to_decide();
  }
  /// What the reactor's process says of itself; empty while it cannot be asked.
  std::string ask(const std::string& path) const {
    try {
      http::test::Client client(health_port_);
      if (!client.get(path)) return {};
      const auto answer = client.read();
      return answer ? answer->body : std::string();
    } catch (const std::runtime_error&) {
      return {};
    }
  }
  std::optional<double> metric(const std::string& series) const {
    const auto all = "\n" + ask("/metrics");
    const auto at = all.find("\n" + series + " ");
    if (at == std::string::npos) return std::nullopt;
    return std::stod(all.substr(at + series.size() + 2));
  }

  std::string state() const { return state_dir_ + "/effects"; }
  std::vector<std::string> command(const std::string& step = {}, int time = 0) {
    health_port_ = parley::testing::free_port();
    std::vector<std::string> out{EFFECTS_REACTOR,
                                 "--brokers",
                                 config_.brokers,
                                 "--prefix",
                                 prefix_,
                                 "--partitions",
                                 std::to_string(kPartitions),
                                 "--state",
                                 state(),
                                 "--url",
                                 simulator_.url(),
                                 "--health-port",
                                 std::to_string(health_port_)};
    if (!step.empty()) out.insert(out.end(), {"--die-at", step, "--time", std::to_string(time)});
    return out;
  }
  Request reserve(const std::string& index, const std::string& key, const std::string& process, std::int64_t version) {
    return request(claims::claim_key({index, key}), Reactor{},
                   claims::Command{claims::Reserve{index, key, process, 1'025, version}});
  }
  /// One call with a recorded attempt, and two of one stream without.
  void ask_for_effects() {
    const auto number = std::to_string(++asked_);
    sender_->insist(reserve("effect", "single" + number, "ask", 1));
    sender_->insist(reserve("effect", "many" + number, "ask-1", 1));
    sender_->insist(reserve("effect", "many" + number, "ask-2", 2));
  }
  static std::vector<std::string> effects_of(int number) {
    const auto n = std::to_string(number);
    return {"single" + n + ".ask", "many" + n + ".ask-1", "many" + n + ".ask-2"};
  }
  /// Of claims with that index: how often each is confirmed, by "<key>.<process id>".
  std::map<std::string, int> confirmed(const std::string& index) {
    std::map<std::string, int> out;
    std::map<std::string, std::string> keys;
    for (const auto& one : judged_events()) {
      if (const auto* r = one.event.alternative<claims::Reserved>(); r != nullptr && r->index == index)
        keys[one.envelope.subject] = r->key;
      if (const auto* c = one.event.alternative<claims::Confirmed>();
          c != nullptr && keys.contains(one.envelope.subject))
        ++out[keys.at(one.envelope.subject) + "." + c->process_id];
    }
    return out;
  }
  struct Call {
    std::string id;
    std::string key;
    bool acted = false;
  };
  /// What the simulator was asked, in its order.
  std::vector<Call> journal() const {
    std::vector<Call> out;
    std::istringstream lines(simulator_.journal().lines(0, 100'000));
    for (std::string line; std::getline(lines, line);) {
      const auto text = [](json::Value v) { return std::string(v.string().value_or("")); };
      const auto parsed = json::Document::parse(line, json::Strict::yes);
      if (!parsed) throw std::runtime_error(line);
      const auto root = parsed->root();
      const auto body = json::Document::parse(text(root.member("body")), json::Strict::yes);
      if (!body) throw std::runtime_error(line);
      out.push_back({text(body->root().member("id")), text(root.member("fields").member("Idempotency-Key")),
                     !text(root.member("did")).empty()});
    }
    return out;
  }
  bool has_positions() {
    const auto found =
        admin_->group_offsets(prefix_ + ".reactor.effects", kafka::every_partition(prefix_ + ".events", kPartitions));
    return found && std::ranges::all_of(*found, [](const auto& one) { return one.offset >= 0; });
  }
  bool are_done(int number) {
    const auto is_done = [&](const std::string& id) { return effects_.count(id) > 0; };
    return std::ranges::all_of(effects_of(number), is_done) &&
           confirmed("effect").contains("single" + std::to_string(number) + ".attempt") &&
           confirmed("effect").contains("many" + std::to_string(number) + ".ask-2");
  }

  std::optional<Decider> decider_;
  std::jthread decides_;
  std::optional<Sender> sender_;
  simulators::Effects effects_;
  simulators::Simulator simulator_{simulators::Options{}};
  int asked_ = 0;
  std::uint16_t health_port_ = 0;
};

TEST_F(Reactors, killed_between_each_two_steps_have_each_effect_once_and_record_its_outcome_once) {
  for (const auto& [kind, percent] :
       {std::pair{simulators::FaultKind::lose_answer, 15}, std::pair{simulators::FaultKind::error, 15},
        std::pair{simulators::FaultKind::refuse, 10}, std::pair{simulators::FaultKind::break_off, 10}})
    simulator_.faults().add({.kind = kind, .percent = percent});
  ask_for_effects();  // before the reactor is there: nobody is called about the past
  {
    Process first(command());
    ASSERT_TRUE(eventually([&] { return has_positions(); }, seconds(60)));
    first.end(SIGTERM);
  }
  const int before = asked_;
  int time = 1;
  for (const std::string step : {"asked", "attempt", "attempt recorded", "call", "answered", "outcome",
                                 "outcome recorded", "call", "answered", "outcome"}) {
    SCOPED_TRACE(step);
    ask_for_effects();
    ask_for_effects();
    {
      Process dies(command(step, 1 + time++ % 2));
      ASSERT_TRUE(eventually([&] { return dies.status().has_value(); }, seconds(60)));
      ASSERT_TRUE(WIFSIGNALED(*dies.status()));
    }
    if (time % 3 == 0) std::filesystem::remove_all(state());
    Process lives(command());
    ASSERT_TRUE(eventually([&] { return are_done(asked_ - 1) && are_done(asked_); }, seconds(60)));
    lives.end(time % 4 == 0 ? SIGTERM : SIGKILL);
  }
  std::map<std::string, std::string> key_of;
  std::map<std::string, std::string> last_of;
  std::map<std::string, int> acted;
  for (const auto& line : journal()) {
    const auto [known, first] = key_of.emplace(line.id, line.key);
    EXPECT_EQ(known->second, line.key) << line.id << ": a repetition has the first one's key";
    acted[line.id] += line.acted ? 1 : 0;
    if (!line.acted || !line.id.starts_with("many")) continue;
    const auto stream = line.id.substr(0, line.id.find('.'));
    EXPECT_LE(last_of[stream], line.id) << "in the order of events";
    last_of[stream] = line.id;
  }
  const auto outcomes = confirmed("effect");
  for (int number = 1; number <= asked_; ++number) {
    for (const auto& id : effects_of(number)) EXPECT_EQ(acted[id], number > before ? 1 : 0) << id;
    const auto single = "single" + std::to_string(number) + ".attempt";
    EXPECT_EQ(outcomes.contains(single) ? outcomes.at(single) : 0, number > before ? 1 : 0) << single;
  }
  judge_replies();
}

TEST_F(Reactors, do_nothing_in_a_restored_log_until_effects_are_switched_on_and_then_each_effect_once) {
  const auto reason = [&](const std::string& text) { return ask("/readyz").contains(text); };
  const auto off = [&] { return metric("parley_reactor_effects_off_partitions"); };
  for (int i = 0; i < 20; ++i)  // something in each partition, which is restored then
    sender_->insist(reserve("another", "a" + std::to_string(i), "p", 1));
  {
    Process reactor(command());
    ASSERT_TRUE(eventually([&] { return has_positions(); }, seconds(60)));
    ask_for_effects();
    ASSERT_TRUE(eventually([&] { return are_done(1); }, seconds(60)));
    ASSERT_TRUE(eventually([&] { return metric("parley_reactor_open_calls") == 0; }, seconds(60)));
    EXPECT_EQ(off(), 0);
    EXPECT_EQ(cli::effects_on({.kafka = config_, .prefix = prefix_, .partitions = kPartitions}, "no need"), 0);
    reactor.end(SIGTERM);
  }
  ask_for_effects();  // not done when the copy is made
  int done = 1;
  for (const std::string when : {"the first time", "of a log in which effects had been switched on"}) {
    SCOPED_TRACE(when);
    back_up_and_restore();  // the reactor's states are of the log before
    Process reactor(command());
    ASSERT_TRUE(eventually([&] { return reason("`parley effects on` switches them on"); }, seconds(60)));
    sender_->insist(reserve("timer", "t" + prefix_, "1", 1));
    ask_for_effects();
    ASSERT_TRUE(eventually([&] { return metric("parley_reactor_open_calls") == 6; }, seconds(60))) << ask("/metrics");
    EXPECT_EQ(off(), kPartitions);
    EXPECT_GT(metric("parley_reactor_oldest_call_seconds"), 0);
    EXPECT_EQ(metric("parley_reactor_calls_made_total"), 0);
    EXPECT_EQ(confirmed("timer").size(), static_cast<std::size_t>(done - 1) / 2);
    for (const int number : {done + 1, done + 2}) {
      for (const auto& id : effects_of(number)) EXPECT_EQ(effects_.count(id), 0) << id;
    }

    const cli::LogPlace log{.kafka = config_, .prefix = prefix_, .partitions = kPartitions};
    ASSERT_EQ(cli::effects_on(log, "looked"), 0);
    ASSERT_EQ(cli::effects_on(log, "looked again"), 0) << "changes nothing";
    ASSERT_TRUE(eventually([&] { return are_done(done + 1) && are_done(done + 2); }, seconds(60)));
    ASSERT_TRUE(eventually([&] { return confirmed("timer").contains("t" + prefix_ + ".1"); }, seconds(60)));
    ASSERT_TRUE(eventually([&] { return metric("parley_reactor_open_calls") == 0 && off() == 0; }, seconds(60)));
    EXPECT_GE(metric("parley_reactor_calls_made_total"), 6);
    EXPECT_FALSE(reason("effects"));
    reactor.end(SIGTERM);
    done += 2;
    ask_for_effects();
    std::map<std::string, int> switched;
    const auto here = admin_->describe_topic(prefix_ + ".events").value().id;
    for (const auto& one : judged_events()) {
      const auto* on = one.event.alternative<effects::SwitchedOn>();
      if (on == nullptr || on->log != here) continue;
      ++switched[one.envelope.subject];
      EXPECT_EQ(one.envelope.actor, "administrator");
      EXPECT_EQ(on->reason, "looked");
    }
    EXPECT_FALSE(switched.empty());
    for (const auto& [stream, times] : switched) EXPECT_EQ(times, 1) << stream;
  }
  std::map<std::string, int> acted;
  for (const auto& line : journal()) acted[line.id] += line.acted ? 1 : 0;
  for (int number = 1; number <= done; ++number) {
    for (const auto& id : effects_of(number)) EXPECT_EQ(acted[id], 1) << id;
  }
  judge_replies();
}

TEST_F(Reactors, leave_the_state_and_the_positions_of_another_log_behind_and_begin_anew) {
  {
    Process first(command());
    ASSERT_TRUE(eventually([&] { return has_positions(); }, seconds(60)));
    ask_for_effects();
    ASSERT_TRUE(eventually([&] { return are_done(1); }, seconds(60)));
    first.end(SIGTERM);
  }
  end_to_decide();
  prefix_ = unique_name("another");
  for (const auto& name : cli::topic_names()) topics_.push_back(prefix_ + "." + name);
  ASSERT_EQ(cli::topics({config_, prefix_, kPartitions, 1}), 0);
  begin_to_decide();
  ask_for_effects();
  std::vector<kafka::PartitionOffset> beyond;
  for (int i = 0; i < kPartitions; ++i) beyond.push_back({{prefix_ + ".events", i}, 1'000'000});
  ASSERT_TRUE(admin_->set_group_offsets(prefix_ + ".reactor.effects", beyond));
  Process reactor(command());
  const auto are_here = [&] {
    const auto found =
        admin_->group_offsets(prefix_ + ".reactor.effects", kafka::every_partition(prefix_ + ".events", kPartitions));
    return found && std::ranges::all_of(*found, [](const auto& one) { return one.offset < 1'000; });
  };
  ASSERT_TRUE(eventually(are_here, seconds(60)));
  ask_for_effects();
  ASSERT_TRUE(eventually([&] { return are_done(3); }, seconds(60)));
  for (const auto& id : effects_of(2)) EXPECT_EQ(effects_.count(id), 0) << id << ": about the past nobody is called";
  reactor.end(SIGTERM);
  EXPECT_TRUE(WIFEXITED(*reactor.status()) && WEXITSTATUS(*reactor.status()) == 0);
}

/// The page's rows of what acts outside: name -> "type, help, labels".
std::map<std::string, std::string> described_metrics() {
  std::map<std::string, std::string> out;
  std::ifstream page(PARLEY_SOURCE_DIR "/docs/metrics.md");
  const std::regex row(R"(^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\| ([\w, ]+) \| ([^|]+) \|$)");
  const std::regex label("`(\\w+)`");
  for (std::string line; std::getline(page, line);) {
    std::smatch found;
    if (!std::regex_match(line, found, row) || !found.str(4).contains("outside")) continue;
    std::set<std::string> labels;
    const auto listed = found.str(3);
    for (auto one = std::sregex_iterator(listed.begin(), listed.end(), label); one != std::sregex_iterator(); ++one)
      labels.insert(one->str(1));
    auto& said = out[found[1]] = found.str(2) + ", " + found.str(5);
    for (const auto& one : labels) said += ", " + one;
  }
  return out;
}
/// The same of what a process exports, as far as it is a reactor's or the HTTP client's.
std::map<std::string, std::string> exported_metrics(const std::string& text) {
  std::map<std::string, std::string> out, helps;
  std::map<std::string, std::set<std::string>> labels;
  const std::regex head(R"(^# (HELP|TYPE) (parley_(?:reactor|http_client)_\w+) (.*)$)"),
      sample(R"(^(parley_(?:reactor|http_client)_\w+)\{([^}]*)\} .*$)"), label(R"((\w+)=")");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (std::regex_match(line, found, head)) (found[1] == "HELP" ? helps : out)[found[2]] = found[3];
    if (!std::regex_match(line, found, sample)) continue;
    const auto name = std::regex_replace(found.str(1), std::regex("_(bucket|sum|count)$"), "");
    const auto pairs = found.str(2);
    for (auto one = std::sregex_iterator(pairs.begin(), pairs.end(), label); one != std::sregex_iterator(); ++one)
      if (one->str(1) != "le") labels[name].insert(one->str(1));
  }
  for (auto& [name, said] : out) {
    said += ", " + helps[name];
    for (const auto& one : labels[name]) said += ", " + one;
  }
  return out;
}

TEST_F(Reactors, export_what_the_page_of_metrics_says_of_them) {
  Process reactor(command());
  ASSERT_TRUE(eventually([&] { return has_positions(); }, seconds(60)));
  ask_for_effects();
  ASSERT_TRUE(eventually([&] { return are_done(1); }, seconds(60)));
  EXPECT_EQ(exported_metrics(ask("/metrics")), described_metrics());
  EXPECT_GE(metric("parley_http_client_calls_total{outcome=\"2xx\",peer=\"effects\"}"), 3);
  EXPECT_TRUE(eventually([&] { return metric("parley_reactor_calls_ended_total{outcome=\"done\"}") == 3; }));
  reactor.end(SIGTERM);
}

TEST_F(Reactors, fire_ten_thousand_timers_once_each_however_often_they_are_killed) {
  std::mt19937_64 random(13);
  const auto first = now().time_since_epoch().count() + 1'000;
  std::map<std::string, std::string> wanted;
  for (int i = 0; i < kTimers; ++i) {
    const auto due = std::to_string(first + static_cast<std::int64_t>(random() % 30'000));
    const auto key = "t" + std::to_string(i);
    wanted.emplace(key, due);
    sender_->send(reserve("timer", key, due, 1), seconds(120));
  }
  const auto fired = [&] { return confirmed("timer"); };
  int deaths = 0;
  for (bool all = false; !all && deaths < 40; ++deaths) {
    Process reactor(command());
    all = eventually([&] { return fired().size() >= kTimers; }, milliseconds(1'500 + random() % 4'000));
    if (deaths % 4 == 3) reactor.end(SIGTERM);
    reactor.end(SIGKILL);
    if (deaths % 5 == 2) std::filesystem::remove_all(state());
  }
  EXPECT_GT(deaths, 3);
  const auto all = fired();
  EXPECT_EQ(all.size(), wanted.size());
  for (const auto& [key, due] : wanted) {
    const auto found = all.find(std::string(key).append(".").append(due));
    ASSERT_TRUE(found != all.end()) << key << " is lost";
    ASSERT_EQ(found->second, 1) << key;
  }
  judge_replies();
}

}  // namespace
}  // namespace parley::decider::testing
