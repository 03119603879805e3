#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <utility>

#include "tests/bench/commands.h"
#include "tests/bench/postgres.h"
#include "tests/bench/requests.h"
#include "tests/bench/scene.h"
#include "tests/bench/streams.h"

namespace {

using namespace parley::bench;

struct Flags {
  std::string scene;
  double seconds = 5;
  Load load;
  Commands commands;
  Select select;
  Copy copy;
  FanOut fan_out;
  Live live;

  std::chrono::milliseconds time() const {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1'000));
  }
};

/// A task of the program; `job` runs after the flags are read.
CLI::App& task(CLI::App& app, const std::string& name, const std::string& text, std::function<void()> job) {
  auto& command = *app.add_subcommand(name, text);
  command.callback(std::move(job));
  return command;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app(
      "Loads a running Parley, or one of the engines under it alone; prints figures as JSON. ops/bench knows how to "
      "use it.");
  app.require_subcommand(1);
  Flags f;
  const auto with_scene = [&](CLI::App& command) {
    command.add_option("--scene", f.scene, "File of dialogs")->required();
  };
  const auto with_seconds = [&](CLI::App& command) {
    command.add_option("--seconds", f.seconds, "How long to measure");
  };
  const auto with_port = [&](CLI::App& command, int& port) {
    command.add_option("--port", port, "HTTP's, on loopback")->required();
  };

  for (const auto& [name, what] : {std::pair{"posts", What::post}, std::pair{"gets", What::get}}) {
    auto& requests = task(app, name, "Messages over HTTP", [&f, what] {
      f.load.what = what;
      f.load.time = f.time();
      run(f.load, read_scene(f.scene));
    });
    with_scene(requests);
    with_seconds(requests);
    with_port(requests, f.load.port);
    requests.add_option("--clients", f.load.clients, "Connections");
  }

  auto& commands = task(app, "commands", "Messages as commands, straight through Kafka", [&f] {
    f.commands.time = f.time();
    run(f.commands, read_scene(f.scene));
  });
  with_scene(commands);
  with_seconds(commands);
  commands.add_option("--brokers", f.commands.brokers)->required();
  commands.add_option("--partitions", f.commands.partitions, "Of the log");
  commands.add_option("--clients", f.commands.clients, "Commands under way at a time");
  commands.add_option("--each", f.commands.each, "So many of each client, instead of for some time");

  auto& select = task(app, "select", "A dialog's messages, straight from PostgreSQL", [&f] {
    f.select.time = f.time();
    run(f.select, read_scene(f.scene));
  });
  with_scene(select);
  with_seconds(select);
  select.add_option("--postgres", f.select.connection)->required();
  select.add_option("--connections", f.select.connections);

  auto& copy = task(app, "copy", "The messages' rows copied into empty tables", [&f] { run(f.copy); });
  copy.add_option("--postgres", f.copy.connection)->required();

  auto& fan_out =
      task(app, "fan-out", "Messages to many streams of one dialog", [&f] { run(f.fan_out, read_scene(f.scene)); });
  with_scene(fan_out);
  with_port(fan_out, f.fan_out.port);
  fan_out.add_option("--streams", f.fan_out.streams);
  fan_out.add_option("--messages", f.fan_out.messages);

  auto& live = task(app, "live", "Messages at a rate, and their way to an open stream", [&f] {
    f.live.time = f.time();
    run(f.live, read_scene(f.scene));
  });
  with_scene(live);
  with_seconds(live);
  with_port(live, f.live.port);
  live.add_option("--per-second", f.live.per_second);

  CLI11_PARSE(app, argc, argv);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "parley_bench: " << error.what() << "\n";
  return 1;
}
