#include <CLI/CLI.hpp>
#include <memory>

#include "ops/cli/backup/backup.h"
#include "ops/cli/fail.h"
#include "ops/cli/log_place.h"
#include "ops/cli/options.h"
#include "platform/log/log.h"

namespace parley::backup {
namespace {

struct Given {
  cli::Options common;
  std::string folder;
  KeyFiles keys;
  std::string passphrase_file;
  bool without_keys = false;
  bool check = false;
  bool json = false;
};

/// What both commands take.
CLI::App* add(CLI::App& app, const char* name, const char* description, const char* keys, const char* seal_key,
              Given& given) {
  auto* command = app.add_subcommand(name, description);
  command->add_option("folder", given.folder, "The folder of the copy")->required();
  cli::add_kafka(*command, given.common);
  command->add_option("--passphrase-file", given.passphrase_file,
                      "A file whose first line is the passphrase that encrypts the keys; without it: the variable "
                      "PARLEY_BACKUP_PASSPHRASE");
  command->add_option("--keys-file", given.keys.keys, keys)->envname("PARLEY_KEYS_FILE");
  command->add_option("--seal-key-file", given.keys.seal_key, seal_key)->envname("PARLEY_SEAL_KEY_FILE");
  command->add_flag("--json", given.json, "Prints one JSON document, for programs");
  return command;
}

}  // namespace

void add_commands(CLI::App& app, int& exit_code) {
  const auto given = std::make_shared<Given>();
  auto* backup_command = add(app, "backup", "Copies the log into a folder while the system runs",
                             "The file with the deployment's keys, which the copy includes",
                             "The file with the deciders' signing key, which the copy includes too", *given);
  backup_command->add_flag("--without-keys", given->without_keys,
                           "Leaves the keys out: a restore then needs the old file of keys");
  backup_command->callback([given, &exit_code] {
    log::configure("backup", "", *log::level_named("error"));
    auto found = cli::find_log(given->common);
    if (!found) {
      exit_code = cli::fail("backup", found.error());
      return;
    }
    exit_code = backup({.folder = given->folder,
                        .kafka = std::move(found->kafka),
                        .prefix = std::move(found->prefix),
                        .partitions = found->partitions,
                        .with_keys = !given->without_keys,
                        .keys = given->keys,
                        .passphrase_file = given->passphrase_file,
                        .json = given->json});
  });

  const auto wanted = std::make_shared<Given>();
  auto* restore_command = add(app, "restore", "Restores a copy into an empty log, or checks a copy",
                              "The file to which the copy's keys are written; the command never replaces other keys",
                              "The file to which the copy's signing key is written, if the copy has one", *wanted);
  cli::add_partitions(*restore_command, wanted->common);
  cli::add_topics(*restore_command, wanted->common);
  restore_command->add_flag("--check", wanted->check, "Only checks that the copy is complete; needs no Kafka");
  auto* partitions = restore_command->get_option("--partitions");
  restore_command->callback([wanted, partitions, &exit_code] {
    log::configure("restore", "", *log::level_named("error"));
    exit_code =
        restore({.folder = wanted->folder,
                 .kafka = wanted->common.kafka(),
                 .prefix = wanted->common.topic_prefix,
                 .partitions = partitions->count() > 0 ? std::optional(wanted->common.partitions) : std::nullopt,
                 .replication = wanted->common.replication,
                 .keys = wanted->keys,
                 .passphrase_file = wanted->passphrase_file,
                 .check_only = wanted->check,
                 .json = wanted->json});
  });
}

}  // namespace parley::backup
