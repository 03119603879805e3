#pragma once
// `parley audit …`: the log made usable by somebody who is not its author. Reads Kafka alone.

namespace CLI {
class App;
}

namespace parley::cli {

/// Adds the command with its subcommands; a callback that ran has set `exit_code`: 0, or 1 after a sentence on stderr.
void add_audit(CLI::App& app, int& exit_code);

}  // namespace parley::cli
