#include "ops/cli/fail.h"

#include <iostream>

#include "platform/text/printable.h"

namespace parley::cli {

int fail(std::string_view task, std::string_view why) {
  std::cerr << "parley " << task << ": " << text::printable(why) << "\n";
  return 1;
}

}  // namespace parley::cli
