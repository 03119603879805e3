#pragma once
#include <string>
#include <vector>

#include "ops/cli/options.h"

namespace CLI {
class App;
}

namespace parley::cli {

/// What is asked of `parley rebuild`.
struct Rebuild {
  std::vector<std::string> projections;  ///< Empty: all.
  std::string accept_differences;        ///< Why.
  bool compare = false;
  bool keep = false;
  bool list = false;
  bool json = false;
};
void add_rebuild(CLI::App& command, Rebuild& what);

/// `parley rebuild`: the certificate on standard output, progress on standard error. The process's exit code: 0 when the rebuilt tables are in place, or
/// with --compare the same; 1 otherwise, with the reason.
int rebuild(const Options& options, const Rebuild& what);

}  // namespace parley::cli
