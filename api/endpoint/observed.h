#pragma once
// What an operator sees of requests: metrics and one line of log for each.
#include <span>

#include "api/endpoint/registry.h"
#include "api/http/options.h"

namespace parley::endpoint {

/// For the HTTP server: the form of an error that it answers by itself, which pages of other origins may read on the
/// paths that are for them, parley_http_requests_total{method,route,status},
/// parley_http_request_seconds{method,route}, and the access log, which holds neither path nor query. The form is that
/// of the surface under whose prefix the path is, of the first one where there is none. `mounted` must not be empty;
/// what is used of it is copied.
http::Hooks hooks(std::span<const Registry> mounted);

}  // namespace parley::endpoint
