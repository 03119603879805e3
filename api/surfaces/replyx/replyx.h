#pragma once
// The surface of ReplyX: its paths, field names, limits and credentials on the common domain.
#include "api/endpoint/registry.h"

namespace parley::replyx {

const endpoint::Surface& surface();

// Its endpoints, one function for each group of paths.
void add_accounts(endpoint::Registry& registry);
void add_operators(endpoint::Registry& registry);
void add_api_keys(endpoint::Registry& registry);
void add_assistants(endpoint::Registry& registry);
void add_site(endpoint::Registry& registry);
void add_dialogs(endpoint::Registry& registry);
void add_streams(endpoint::Registry& registry);
void add_typing(endpoint::Registry& registry);

}  // namespace parley::replyx
