// The one executable: a subcommand for each role and for each operator's task. Every flag is also an environment
// variable PARLEY_<NAME>.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <ios>
#include <iostream>
#include <map>

#include "ops/cli/admin.h"
#include "ops/cli/audit/audit.h"
#include "ops/cli/backup/backup.h"
#include "ops/cli/effects.h"
#include "ops/cli/inspect/inspect.h"
#include "ops/cli/keys.h"
#include "ops/cli/migrate.h"
#include "ops/cli/options.h"
#include "ops/cli/parked.h"
#include "ops/cli/rebuild.h"
#include "ops/cli/roles.h"
#include "ops/cli/topics.h"
#include "ops/cli/unknown_task.h"
#include "platform/log/log.h"
#include "platform/process/process.h"
#include "platform/text/printable.h"
#include "platform/version/version.h"
#include "workers/decider/partition_store.h"

/// The exit code for what cannot be meant: a flag, a value or a subcommand that there is not.
constexpr int kUsage = 2;

/// What a bug report needs to know of the build.
std::string described_version() {
  using namespace parley;
  return fmt::format(
      "parley {}{}\ncommit {}, {}\nfolds of state: {}", version::number(),
      version::is_prerelease() ? " (a pre-release: what it answers and keeps may change, CHANGELOG.md says what)" : "",
      version::commit(), version::build(), decider::fold_versions());
}

int main(int argc, char** argv) {
  using namespace parley;
  process::catch_termination();
  std::ios::sync_with_stdio(false);
  const text::GuardedOutput guard;

  CLI::App app{"Parley: an event-sourced backend of conversational support"};
  app.require_subcommand(1);
  app.set_version_flag("--version", described_version,
                       "Prints the version, how it was built, and which folds of state it knows");
  // Each has its own: CLI11 reads every subcommand's variables, and what is shared would take a variable over the flag
  // that was given.
  std::map<const CLI::App*, cli::Options> options;
  int exit_code = 0;
  const auto role_of = [&](CLI::App& parent, const char* name, const char* description, auto run) {
    auto* command = parent.add_subcommand(name, description);
    command->callback([&own = options[command], &exit_code, name, run] {
      log::configure(name, own.instance, *log::level_named(own.log_level));
      exit_code = run(own);
    });
    return command;
  };
  const auto role = [&](const char* name, const char* description, auto run) {
    return role_of(app, name, description, run);
  };

  auto* api = role("api", "Runs an API process: HTTP queries, commands and event streams", cli::api);
  auto* decider =
      role("decider", "Runs a decider: the only writer of events in the partitions that it owns", cli::decider);
  auto* projector = role("projector", "Runs a projector: writes the read models", cli::projector);
  auto* reactor = app.add_subcommand("reactor", "Runs a reactor: a worker that acts on events");
  reactor->require_subcommand(1);
  auto* processes =
      role_of(*reactor, "processes",
              "Runs the reactor that finishes changes of more than one stream, such as a new e-mail address",
              cli::processes_reactor);
  auto* topics = role("topics", "Creates the Kafka topics, or checks them when they exist", [](const cli::Options& o) {
    return cli::topics(
        {.kafka = o.kafka(), .prefix = o.topic_prefix, .partitions = o.partitions, .replication = o.replication});
  });
  auto* migrate = role("migrate", "Creates or upgrades the read models' tables",
                       [](const cli::Options& o) { return cli::migrate(o.postgres); });
  auto* keys = role("keys", "Creates the key files that are missing; rotates the keys of access tokens",
                    [](const cli::Options& o) {
                      return cli::keys(o.keys_file, o.seal_key_file,
                                       {.add = o.add_token_key, .sign_with = o.sign_with, .drop = o.drop_token_key});
                    });

  for (auto* command : {api, decider, projector, processes, topics}) {
    cli::add_kafka(*command, options[command]);
    cli::add_partitions(*command, options[command]);
  }
  for (auto* command : {api, projector, migrate}) cli::add_postgres(*command, options[command]);
  for (auto* command : {api, keys}) cli::add_keys(*command, options[command]);
  for (auto* command : {api, decider, projector, processes}) cli::add_process(*command, options[command]);
  cli::add_api(*api, options[api]);
  cli::add_decider(*decider, options[decider]);
  cli::add_seal_key(*keys, options[keys]);
  cli::add_token_keys(*keys, options[keys]);
  cli::add_topics(*topics, options[topics]);

  cli::add_parked(app, exit_code);
  cli::add_admin(app, exit_code);
  cli::add_effects(app, exit_code);
  cli::add_audit(app, exit_code);
  cli::add_inspect(app, exit_code);
  cli::add_rebuild(app, exit_code);
  backup::add_commands(app, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const auto unknown = error.get_exit_code() == 0 ? std::nullopt : cli::unknown_task(app, argc, argv);
    if (unknown) {
      std::cerr << *unknown << "\n";
      return kUsage;
    }
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return exit_code;
}
