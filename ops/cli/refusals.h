#pragma once
// A decider's refusals, as the console shows them.
#include <string>

#include "domain/kernel.h"

namespace parley::cli {

/// "STREAM_NOT_PARKED: The stream is not parked"; the name alone of one that no command of the console leads to.
std::string in_words(const Code& refusal);

}  // namespace parley::cli
