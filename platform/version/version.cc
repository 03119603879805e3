#include "platform/version/version.h"

#include "commit.h"

namespace parley::version {

std::string_view number() { return PARLEY_VERSION; }
std::string_view commit() { return PARLEY_COMMIT; }
std::string_view build() { return PARLEY_BUILD; }
bool is_prerelease() { return number().starts_with("0."); }

}  // namespace parley::version
