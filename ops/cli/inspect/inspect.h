#pragma once
// `parley inspect`: what the stores of a decider hold on disk, for people on call.
#include <filesystem>
#include <iosfwd>
#include <string>

namespace CLI {
class App;
}

namespace parley::cli {

struct InspectOptions {
  std::filesystem::path folder;  ///< A partition's store, or a folder with one for each partition, named by its number.
  std::string stream;            ///< "dialog/1387": what its store knows of it. Empty: no stream.
  std::string command;           ///< The id of a command: what is remembered of it. Empty: no command.
  bool json = false;             ///< For programs: one JSON document.
  bool personal = false;         ///< With texts about people, which are null otherwise. Secrets are always null.
};

/// Writes what the stores hold, or a sentence to `errors`. Returns the exit code: 0, or 1 when a store cannot be read
/// or none has the stream or command. Changes no file.
int inspect(const InspectOptions& options, std::ostream& out, std::ostream& errors);

/// Adds the command; a callback that ran has set `exit_code`.
void add_inspect(CLI::App& app, int& exit_code);

}  // namespace parley::cli
