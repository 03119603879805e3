#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "ops/simulators/effects.h"
#include "ops/simulators/simulator.h"
#include "platform/http_client/client.h"

namespace parley::simulators {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// What the journal's lines say of one member; "-" where it is absent.
std::vector<std::string> of_lines(const std::string& lines, std::string_view member) {
  std::vector<std::string> values;
  std::istringstream all(lines);
  for (std::string line; std::getline(all, line);) {
    const auto document = json::Document::parse(line, json::Strict::yes);
    if (!document) throw std::runtime_error("not JSON: " + line);
    const auto value = document->root().member(member);
    if (const auto number = value.integer())
      values.push_back(std::to_string(*number));
    else
      values.emplace_back(value.string().value_or("-"));
  }
  return values;
}

std::string content(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Simulators : public ::testing::Test {
 protected:
  Simulators() {
    effects_.declare_on(simulator_);
    simulator_.start();
  }
  ~Simulators() override { std::filesystem::remove(path_); }

  http_client::Result<http_client::Response> call(const std::string& method, const std::string& path,
                                                  std::string body = "", http_client::Fields fields = {}) {
    return client_.call({.peer = "simulator",
                         .method = method,
                         .url = simulator_.url() + path,
                         .fields = std::move(fields),
                         .body = std::move(body),
                         .timeouts = {.first_byte = 300ms}});
  }
  http_client::Result<http_client::Response> effect(const std::string& id, http_client::Fields fields = {}) {
    return call("POST", "/effects", R"({"id":")" + id + R"("})", std::move(fields));
  }
  /// The outcome's name of one effect under a fault: a status, or why there was no response.
  std::string under(Fault fault) {
    simulator_.faults().clear();
    fault.times = 1;
    simulator_.faults().add(std::move(fault));
    const auto response = effect("a");
    return response ? std::to_string(response->status) : http_client::name(response.error().kind);
  }
  std::string lines() { return simulator_.journal().lines(0, 1'000); }

  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("parley-simulators-" + std::to_string(::getpid()) + ".jsonl");
  Effects effects_;
  Simulator simulator_{{.journal_path = path_}};
  http_client::Client client_{{.trusted_hosts = {"127.0.0.1"}}};
};

TEST_F(Simulators, AnEffectIsHadEachTimeAndCounted) {
  EXPECT_EQ(call("GET", "/effects/a")->status, 404);
  EXPECT_EQ(effect("a")->body, R"({"id":"a","count":1})");
  EXPECT_EQ(effect("a")->body, R"({"id":"a","count":2})");
  EXPECT_EQ(call("GET", "/effects/a")->body, R"({"id":"a","count":2})");
  EXPECT_EQ(call("POST", "/effects", "{}")->status, 400);
  EXPECT_THAT(of_lines(lines(), "did"), ElementsAre("", "effect a", "effect a", "", ""));
  EXPECT_THAT(of_lines(lines(), "status"), ElementsAre("404", "201", "201", "200", "400"));
}

TEST_F(Simulators, AnIdempotencyKeyThatWasSeenHasNoSecondEffect) {
  EXPECT_EQ(effect("a", {{"Idempotency-Key", "k"}})->status, 201);
  const auto again = effect("a", {{"Idempotency-Key", "k"}});
  EXPECT_EQ(again->status, 200);
  EXPECT_EQ(again->body, R"({"id":"a","count":1})");
  EXPECT_EQ(effect("b", {{"Idempotency-Key", "l"}})->status, 201);
  EXPECT_EQ(effects_.count("a"), 1);
  EXPECT_THAT(of_lines(lines(), "did"), ElementsAre("effect a", "", "effect b"));
}

TEST_F(Simulators, TheJournalHasEveryRequestInItsFileBeforeItsAnswer) {
  ASSERT_TRUE(effect("a"));
  const auto first = content(path_);
  EXPECT_THAT(first, AllOf(HasSubstr(R"("method":"POST","route":"/effects")"), HasSubstr(R"("body":"{\"id\":\"a\"}")"),
                           HasSubstr(R"("User-Agent":"Parley")"), HasSubstr(R"("did":"effect a","status":201})")));
  ASSERT_TRUE(call("GET", "/effects/a?x=%22"));
  EXPECT_THAT(content(path_), AllOf(HasSubstr(R"("path":{"id":"a"},"query":{"x":"\""})")));
  EXPECT_EQ(content(path_), lines());
  EXPECT_EQ(call("GET", "/_journal")->body, lines());
  EXPECT_EQ(call("GET", "/_journal?limit=1")->body, first);
  EXPECT_THAT(of_lines(call("GET", "/_journal?after=1")->body, "n"), ElementsAre("2"));
  EXPECT_THAT(call("GET", "/_journal?after=2")->body, IsEmpty());
  EXPECT_EQ(call("GET", "/_journal?after=x")->status, 400);
}

TEST_F(Simulators, EachFaultIsSeenAsItsKindAndTheJournalSaysWhatWasDone) {
  EXPECT_EQ(under({.kind = FaultKind::refuse}), "broken_off");
  EXPECT_EQ(under({.kind = FaultKind::hang}), "timed_out_first_byte");
  EXPECT_EQ(under({.kind = FaultKind::error, .status = 500}), "500");
  EXPECT_EQ(under({.kind = FaultKind::too_many}), "429");
  EXPECT_EQ(effects_.count("a"), 0);
  EXPECT_EQ(under({.kind = FaultKind::delay, .delay = 20ms}), "201");
  EXPECT_EQ(under({.kind = FaultKind::delay, .delay = 60s}), "timed_out_first_byte");
  EXPECT_EQ(under({.kind = FaultKind::break_off}), "broken_off");
  EXPECT_EQ(under({.kind = FaultKind::answer_twice}), "201");
  EXPECT_EQ(under({.kind = FaultKind::lose_answer}), "broken_off");
  EXPECT_EQ(under({.kind = FaultKind::act_and_hang}), "timed_out_first_byte");
  EXPECT_EQ(effects_.count("a"), 6);
  EXPECT_THAT(of_lines(lines(), "fault"), ElementsAre("refuse", "hang", "error", "too_many", "delay", "delay",
                                                      "break_off", "answer_twice", "lose_answer", "act_and_hang"));
  EXPECT_THAT(of_lines(lines(), "did"),
              ElementsAre("", "", "", "", "effect a", "effect a", "effect a", "effect a", "effect a", "effect a"));
  EXPECT_THAT(of_lines(lines(), "status"),
              ElementsAre("-", "-", "500", "429", "201", "201", "201", "201", "201", "201"));
  EXPECT_EQ(effect("a")->body, R"({"id":"a","count":7})") << "the next request has its own answer";
}

TEST_F(Simulators, AnAnswerThatBreaksOffHasItsStatusAndATooManyItsTime) {
  simulator_.faults().add({.kind = FaultKind::break_off, .times = 1});
  const auto broken = effect("a");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().status, 201);
  EXPECT_FALSE(broken.error().is_sure_not_sent);
  simulator_.faults().add({.kind = FaultKind::too_many, .retry_after = 7s});
  EXPECT_EQ(effect("a")->retry_after, 7s);
}

TEST_F(Simulators, FaultsAreSetListedAndEndedOverHttp) {
  EXPECT_EQ(call("POST", "/_faults?kind=error&route=POST+/effects&after=1&times=2&status=500")->status, 204);
  EXPECT_EQ(call("POST", "/_faults?kind=too_many&percent=0&retry_after_s=9")->status, 204);
  EXPECT_EQ(call("GET", "/_faults")->body,
            "kind=error&route=POST /effects&after=1&times=2&status=500\nkind=too_many&percent=0&retry_after_s=9\n");
  std::vector<int> statuses;
  for (int i = 0; i < 5; ++i) statuses.push_back(effect("a")->status);
  EXPECT_THAT(statuses, ElementsAre(201, 500, 500, 201, 201));
  EXPECT_EQ(call("GET", "/effects/a")->status, 200) << "another route";
  EXPECT_EQ(call("POST", "/_faults?kind=error")->status, 204);
  EXPECT_EQ(effect("a")->status, 503);
  EXPECT_EQ(call("DELETE", "/_faults")->status, 204);
  EXPECT_EQ(effect("a")->status, 201);
  EXPECT_THAT(lines(), Not(HasSubstr("_faults")));
  EXPECT_EQ(call("GET", "/nowhere")->status, 404);
}

TEST(SimulatorFaults, WhatIsWrongWithOneIsSaid) {
  const auto issue = [](std::string_view text) { return Fault::parse(text).error(); };
  EXPECT_EQ(issue(""), "kind is required");
  EXPECT_EQ(issue("kind=flood"), "kind flood is unknown");
  EXPECT_EQ(issue("kind=error&status=200"), "status is a whole number from 400 to 599");
  EXPECT_EQ(issue("kind=error&percent=101"), "percent is a whole number from 0 to 100");
  EXPECT_EQ(issue("kind=delay&delay_ms=1s"), "delay_ms is a whole number from 0 to 1000000");
  EXPECT_EQ(issue("kind=error&when=now"), "when is unknown");
  EXPECT_EQ(issue("kind=%"), "a fault is written as a query: kind=error&times=2");
}

TEST(SimulatorFaults, ASeedDrawsTheSameAgainAndAnotherOneOthers) {
  const auto drawn = [](std::uint64_t seed) {
    Faults faults(seed);
    faults.add({.kind = FaultKind::hang, .percent = 20});
    faults.add({.kind = FaultKind::error, .route = "POST /effects", .percent = 50});
    std::string all;
    for (int i = 0; i < 1'000; ++i) {
      const auto fault = faults.befalling(i % 3 == 0 ? "GET /effects/{id}" : "POST /effects");
      all += fault ? name(fault->kind)[0] : '-';
    }
    return all;
  };
  const auto one = drawn(1);
  EXPECT_EQ(drawn(1), one);
  EXPECT_NE(drawn(2), one);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(one, 'h')), 200, 40);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(one, 'e')), 667 * .8 * .5, 50);
}

TEST_F(Simulators, ManyAtOnceAreEachInTheJournalOnce) {
  simulator_.faults().add({.kind = FaultKind::lose_answer, .percent = 30});
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([this, i] {
      for (int j = 0; j < 50; ++j) effect(std::to_string(i * 50 + j));
    });
  }
  for (auto& caller : callers) caller.join();
  const auto did = of_lines(content(path_), "did");
  EXPECT_EQ(did.size(), 400U);
  EXPECT_EQ(std::set<std::string>(did.begin(), did.end()).size(), 400U);
}

TEST(SimulatorProcess, ServesUnderItsFlagsAndItsJournalSurvivesAKill) {
  const auto path =
      std::filesystem::temp_directory_path() / ("parley-simulator-" + std::to_string(::getpid()) + ".jsonl");
  int out[2];
  ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(out[1], STDOUT_FILENO);
    ::execl(PARLEY_SIMULATOR, PARLEY_SIMULATOR, "effects", "--journal", path.c_str(), "--fault",
            "kind=error&status=502&times=1", nullptr);
    ::_exit(127);
  }
  ::close(out[1]);
  std::string url;
  for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) url += c;
  ASSERT_THAT(url, ::testing::StartsWith("http://127.0.0.1:"));
  {
    http_client::Client client({.trusted_hosts = {"127.0.0.1"}});
    const auto effect = [&](const std::string& body) {
      return client.call({.peer = "simulator", .method = "POST", .url = url + "/effects", .body = body});
    };
    EXPECT_EQ(effect(R"({"id":"a"})")->status, 502);
    EXPECT_EQ(effect(R"({"id":"b"})")->status, 201);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(out[0]);
  EXPECT_THAT(of_lines(content(path), "did"), ElementsAre("", "effect b"));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace parley::simulators
