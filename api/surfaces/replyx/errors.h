#pragma once
// How this surface says that a request is not done: Russian by default, or English.
#include "api/endpoint/failure.h"

namespace parley::replyx {

endpoint::ErrorForm error_form();

}  // namespace parley::replyx
