#pragma once
// What running a role means: its health port, its end on SIGTERM, its exit code.
#include <functional>
#include <stop_token>
#include <thread>

#include "ops/cli/options.h"
#include "platform/health/health.h"
#include "platform/log/log.h"
#include "platform/process/process.h"

namespace parley::cli {

/// `worker` has `run(stop_token) -> expected<void, string>` and `verdict()`. 0 when it ended because it was told to, 1 otherwise.
template <class Worker>
int run_worker(Worker& worker, const Options& options) {
  const health::Server health(options.health_host, options.health_port, [&] { return worker.verdict(); });
  std::stop_source stop;
  // It waits for a signal that may never come, so nothing waits for it.
  std::thread([stop]() mutable {
    process::wait_for_termination();
    stop.request_stop();
  }).detach();
  log::info("started");
  const auto ended = worker.run(stop.get_token());
  if (!ended) {
    log::error("ended", {{"reason", ended.error()}});
    return 1;
  }
  log::info("ended");
  return 0;
}

}  // namespace parley::cli
