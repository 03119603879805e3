#pragma once
// What this process would say now, were it scraped.
#include <limits>
#include <string>

#include "platform/metrics/metrics.h"

namespace parley::metrics {

/// The value of a sample, by its name with its labels as they stand in the text; not a number when there is none.
inline double sample(const std::string& series) {
  const std::string all = "\n" + text();
  const auto at = all.find("\n" + series + " ");
  return at == std::string::npos ? std::numeric_limits<double>::quiet_NaN()
                                 : std::stod(all.substr(at + series.size() + 2));
}

}  // namespace parley::metrics
