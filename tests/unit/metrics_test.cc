// platform/metrics: totals that others keep, and what the system says of the process.
#include "platform/metrics/metrics.h"

#include <gmock/gmock.h>

#include <chrono>
#include <fstream>
#include <vector>

#include "tests/unit/metrics_sample.h"

namespace parley::metrics {
namespace {

TEST(Metrics, ATotalThatSomebodyElseKeepsIsShownAsItIs) {
  Counter shown = counter("parley_test_total", "A total of this test");
  for (const double total : {3.0, 3.0, 5.0}) shown.raise_to(total);
  EXPECT_EQ(sample("parley_test_total"), 5);
}

TEST(Metrics, TheProcessSaysWhatItTakes) {
  observe_process();
  const double files = sample("process_open_fds");
  std::vector<std::ifstream> more;
  for (int i = 0; i < 10; ++i) more.emplace_back("/dev/null");
  EXPECT_EQ(sample("process_open_fds"), files + 10);
  EXPECT_GE(sample("process_max_fds"), files + 10);

  EXPECT_GT(sample("process_resident_memory_bytes"), 1 << 20);
  const double began = sample("process_cpu_seconds_total");
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (sample("process_cpu_seconds_total") <= began && std::chrono::steady_clock::now() < give_up) {
  }
  EXPECT_GT(sample("process_cpu_seconds_total"), began);
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_NEAR(sample("process_start_time_seconds"), now.count(), 120);
}

}  // namespace
}  // namespace parley::metrics
