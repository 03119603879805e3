#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "ops/cli/log_place.h"

namespace CLI {
class App;
}

namespace parley::cli {

struct ParkedOptions {
  LogPlace log;
  std::optional<std::string> postgres =
      {};             ///< Connection string: what stands still for the projections is listed too.
  bool json = false;  ///< For programs: one JSON document on standard output.
};

/// What a stream is brought back from. Without a projection: from what its decider met.
struct Unpark {
  std::string stream;  ///< "dialog/1387"
  std::string reason;
  std::optional<std::string> projection;
  std::optional<std::int64_t> version;  ///< Of the event that the projection could not apply.
};

// `parley parked …`: streams that stand still, and what brings them back. Each returns the process's exit code: 0 when
// it did what it says, 1 otherwise, with the reason on standard error. Safe to repeat.

/// Every stream that stands still, and who was asked. 0: all were, and none stands still; 1: some do; 2: not all could
/// be asked.
int parked_list(const ParkedOptions& options);
/// One of them, with the command that stopped it (its envelope; never its text).
int parked_show(const ParkedOptions& options, const std::string& stream);
/// Sends the retry and waits for what came of it. 0 only when the stream goes on.
int parked_retry(const ParkedOptions& options, const Unpark& what);
/// As parked_retry(); the reason must not be empty.
int parked_skip(const ParkedOptions& options, const Unpark& what);

/// Adds the command with its subcommands; a callback that ran has set `exit_code`.
void add_parked(CLI::App& app, int& exit_code);

}  // namespace parley::cli
