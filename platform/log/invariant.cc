#include <cstdlib>
#include <string>

#include "platform/invariant.h"
#include "platform/log/log.h"

namespace parley::internal {

void invariant_broken(std::string_view what, const std::source_location& where) {
  log::error(
      "an invariant is broken",
      {{"what", what}, {"file", where.file_name()}, {"line", where.line()}, {"function", where.function_name()}});
  std::abort();
}

}  // namespace parley::internal
