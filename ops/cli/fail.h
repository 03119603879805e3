#pragma once
// How a task at the console says that it did not do what it was asked.
#include <string_view>

namespace parley::cli {

/// Says why on standard error, "parley TASK: why"; what others wrote is made safe to show. Returns the exit code, 1.
int fail(std::string_view task, std::string_view why);

}  // namespace parley::cli
