#include "platform/version/version.h"

namespace parley::version {

std::string_view number() { return PARLEY_VERSION; }
// commit() is in a source that each build writes (commit.cmake).
std::string_view build() { return PARLEY_BUILD; }
bool is_prerelease() { return number().starts_with("0."); }

}  // namespace parley::version
