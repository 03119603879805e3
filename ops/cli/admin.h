#pragma once

namespace CLI {
class App;
}

namespace parley::cli {

/// `parley admin create` makes an admin's account, `parley admin reset-password` gives any account another password and
/// ends its sessions. The password comes from standard input, one line: from a terminal it is asked for twice and not
/// shown. Adds the command with its subcommands; a callback that ran has set `exit_code`: 0 when it is done, 1
/// otherwise, with the reason on standard error.
void add_admin(CLI::App& app, int& exit_code);

}  // namespace parley::cli
