#pragma once
#include "ops/cli/options.h"

namespace parley::cli {

// Each runs a role until SIGTERM or SIGINT, with its health port. The process's exit code: 0 when it ended because it
// was told to; 1 when it could not go on, with the reason in the log: whoever supervises it starts it again.

int api(const Options& options);
int decider(const Options& options);
int projector(const Options& options);
int processes_reactor(const Options& options);

}  // namespace parley::cli
