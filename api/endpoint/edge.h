#pragma once
// What the edge must know of a surface to answer in its name.
#include <string>

#include "api/endpoint/registry.h"

namespace parley::endpoint {

/// As JSON: the surface's languages, the first of which is its default; its own answer for each error that an edge
/// finds by itself, in each of them; the paths that pages of other origins may ask, and what lets them read an answer
/// and send a request; the paths of streams and of files, with the registry's prefix. "{origin}" and "{methods}" stand
/// for the request's Origin and for what the path has. ops/harness/edge.py makes nginx's configuration of those of all
/// surfaces that are mounted.
std::string edge_answers(const Registry& registry);

}  // namespace parley::endpoint
