#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>
#include <string>

#include "platform/metrics/metrics.h"

namespace parley::metrics {
namespace {

struct Stat {
  double cpu_seconds = 0;
  double started_seconds = 0;  // after the system
  double resident_bytes = 0;
};

/// Fields of /proc/self/stat, numbered as in proc(5). The second one is a name in parentheses, with anything in it.
std::optional<Stat> read_stat() {
  constexpr int kUserTicks = 14, kSystemTicks = 15, kStartTicks = 22, kResidentPages = 24;
  std::ifstream file("/proc/self/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  Stat stat;
  std::string field;
  for (int number = 3; number <= kResidentPages && fields >> field; ++number) {
    if (number == kUserTicks || number == kSystemTicks) stat.cpu_seconds += std::stod(field) / ticks_per_second;
    if (number == kStartTicks) stat.started_seconds = std::stod(field) / ticks_per_second;
    if (number == kResidentPages) stat.resident_bytes = std::stod(field) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  }
  if (!fields) return std::nullopt;
  return stat;
}

/// The row "btime" of /proc/stat; 0 where there is none.
double system_started_seconds() {
  std::ifstream file("/proc/stat");
  std::string name;
  for (double value = 0; file >> name; file.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    if (name == "btime" && file >> value) return value;
  }
  return 0;
}

double open_files() {
  std::error_code failed;
  const std::filesystem::directory_iterator files("/proc/self/fd", failed);
  return failed ? 0 : static_cast<double>(std::distance(begin(files), end(files))) - 1;  // less the one that looks
}

double open_files_max() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

}  // namespace

void observe_process() {
  struct Metrics {
    Counter cpu = counter("process_cpu_seconds_total", "Processor time that the process has used");
    Gauge resident = gauge("process_resident_memory_bytes", "Memory that the process holds");
    Gauge started = gauge("process_start_time_seconds", "Start time of the process, in seconds since 1970");
    Gauge files = gauge("process_open_fds", "Open file descriptors; a connection takes one or two");
    Gauge files_max = gauge("process_max_fds", "File descriptors that the process may have open at once");
  };
  on_scrape([metrics = Metrics{}, system_started = system_started_seconds()]() mutable {
    metrics.files.set(open_files());
    metrics.files_max.set(open_files_max());
    const auto stat = read_stat();
    if (!stat) return;
    metrics.cpu.raise_to(stat->cpu_seconds);
    metrics.resident.set(stat->resident_bytes);
    metrics.started.set(system_started + stat->started_seconds);
  });
}

}  // namespace parley::metrics
