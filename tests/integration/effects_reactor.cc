// A reactor that calls the simulator of effects, as a process that a test kills: at a step of its own choice, or from
// outside. It reads claims, whose commands a reactor may give: a reservation with the index "effect" asks for a call,
// one with the index "timer" sets a timer.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

#include "domain/claims/claims.h"
#include "platform/health/health.h"
#include "platform/http_client/client.h"
#include "platform/process/process.h"
#include "workers/reactors/runtime/runner.h"

namespace parley {
namespace {

constexpr const char* kEffect = "effect";
constexpr const char* kTimer = "timer";
constexpr const char* kAttempt = "attempt";
constexpr std::chrono::seconds kAnswerWithin{2};

/// Dies at the n-th time that a step is reached. Not thread-safe: one thread passes each step.
class DeathPoint {
 public:
  DeathPoint(std::string step, int time) : step_(std::move(step)), times_left_(time) {}
  void passed(std::string_view step) {
    if (step == step_ && --times_left_ == 0) kill(getpid(), SIGKILL);
  }

 private:
  std::string step_;
  int times_left_;
};

class EffectsReactor final : public reactors::Reactor {
 public:
  EffectsReactor(std::string url, DeathPoint& death)
      : url_(std::move(url)), death_(death), client_({.trusted_hosts = {"127.0.0.1"}}) {}

  std::string_view name() const override { return "effects"; }
  int fold_version() const override { return 1; }

  bool wants_call(const reactors::Cause& cause) const override {
    const auto* asked = cause.event.alternative<claims::Reserved>();
    const bool wants = asked != nullptr && asked->index == kEffect && asked->process_id != kAttempt;
    const bool is_attempt = asked != nullptr && asked->process_id == kAttempt;
    death_.passed(wants ? "asked" : is_attempt ? "attempt recorded" : "outcome recorded");
    return wants;
  }
  std::vector<reactors::TimerFact> timers_of(const reactors::Cause& cause) const override {
    const auto* set = cause.event.alternative<claims::Reserved>();
    if (set == nullptr || set->index != kTimer) return {};
    return {{set->process_id, Timestamp(std::chrono::milliseconds(std::stoll(set->process_id)))}};
  }
  Command when_due(const reactors::Timer& timer) const override {
    death_.passed("due");
    return claims::Command{claims::Confirm{timer.name}};
  }

  reactors::OnUnknown on_unknown() const override { return reactors::OnUnknown::repeat; }
  /// A key that begins with "many" is asked for several times, and its calls need no record of their beginning.
  std::optional<Command> attempt(const reactors::Cause& cause) const override {
    const auto& asked = reserved(cause);
    if (asked.key.starts_with("many")) return std::nullopt;
    death_.passed("attempt");
    return claims::Command{claims::Reserve{asked.index, asked.key, kAttempt, asked.holder, asked.holder_version + 1}};
  }
  Command outcome(const reactors::Cause& cause, const reactors::Result& result) const override {
    const auto& asked = reserved(cause);
    death_.passed("outcome");
    const std::string process = asked.key.starts_with("many") ? asked.process_id : kAttempt;
    if (result.kind == reactors::Result::Kind::done) return claims::Command{claims::Confirm{process}};
    return claims::Command{claims::Release{asked.index, asked.key, process}};
  }

  void call(const reactors::Cause& cause, const std::string& key, const Done& done) override {
    death_.passed("call");
    const auto& asked = reserved(cause);
    http_client::Request request{.peer = "effects",
                                 .correlation_id = cause.envelope.correlation,
                                 .method = "POST",
                                 .url = url_ + "/effects",
                                 .fields = {{"Content-Type", "application/json"}, {"Idempotency-Key", key}},
                                 .body = R"({"id":")" + asked.key + "." + asked.process_id + R"("})",
                                 .timeouts = {.first_byte = kAnswerWithin, .total = kAnswerWithin}};
    const auto begun =
        client_.submit(std::move(request), [this, done](http_client::Result<http_client::Response> answer) {
          death_.passed("answered");
          done(end_of(answer));
        });
    if (!begun) done({.kind = reactors::CallEnd::Kind::not_done, .detail = begun.error().text});
  }

 private:
  static const claims::Reserved& reserved(const reactors::Cause& cause) {
    return *cause.event.alternative<claims::Reserved>();
  }
  static reactors::CallEnd end_of(const http_client::Result<http_client::Response>& answer) {
    using Kind = reactors::CallEnd::Kind;
    if (!answer) {
      return {.kind = answer.error().is_sure_not_sent ? Kind::not_done : Kind::unknown, .detail = answer.error().text};
    }
    if (answer->status < 300) return {.kind = Kind::done, .detail = std::to_string(answer->status)};
    return {.kind = Kind::not_done, .detail = std::to_string(answer->status), .retry_after = answer->retry_after};
  }

  const std::string url_;
  DeathPoint& death_;
  http_client::Client client_;
};

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
  using namespace parley;
  process::catch_termination();
  reactors::Options options;
  options.perform.attempt = {.calls_max = 200, .backoff = {std::chrono::milliseconds(50), std::chrono::seconds(2)}};
  options.again_min = std::chrono::milliseconds(500);
  options.instance = "effects-1";
  std::string url, step;
  int time = 0, health_port = 0;
  CLI::App app("A reactor for tests");
  app.add_option("--brokers", options.kafka.brokers)->required();
  app.add_option("--prefix", options.topic_prefix)->required();
  app.add_option("--partitions", options.partitions)->required();
  app.add_option("--state", options.state_dir)->required();
  app.add_option("--url", url, "of the simulator of effects")->required();
  app.add_option("--health-port", health_port)->required();
  app.add_option("--die-at", step, "a step at which it kills itself");
  app.add_option("--time", time, "when it reaches it so many times");
  CLI11_PARSE(app, argc, argv);
  DeathPoint death(step, time);
  EffectsReactor reactor(url, death);
  reactors::Runner runner(options, reactor);
  const health::Server health("127.0.0.1", health_port, [&] { return runner.verdict(); });
  std::stop_source stop;
  std::thread([stop]() mutable {
    process::wait_for_termination();
    stop.request_stop();
  }).detach();
  const auto ended = runner.run(stop.get_token());
  if (!ended) std::cerr << "effects_reactor: " << ended.error() << "\n" << std::flush;
  std::_Exit(ended ? 0 : 1);
}
