#pragma once
// What an operator sees of requests: metrics and one line of log for each.
#include <map>
#include <string>

#include "api/http/options.h"

namespace parley::endpoint {

/// For the HTTP server: the product's form of an error, which pages of other origins may read on these paths
/// (Registry::cross_origin_paths()), parley_http_requests_total{method,route,status},
/// parley_http_request_seconds{method,route}, and the access log, which holds neither path nor query.
http::Hooks hooks(std::map<std::string, std::string, std::less<>> cross_origin_paths);

}  // namespace parley::endpoint
