#pragma once
// `parley backup DIR` and `parley restore DIR`.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/kafka/config.h"

namespace CLI {
class App;
}

namespace parley::backup {

/// The files of a deployment's keys; empty where there is none, or none is wanted.
struct KeyFiles {
  std::string keys;      ///< As `parley keys` makes it.
  std::string seal_key;  ///< The deciders' signing key.

  /// By their names among a copy's secrets, which never change.
  std::vector<std::pair<std::string_view, std::string>> named() const {
    return {{"keys", keys}, {"seal-key", seal_key}};
  }
};

struct BackupOptions {
  std::string folder;  ///< Must not be there, or be empty.
  kafka::Config kafka;
  std::string prefix = "parley";
  int partitions = kafka::kPartitionsDefault;
  bool with_keys = true;
  KeyFiles keys;                ///< With keys: what goes into the copy.
  std::string passphrase_file;  ///< With keys; when empty, PARLEY_BACKUP_PASSPHRASE is it.
  bool json = false;            ///< The summary as one JSON document on standard output, for programs.
};
struct RestoreOptions {
  std::string folder;
  kafka::Config kafka;
  std::string prefix = "parley";
  std::optional<int> partitions;  ///< Of the new log; the copy's when nothing is said.
  int replication = 1;
  KeyFiles keys;  ///< Where the copy's keys go.
  std::string passphrase_file;
  bool check_only = false;
  bool json = false;
};

// Each says on standard error how far it is and ends early, with 1, on SIGTERM or SIGINT. The process's exit code: 0
// when all is done and on the disk (or acknowledged by Kafka); 1 otherwise, with the reason on standard error.

/// Copies a log while it is written. A folder without a manifest is no copy.
int backup(const BackupOptions& options);
/// Fills an empty log from a copy, or only looks whether the copy is whole. Until it has ended the log cannot be
/// decided on: the topic of commands is made last.
int restore(const RestoreOptions& options);

/// Adds both commands to the program's; `exit_code` gets what they return.
void add_commands(CLI::App& app, int& exit_code);

}  // namespace parley::backup
