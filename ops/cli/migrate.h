#pragma once
#include <string>

namespace parley::cli {

/// `parley migrate`: brings the read models' schema up to date and says on standard output what it did. The process's
/// exit code: 0 when the schema is as this program needs it, 1 otherwise, with the reason on standard error.
int migrate(const std::string& connection);

}  // namespace parley::cli
