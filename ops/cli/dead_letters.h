#pragma once
// `parley parked dead …`: commands that deciders could not read, or that belong to no stream that could be parked.
#include <memory>

namespace CLI {
class App;
}

namespace parley::cli {

struct Options;

/// Adds the command with its subcommands to `parked`, whose flags it takes; a callback that ran has set `exit_code`:
/// of the list 0 when there is none, 1 when there are some, 2 when Kafka could not be asked. `options` and `json` live
/// as long as `lifetime`.
void add_dead_letters(CLI::App& parked, const Options& options, const bool& json, std::shared_ptr<void> lifetime,
                      int& exit_code);

}  // namespace parley::cli
