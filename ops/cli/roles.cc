#include "ops/cli/roles.h"

#include <chrono>
#include <exception>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "api/server/server.h"
#include "platform/crypto/signing.h"
#include "platform/health/health.h"
#include "platform/log/log.h"
#include "platform/process/process.h"
#include "platform/version/version.h"
#include "workers/decider/decider.h"
#include "workers/processes/processes.h"
#include "workers/projector/projector.h"

namespace parley::cli {
namespace {

/// A process that has found another log stays for so long, not ready and saying why; then it is started again and looks
/// again.
constexpr std::chrono::seconds kHaltLinger{40};

/// Longer than any wait of a loop, requests to a broker that is away among them.
constexpr std::chrono::seconds kHangsAfter{60};

/// `role` has `run(stop_token) -> expected<void, string>` and `verdict()`.
template <class Role>
int serve(Role& role, const Options& options) try {
  process::raise_open_files_limit();
  const health::Server health(options.health_host, options.health_port, [&] { return role.verdict(); });
  std::stop_source stop;
  // It waits for a signal that may never come, so nothing waits for it.
  std::thread([stop]() mutable {
    process::wait_for_termination();
    log::info("shutting down: a signal asked for it");
    stop.request_stop();
  }).detach();
  log::info("started", {{"version", version::number()}, {"commit", version::commit()}});
  const auto ended = role.run(stop.get_token());
  if (!ended) {
    log::error("cannot go on", {{"reason", ended.error()}});
    return 1;
  }
  log::info("ended");
  return 0;
} catch (const std::exception& e) {
  log::error("cannot go on", {{"reason", e.what()}});
  return 1;
}

/// A worker has one loop, and nothing else goes on while that hangs.
template <class Worker>
int work(Worker& worker, const Options& options) {
  const process::Watchdog watchdog([&] { return worker.sign_of_life(); }, kHangsAfter);
  return serve(worker, options);
}

}  // namespace

int api(const Options& o) {
  const auto profile = o.rate_profile == "local" ? limits::Profile::local : limits::Profile::public_;
  auto limits =
      limits::settings(api::limits_of_surfaces(), profile, o.rate_limits).value();  // the flags have been checked
  std::vector<api::Mount> surfaces;
  for (const auto& surface : o.surfaces) surfaces.push_back(api::read_mount(surface).value());
  std::vector<limits::Network> trusted_proxies;
  for (const auto& network : o.trusted_proxies) trusted_proxies.push_back(limits::Network::parse(network).value());
  api::Api role({.kafka = o.kafka(),
                 .topic_prefix = o.topic_prefix,
                 .partitions = o.partitions,
                 .postgres = o.postgres,
                 .keys_file = o.keys_file,
                 .host = o.http_host,
                 .port = o.http_port,
                 .http = {.connections_max = o.http_connections_max,
                          .input_bytes_max = o.http_input_bytes_max,
                          .unsent_bytes_max = o.http_unsent_bytes_max},
                 .surfaces = std::move(surfaces),
                 .limits = std::move(limits),
                 .limit_keys_max = o.rate_limit_keys_max,
                 .trusted_proxies = std::move(trusted_proxies),
                 .assistants_max = o.assistants_max,
                 .commands_waiting_max = o.commands_waiting_max,
                 .query_threads = o.query_threads,
                 .queries_waiting_max = o.queries_waiting_max,
                 .hashing_threads = o.hashing_threads,
                 .hashings_waiting_max = o.hashings_waiting_max,
                 .streams_max = o.streams_max,
                 .stream_hub_bytes_max = o.stream_hub_bytes_max,
                 .files = {.folder = o.files_folder, .edge_location = o.files_at_edge},
                 .uploads = {.folder = o.uploads_folder, .bytes_max = o.uploads_bytes_max, .files_max = o.uploads_max},
                 .halt_linger = kHaltLinger});
  return serve(role, o);
}

int decider(const Options& o) {
  std::optional<crypto::SigningKey> seal_key;
  if (o.seal_key_file.empty()) {
    log::warn("no --seal-key-file: the log is not sealed, and a cut at its end cannot be detected later");
  } else if (auto loaded = crypto::SigningKey::load(o.seal_key_file)) {
    seal_key = std::move(*loaded);
  } else {
    log::error("cannot go on", {{"reason", loaded.error()}});
    return 1;
  }
  decider::Decider role({.kafka = o.kafka(),
                         .topic_prefix = o.topic_prefix,
                         .partitions = o.partitions,
                         .instance = o.instance,
                         .state_dir = o.state_dir,
                         .seal_key = std::move(seal_key),
                         .seal_events_max = o.seal_events_max,
                         .seal_within = std::chrono::seconds(o.seal_within_s),
                         .halt_linger = kHaltLinger,
                         .forget_outcomes = o.forget_outcomes});
  return work(role, o);
}

int projector(const Options& o) {
  projector::Projector role({.kafka = o.kafka(),
                             .events_topic = o.topic_prefix + ".events",
                             .partitions = o.partitions,
                             .group = o.topic_prefix + ".projector",
                             .instance = o.instance,
                             .postgres = o.postgres,
                             .halt_linger = kHaltLinger});
  return work(role, o);
}

int processes_reactor(const Options& o) {
  processes::Processes role({.kafka = o.kafka(),
                             .topic_prefix = o.topic_prefix,
                             .partitions = o.partitions,
                             .instance = o.instance,
                             .halt_linger = kHaltLinger});
  return work(role, o);
}

}  // namespace parley::cli
