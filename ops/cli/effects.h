#pragma once
// `parley effects`: whether reactors act outside in a log that was restored from a backup.
#include <string>

#include "ops/cli/log_place.h"

namespace CLI {
class App;
}

namespace parley::cli {

/// Switches effects on in each partition that was restored from a backup, and says so of each; where they are on
/// nothing changes, so it may be run again. Needs running deciders. Returns the exit code: 0, or 1 and a sentence on
/// standard error.
int effects_on(const LogPlace& log, const std::string& reason);

void add_effects(CLI::App& app, int& exit_code);

}  // namespace parley::cli
