#pragma once
// The surface of ReplyX: its paths, field names, limits and credentials on the common domain.
//
// Assembly (api/server):
//   endpoint::Registry registry(replyx::info(), prefix);
//   replyx::add_replyx(registry);
//   const endpoint::Deps deps{keys, tokens, directory, dispatcher, key_uses, progress, streams, signals, log, pool,
//   queries, hashing, timers,
//                             limits, proxies, partitions, identity, clock};
//   http::Routes routes;
//   registry.mount(routes, deps);
//   http::Server server(options, std::move(routes), endpoint::hooks(registry.cross_origin_paths()));   //
//   endpoint/observed.h
#include "api/endpoint/registry.h"

namespace parley::replyx {

/// What the OpenAPI document says of the surface as a whole.
endpoint::Info info();

/// Declares every endpoint.
void add_replyx(endpoint::Registry& registry);

// Its parts, one for each group of paths.
void add_accounts(endpoint::Registry& registry);
void add_operators(endpoint::Registry& registry);
void add_api_keys(endpoint::Registry& registry);
void add_assistants(endpoint::Registry& registry);
void add_site(endpoint::Registry& registry);
void add_dialogs(endpoint::Registry& registry);
void add_streams(endpoint::Registry& registry);
void add_typing(endpoint::Registry& registry);

}  // namespace parley::replyx
