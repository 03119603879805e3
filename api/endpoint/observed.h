#pragma once
// What an operator sees of requests: metrics and one line of log for each.
#include "api/http/options.h"

namespace parley::endpoint {

/// For the HTTP server: the product's form of an error, parley_http_requests_total{method,route,status},
/// parley_http_request_seconds{method,route}, and the access log, which holds neither path nor query.
http::Hooks hooks();

}  // namespace parley::endpoint
