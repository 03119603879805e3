// A simulator as a process of its own, for tests that kill what calls it.
#include <CLI/CLI.hpp>
#include <iostream>

#include "ops/simulators/effects.h"
#include "platform/process/process.h"

int main(int argc, char** argv) {
  using namespace parley;
  process::catch_termination();
  simulators::Options options;
  std::string name;
  std::vector<std::string> faults;
  CLI::App app("Pretends to be a system outside of Parley. Prints its URL, and serves until it is told to end.");
  app.add_option("NAME", name, "which system")->required()->check(CLI::IsMember({"effects"}));
  app.add_option("--host", options.host, "address to listen on")->capture_default_str();
  app.add_option("--port", options.port, "port to listen on; 0: any free one")->capture_default_str();
  app.add_option("--journal", options.journal_path, "file to append the journal to");
  app.add_option("--seed", options.seed, "what faults with a percent are drawn from")->capture_default_str();
  app.add_option("--fault", faults, "a fault, like kind=error&status=500&times=2; may be repeated");
  CLI11_PARSE(app, argc, argv);
  for (const auto& text : faults) {
    auto fault = simulators::Fault::parse(text);
    if (!fault) {
      std::cerr << "--fault " << text << ": " << fault.error() << "\n";
      return 2;
    }
    options.faults.push_back(std::move(*fault));
  }
  try {
    simulators::Effects effects;
    simulators::Simulator simulator(std::move(options));
    effects.declare_on(simulator);
    simulator.start();
    std::cout << simulator.url() << std::endl;
    process::wait_for_termination();
  } catch (const std::runtime_error& error) {  // the port or the journal cannot be had
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
