#pragma once
// Requests over HTTP: so many clients, each with one request under way at a time.
#include <chrono>
#include <cstdint>
#include <string>

#include "tests/bench/scene.h"

namespace parley::bench {

enum class What { post, get };

/// A visitor's request for that dialog, complete. The text of a post carries `mark`.
std::string request(What what, const Scene& scene, const Dialog& dialog, std::string_view mark = {});

struct Load {
  int port = 0;
  What what = What::post;
  int clients = 64;
  std::chrono::milliseconds warm_up{500};
  std::chrono::milliseconds time{5'000};
};

/// Each client has a dialog of its own. Prints per_second (what was answered as it must be: a post readable), p50_ms,
/// p99_ms, max_ms, and how many answers were "pending" or "other" (an error). Throws when the server goes away.
void run(const Load& load, const Scene& scene);

}  // namespace parley::bench
