#include "api/server/server.h"

#include <fmt/format.h>

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>

#include "api/auth/tokens.h"
#include "api/commands/creations.h"
#include "api/commands/dispatcher.h"
#include "api/commands/key_uses.h"
#include "api/directory/directory.h"
#include "api/endpoint/deps.h"
#include "api/endpoint/observed.h"
#include "api/endpoint/registry.h"
#include "api/http/executor.h"
#include "api/http/server.h"
#include "api/http/timers.h"
#include "api/limits/limiter.h"
#include "api/log/log_reader.h"
#include "api/progress/progress.h"
#include "api/signals/signals.h"
#include "api/streams/log_history.h"
#include "api/streams/streams.h"
#include "platform/crypto/keyring.h"
#include "platform/kafka/topic_watch.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "platform/postgres/pool.h"
#include "platform/process/process.h"

namespace parley::api {
namespace {

/// How often it looks whether it can go on.
constexpr std::chrono::seconds kLookPeriod{1};
/// How often it looks whether it can serve, at its start.
constexpr std::chrono::milliseconds kStartLookPeriod{10};

/// Of the id of the topic of events: enough to tell one log from any other that its clients may have met.
constexpr std::size_t kLogIdentityCharacters = 8;

/// One connection in so many at least is not a stream.
constexpr std::size_t kShareOfRequests = 4;
/// How often memory that a flood has left behind is given back to the system.
constexpr std::chrono::seconds kTrimPeriod{30};

Timestamp now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

}  // namespace

/// In the order of dependence: what is below uses what is above, and goes first.
struct Api::Parts {
  Parts(const ServerOptions& o, crypto::Keyring keyring)
      : keys(std::move(keyring)),
        pool({.session = session(o), .connections_max = o.query_threads, .name = "queries"}),
        notify_pool({.session = session(o), .connections_max = 1, .name = "checkpoints"}),
        creations(directory, o.assistants_max),
        queries({.name = "queries", .threads = o.query_threads, .queue_max = o.queries_waiting_max}),
        hashing({.name = "argon2id", .threads = o.hashing_threads, .queue_max = o.hashings_waiting_max}),
        limiter(o.limits, std::make_unique<limits::MemoryStore>(o.limits, o.limit_keys_max), limits::steady_now),
        proxies(o.trusted_proxies),
        files(o.files),
        uploads(o.uploads),
        partitions(o.partitions),
        topic_prefix(o.topic_prefix),
        watch({.kafka = o.kafka,
               .topics = {topic("commands"), topic("events"), topic("replies"), topic("directory")},
               .partitions = o.partitions}),
        progress({.session = session(o), .partitions = o.partitions}, notify_pool),
        directory({.kafka = o.kafka, .topic_prefix = o.topic_prefix, .partitions = o.partitions}, watch),
        dispatcher({.kafka = o.kafka,
                    .topic_prefix = o.topic_prefix,
                    .partitions = o.partitions,
                    .waiting_max = o.commands_waiting_max},
                   progress, watch),
        key_uses([this](const schema::CommandEnvelope& envelope, const Command& command, Dispatcher::Done done) {
          dispatcher.send(envelope, command, std::move(done));
        }),
        streams({.kafka = o.kafka,
                 .topic_prefix = o.topic_prefix,
                 .partitions = o.partitions,
                 .hub = hub(o, directory),
                 .also = [this](const kafka::Message& event) { dispatcher.event(event); }},
                std::make_unique<LogHistory>(pool, progress, log_of_streams(o)), timers),
        signals({.kafka = o.kafka, .topic = topic("signals")},
                [this](const schema::Typing& typing) { streams.pass_on(typing); }),
        log({.kafka = o.kafka, .topic = topic("events")}),
        registries(declared(o)),
        server(
            {.host = o.host, .port = static_cast<std::uint16_t>(o.port), .io_threads = o.io_threads, .limits = o.http},
            routes(), endpoint::hooks(registries)) {}

  static std::vector<endpoint::Registry> declared(const ServerOptions& o) {
    std::vector<endpoint::Registry> registries;
    registries.reserve(o.surfaces.size());
    for (const auto& [surface, prefix] : o.surfaces) {
      if (const auto what = surface->errors.lacks())
        throw std::invalid_argument("the surface " + std::string(surface->name) + " has " + *what);
      registries.emplace_back(*surface, prefix);
    }
    return registries;
  }
  http::Routes routes() {
    http::Routes routes;
    for (const auto& registry : registries) {
      const auto& of_realm = tokens.emplace_back(keys, registry.surface().realm);
      registry.mount(routes, deps.emplace_back(deps_of(of_realm)));
    }
    return routes;
  }
  endpoint::Deps deps_of(const Tokens& of_realm) {
    return {keys,    of_realm, directory, dispatcher, key_uses,   progress, streams, signals,   log,   pool,   queries,
            hashing, timers,   limiter,   proxies,    partitions, identity, now,     creations, files, uploads};
  }

  static Hub::Options hub(const ServerOptions& o, const Directory& directory) {
    // Streams leave connections for requests, where descriptors are few.
    const std::size_t connections = std::min(o.http.connections_max, http::connections_that_fit());
    Hub::Options options{.streams_max = std::min(o.streams_max, connections - connections / kShareOfRequests)};
    options.owner_of = [&directory](AssistantId assistant) -> std::optional<AccountId> {
      const auto site = directory.site_of(assistant);
      return site ? std::optional(site->owner) : std::nullopt;
    };
    options.window.bytes_max =
        std::max(o.stream_hub_bytes_max / static_cast<std::size_t>(o.partitions), options.window.tail_bytes_max);
    return options;
  }
  /// A reader for each thread that reads history: none waits for another.
  static LogReader::Options log_of_streams(const ServerOptions& o) {
    return {.kafka = o.kafka,
            .topic = o.topic_prefix + ".events",
            .readers_max = static_cast<std::size_t>(HistoryReader::Options{}.threads),
            .patience = LogHistory::kLogWaitMax};
  }
  static postgres::SessionOptions session(const ServerOptions& o) {
    return {.connection = o.postgres, .application_name = "parley api", .schema = o.schema};
  }

  const crypto::Keyring keys;
  postgres::Pool pool;
  postgres::Pool notify_pool;  // its own connection: checkpoints are read even while queries hold all of the pool
  // What late replies and positions still call, so that it is there until their threads have ended. (run() stops the
  // executors before.)
  Creations creations;
  http::Timers timers;
  http::Executor queries;
  http::Executor hashing;
  limits::Limiter limiter;
  const limits::Proxies proxies;
  const files::FileFolder files;
  files::TemporaryFolder uploads;
  const std::function<std::string()> identity = [this] { return log_identity(); };
  const int partitions;
  const std::string topic_prefix;
  kafka::TopicWatch watch;
  Progress progress;
  Directory directory;
  Dispatcher dispatcher;
  KeyUses key_uses;
  Streams streams;
  Signals signals;
  LogReader log;
  const std::vector<endpoint::Registry> registries;
  std::deque<Tokens> tokens;        // of each surface
  std::deque<endpoint::Deps> deps;  // of each surface
  http::Server server;
  std::atomic<bool> serving = false;
  std::atomic<bool> draining = false;

  std::string topic(std::string_view name) const { return fmt::format("{}.{}", topic_prefix, name); }

  /// Kafka's id of the topic of events names a log: one that is restored, or made anew, has another.
  std::string log_identity() const {
    auto id = watch.id(topic("events")).value_or("").substr(0, kLogIdentityCharacters);
    std::ranges::replace(id, '+', '-');
    std::ranges::replace(id, '/', '_');
    return id;
  }

  /// What no part can see alone. Tells the watch, which keeps the first reason.
  void look_for_another_log() {
    if (auto why = streams.another_log()) watch.found_another_log(std::move(*why));
    const auto made_from = progress.topic_id(), stands = watch.id(topic("events"));
    if (made_from && stands && *made_from != *stands) {
      watch.found_another_log(fmt::format("the read model was made from another topic {} ({}, not {})", topic("events"),
                                          *made_from, *stands));
    }
  }

  /// Whoever registers is written into the directory in the same transaction.
  bool is_directory_missing() const {
    const auto ends = watch.ends();
    if (!ends) return false;
    const auto is_empty = [&](std::string_view name) {
      return std::ranges::all_of(
          ends->offsets, [&, of = topic(name)](const auto& end) { return end.first.topic != of || end.second == 0; });
    };
    return is_empty("directory") && !is_empty("events");
  }

  health::Verdict verdict() const {
    if (const auto another = watch.another_log()) return {health::Readiness::not_ready, {"another log: " + *another}};
    auto verdict = dispatcher.verdict();
    if (!watch.id(topic("events")))
      verdict =
          health::worse(std::move(verdict), {health::Readiness::not_ready, {"which log this is is not known yet"}});
    if (!serving && is_directory_missing()) {
      verdict = health::worse(
          std::move(verdict),
          {health::Readiness::not_ready,
           {topic("directory") + " is empty beside events, nobody could be let in (`parley topics` makes it again)"}});
    }
    for (const auto& part : {directory.verdict(), streams.verdict(), progress.verdict()})
      verdict = health::worse(std::move(verdict), part);
    return verdict;
  }
};

Api::Api(ServerOptions options) : options_(std::move(options)) {}
Api::~Api() = default;

void Api::observe(const std::shared_ptr<Parts>& parts) {
  struct Metrics {
    metrics::Gauge connections = metrics::gauge("parley_http_connections", "Open connections");
    metrics::Gauge in_flight =
        metrics::gauge("parley_http_requests_in_flight", "Requests whose response is not complete yet");
    metrics::Gauge streams = metrics::gauge("parley_http_streams", "Open event streams");
    metrics::Counter cut =
        metrics::counter("parley_http_slow_readers_cut_total", "Streams closed because their client read too slowly");
    metrics::Counter rejected =
        metrics::counter("parley_http_rejected_inputs_total",
                         "Requests refused while they were read: malformed, too large or not supported");
    metrics::Counter refused =
        metrics::counter("parley_http_refused_connections_total", "Connections over the limit, answered 503");
    metrics::Counter overloaded = metrics::counter(
        "parley_http_overloaded_total", "Requests answered 503: no memory was left for the request or its response");
    metrics::Counter late =
        metrics::counter("parley_http_timeouts_total",
                         "Requests that did not arrive in time, and responses that the client did not read in time");
    metrics::Counter failures =
        metrics::counter("parley_http_failures_total", "Requests answered 500: their handler failed");
    metrics::Gauge unsent =
        metrics::gauge("parley_http_unsent_bytes", "Bytes of responses and streams that clients have not read yet");
    metrics::Gauge queries = metrics::gauge("parley_http_queries_waiting", "Queries that wait for a thread");
    metrics::Gauge hashings = metrics::gauge("parley_http_hashings_waiting", "Passwords that wait for a thread");
  };
  metrics::on_scrape([shown = Metrics{}, weak = std::weak_ptr(parts)]() mutable {
    const auto parts = weak.lock();
    if (parts == nullptr) return;
    const auto& counters = parts->server.counters();
    shown.connections.set(static_cast<double>(counters.open_connections));
    shown.in_flight.set(static_cast<double>(counters.in_flight));
    shown.streams.set(static_cast<double>(counters.streams));
    shown.cut.raise_to(static_cast<double>(counters.cut_slow_readers));
    shown.rejected.raise_to(static_cast<double>(counters.rejected_inputs));
    shown.refused.raise_to(static_cast<double>(counters.refused_connections));
    shown.overloaded.raise_to(static_cast<double>(counters.overloaded));
    shown.late.raise_to(static_cast<double>(counters.timed_out));
    shown.failures.raise_to(static_cast<double>(counters.failures));
    shown.unsent.set(static_cast<double>(counters.unsent_bytes));
    shown.queries.set(static_cast<double>(parts->queries.queue_depth()));
    shown.hashings.set(static_cast<double>(parts->hashing.queue_depth()));
  });
}

std::expected<void, std::string> Api::run(const std::stop_token& stop) {
  auto keys = crypto::Keyring::load(options_.keys_file);
  if (!keys) return std::unexpected(keys.error());
  try {
    const auto parts = std::make_shared<Parts>(options_, std::move(*keys));
    parts->progress.on_advance([streams = &parts->streams] { streams->read_model_advanced(); });
    parts->directory.on_site_closed([streams = &parts->streams](AssistantId assistant, Code refusal) {
      streams->end_those_of(Visitor{assistant}, refusal);
    });
    observe(parts);
    {
      const std::lock_guard lock(mutex_);
      parts_ = parts;
    }
    std::optional<std::chrono::steady_clock::time_point> is_another_since;
    // Whether to go on; every part of this process looks on its own, this one collects what they see.
    const auto look = [&] {
      parts->look_for_another_log();
      const auto another = parts->watch.another_log();
      if (!another) return parts->dispatcher.can_send();
      if (!is_another_since) {
        log::error("another log: no commands are sent and no events streamed any more", {{"reason", *another}});
        is_another_since = std::chrono::steady_clock::now();
        parts->streams.close_all();
      }
      return std::chrono::steady_clock::now() - *is_another_since < options_.halt_linger;
    };
    bool goes_on = true;
    // Until it can do its work it does not listen: the edge asks another API meanwhile.
    while (goes_on && !stop.stop_requested() && parts->verdict().readiness == health::Readiness::not_ready) {
      process::pause(stop, kStartLookPeriod);
      goes_on = look();
    }
    if (goes_on && !stop.stop_requested()) {
      parts->server.start();
      parts->serving = true;
      log::info("serving", {{"host", options_.host}, {"port", options_.port}});
    }
    auto trim_at = std::chrono::steady_clock::now() + kTrimPeriod;
    while (goes_on && !stop.stop_requested()) {
      process::pause(stop, kLookPeriod);
      goes_on = look();
      if (const auto at = std::chrono::steady_clock::now(); at >= trim_at) {
        ::malloc_trim(0);
        trim_at = at + kTrimPeriod;
      }
    }

    // The edge stops sending once connections are refused; what is under way gets its answer, and streams end so that
    // clients resume elsewhere.
    parts->draining = true;
    parts->streams.close_all();
    if (!parts->server.drain(options_.drain_max)) log::warn("requests were still under way at the end of the drain");
    parts->server.stop();
    parts->queries.stop();
    parts->hashing.stop();
    parts->progress.on_advance({});
    parts->directory.on_site_closed({});
    {
      const std::lock_guard release(mutex_);
      parts_.reset();
    }
    if (const auto another = parts->watch.another_log()) return std::unexpected("another log: " + *another);
    if (!goes_on) return std::unexpected("the producer of commands is beyond recovery");
  } catch (const std::exception& e) {
    return std::unexpected(e.what());
  }
  return {};
}

health::Verdict Api::verdict() const {
  std::shared_ptr<Parts> parts;
  {
    const std::lock_guard lock(mutex_);
    parts = parts_;
  }
  if (parts == nullptr) return {health::Readiness::not_ready, {"not serving"}};
  if (parts->draining) return {health::Readiness::not_ready, {"draining"}};
  auto verdict = parts->verdict();
  if (!parts->serving && verdict.readiness != health::Readiness::not_ready)
    verdict = {health::Readiness::not_ready, {"not serving yet"}};
  return verdict;
}

}  // namespace parley::api
