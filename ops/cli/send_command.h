#pragma once
// A command sent from a task at the console, as a ConsoleOperator, and its outcome.
#include <chrono>
#include <expected>
#include <map>
#include <string>
#include <vector>

#include "domain/model.h"
#include "ops/cli/log_place.h"
#include "schemas/commands.h"
#include "schemas/replies.h"

namespace parley::cli {

/// A decider may be restoring.
inline constexpr std::chrono::seconds kAnswerWithin{30};

/// Sends the command and waits for the outcomes of these attempts; the first is the command's own, the others belong to
/// commands that it carries. When the first is refused, it comes alone. The error is why there is no answer. Nothing is
/// sent to a log that expect_partitions() refuses.
std::expected<std::map<std::string, schema::Outcome>, std::string> send_command(
    const LogPlace& log, const schema::Target& target, const Command& command,
    const std::vector<std::string>& attempts);
/// The same of a command alone.
std::expected<schema::Outcome, std::string> send_command(const LogPlace& log, const schema::Target& target,
                                                         const Command& command);

}  // namespace parley::cli
