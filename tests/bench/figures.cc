#include "tests/bench/figures.h"

#include <algorithm>
#include <iostream>

#include "schemas/json.h"

namespace parley::bench {

double Latencies::quantile_ms(double share) {
  if (values_.empty()) return 0;
  const auto at = values_.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values_.size() - 1));
  std::ranges::nth_element(values_, at);
  return std::chrono::duration<double, std::milli>(*at).count();
}

void add(Figures& figures, Latencies& latencies) {
  figures.emplace_back("p50_ms", latencies.quantile_ms(0.5));
  figures.emplace_back("p99_ms", latencies.quantile_ms(0.99));
  figures.emplace_back("max_ms", latencies.quantile_ms(1));
}

void print(const Figures& figures) {
  json::Writer out;
  out.begin_object();
  for (const auto& [name, value] : figures) {
    out.key(name);
    out.number(value);
  }
  out.end_object();
  std::cout << out.text() << std::endl;
}

}  // namespace parley::bench
