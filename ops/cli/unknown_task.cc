#include "ops/cli/unknown_task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "platform/text/printable.h"

namespace parley::cli {
namespace {

constexpr std::size_t kTyposMax = 2;

/// How many characters must be put in, left out or changed (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, changed});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string> unknown_task(const CLI::App& app, int argc, const char* const* argv) {
  const CLI::App* at = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto tasks = at->get_subcommands([](const CLI::App*) { return true; });
    if (word.starts_with('-') || tasks.empty()) return std::nullopt;
    const auto found = std::ranges::find_if(tasks, [&](const CLI::App* task) { return task->get_name() == word; });
    if (found != tasks.end()) {
      at = *found;
      continue;
    }
    const auto far = [&](const CLI::App* task) { return distance(task->get_name(), word); };
    const auto nearest = std::ranges::min_element(tasks, {}, far);
    std::vector<std::string> names;
    for (const auto* task : tasks) names.push_back(task->get_name());
    const auto way_out = far(*nearest) <= kTyposMax ? fmt::format("did you mean {}?", (*nearest)->get_name())
                                                    : fmt::format("there are {}", fmt::join(names, ", "));
    return fmt::format("{}: there is no {}: {}", at == &app ? "parley" : "parley " + at->get_name(),
                       text::printable(std::string(word)), way_out);
  }
  return std::nullopt;
}

}  // namespace parley::cli
