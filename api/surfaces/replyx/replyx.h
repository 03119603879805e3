#pragma once
// The surface of ReplyX: its paths, field names, limits and credentials on the common domain.
#include "api/endpoint/registry.h"

namespace parley::replyx {

const endpoint::Surface& surface();

// Its parts, each in its own file.
#define PARLEY_ENDPOINTS(source) void add_##source(endpoint::Registry& registry);
#define PARLEY_TAG(name, prefix, about)
#include "api/surfaces/replyx/endpoints.def"

}  // namespace parley::replyx
