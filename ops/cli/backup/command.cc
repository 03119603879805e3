#include <CLI/CLI.hpp>
#include <memory>

#include "ops/cli/backup/backup.h"
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
  command->add_option("folder", given.folder, "Of the copy")->required();
  cli::add_kafka(*command, given.common);
  command->add_option("--passphrase-file", given.passphrase_file,
                      "A file whose first line is the passphrase of the keys; else PARLEY_BACKUP_PASSPHRASE");
  command->add_option("--keys-file", given.keys.keys, keys)->envname("PARLEY_KEYS_FILE");
  command->add_option("--seal-key-file", given.keys.seal_key, seal_key)->envname("PARLEY_SEAL_KEY_FILE");
  command->add_flag("--json", given.json, "One JSON document, for programs");
  return command;
}

}  // namespace

void add_commands(CLI::App& app, int& exit_code) {
  const auto given = std::make_shared<Given>();
  auto* backup_command =
      add(app, "backup", "Copies the log into a folder, while it is written",
          "The deployment's keys, to go into the copy", "The deciders' signing key, to go there too", *given);
  backup_command->add_flag("--without-keys", given->without_keys,
                           "Leave the keys out: a restore needs the old file then");
  backup_command->callback([given, &exit_code] {
    log::configure("backup", "", *log::level_named("error"));
    exit_code = backup({.folder = given->folder,
                        .kafka = given->common.kafka(),
                        .prefix = given->common.topic_prefix,
                        .partitions = given->common.partitions,
                        .with_keys = !given->without_keys,
                        .keys = given->keys,
                        .passphrase_file = given->passphrase_file,
                        .json = given->json});
  });

  const auto wanted = std::make_shared<Given>();
  auto* restore_command = add(app, "restore", "Fills an empty log from a copy, or checks a copy",
                              "Where the copy's keys are written; other keys are never replaced",
                              "Where its signing key is written, if it has one", *wanted);
  cli::add_topics(*restore_command, wanted->common);
  restore_command->add_flag("--check", wanted->check, "Only look whether the copy is whole; needs no Kafka");
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
