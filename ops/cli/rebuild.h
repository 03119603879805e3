#pragma once
// `parley rebuild`: the read models made again from the log, compared with those that are there, and put in their place
// (workers/rebuild).

namespace CLI {
class App;
}

namespace parley::cli {

/// Adds the command: the certificate on standard output, progress on standard error. A callback that ran has set
/// `exit_code`: 0 when the rebuilt tables are in place, or with --compare the same; 1 otherwise, with the reason.
void add_rebuild(CLI::App& app, int& exit_code);

}  // namespace parley::cli
