#pragma once
// What the edge must know of the API to answer in its name.
#include <string>

#include "api/endpoint/registry.h"

namespace parley::endpoint {

/// As JSON: the API's own answer for each error that an edge finds by itself, in each of its
/// languages; the paths that pages
/// of other origins may ask, and what lets them read an answer and send a request; the paths of streams. "{origin}" and
/// "{methods}" stand for the request's Origin and for what the path has. ops/harness/edge.py makes nginx's
/// configuration of it.
std::string edge_answers(const Registry& registry);

}  // namespace parley::endpoint
