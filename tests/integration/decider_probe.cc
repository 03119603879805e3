// A decider as a process of its own that a test can stop or kill at the worst moments. Never a part of the product.
//
//   decider_probe BROKERS PREFIX PARTITIONS INSTANCE STATE_DIR [STOP|KILL STEP NUMBER | POISON]
//
// With the three it stops (SIGSTOP) or kills (SIGKILL) itself the NUMBER-th time that a transaction is at STEP. With
// POISON it throws on a visitor's message "throw" and ends at once on "abort".
#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

#include "domain/dialogs/dialogs.h"
#include "platform/process/process.h"
#include "workers/decider/decider.h"

int main(int argc, char** argv) {
  using namespace parley;
  if (argc < 6 || argc == 8 || argc > 9) return 2;
  process::catch_termination();
  decider::Options options;
  options.kafka.brokers = argv[1];
  options.topic_prefix = argv[2];
  options.partitions = std::stoi(argv[3]);
  options.instance = argv[4];
  options.state_dir = argv[5];
  if (argc == 9) {
    const std::map<std::string, decider::Step> steps{{"collected", decider::Step::collected},
                                                     {"events_written", decider::Step::events_written},
                                                     {"replies_written", decider::Step::replies_written},
                                                     {"offsets_sent", decider::Step::offsets_sent},
                                                     {"committed", decider::Step::committed}};
    const int signal = std::string(argv[6]) == "STOP" ? SIGSTOP : SIGKILL;
    options.observer = [step = steps.at(argv[7]), left = std::stoi(argv[8]), signal](decider::Step at) mutable {
      if (at == step && --left == 0) kill(getpid(), signal);
    };
  }
  if (argc == 7) {
    options.decide = [](const State& state, const Command& command, Context& context) {
      if (const auto* dialog = command.get_if<dialogs::Command>()) {
        const auto* message = std::get_if<dialogs::PostVisitorMessage>(dialog);
        if (message != nullptr && message->text.text == "throw") throw std::logic_error("poisoned");
        if (message != nullptr && message->text.text == "abort") std::abort();
      }
      return parley::decide(state, command, context);
    };
  }
  decider::Decider decider(std::move(options));
  std::stop_source stop;
  std::thread([stop]() mutable {
    process::wait_for_termination();
    stop.request_stop();
  }).detach();
  const auto ended = decider.run(stop.get_token());
  if (!ended) std::cerr << "decider_probe: " << ended.error() << std::endl;
  std::_Exit(ended ? 0 : 1);
}
