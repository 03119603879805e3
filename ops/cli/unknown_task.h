#pragma once
// What to say of a subcommand that there is not.
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace parley::cli {

/// The sentence for the first word of the command line that should be a subcommand and is none, with the nearest that
/// there is; nothing when every word is one, or flags come before it.
std::optional<std::string> unknown_task(const CLI::App& app, int argc, const char* const* argv);

}  // namespace parley::cli
