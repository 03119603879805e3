#pragma once
// PostgreSQL alone, through libpq and nothing else.
#include <chrono>
#include <string>

#include "tests/bench/scene.h"

namespace parley::bench {

struct Select {
  std::string connection;  ///< As libpq takes it.
  int connections = 8;     ///< Each with one query under way, for a dialog of its own as far as there are as many.
  std::chrono::milliseconds warm_up{500};
  std::chrono::milliseconds time{5'000};
};
/// The statement with which the API reads a dialog's messages, prepared. Prints per_second, rows (of one answer),
/// p50_ms, p99_ms, max_ms.
void run(const Select& select, const Scene& scene);

struct Copy {
  std::string connection;
};
/// Takes the rows that the events of messages have in the read models and copies them into empty tables of the same
/// form, indexes too. Prints rows, seconds, per_second.
void run(const Copy& copy);

}  // namespace parley::bench
