#pragma once
// Endpoints of a test, mounted in a real server on a socket of its own. Kafka and PostgreSQL are nowhere: endpoints
// that answer by themselves (Registry::reply) need neither.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "api/auth/tokens.h"
#include "api/commands/creations.h"
#include "api/commands/dispatcher.h"
#include "api/commands/key_uses.h"
#include "api/directory/directory.h"
#include "api/endpoint/observed.h"
#include "api/endpoint/registry.h"
#include "api/files/file_folder.h"
#include "api/files/temporary_folder.h"
#include "api/http/executor.h"
#include "api/http/server.h"
#include "api/http/timers.h"
#include "api/limits/address.h"
#include "api/limits/memory_store.h"
#include "api/log/log_reader.h"
#include "api/progress/progress.h"
#include "api/signals/signals.h"
#include "api/streams/streams.h"
#include "platform/crypto/keyring.h"
#include "platform/kafka/topic_watch.h"
#include "platform/postgres/pool.h"
#include "tests/unit/http_client.h"

namespace parley::endpoint::test {

inline Result<Caller> anybody(const http::Request&, const Deps&) { return Caller{Anonymous{}, {}, {}}; }
inline const AccessPolicy kAnybody{.admit = anybody, .refusals = {}, .security = {{}}};

inline std::string error_body(const Failure& failure, std::string_view, const Language& language) {
  json::Writer w;
  w.begin_object();
  for (const auto& [name, value] :
       {std::pair{"code", std::string(failure.code.name())}, std::pair{"field", failure.problem.field},
        std::pair{"issue", issue_in(language, failure.problem.issue)}}) {
    w.key(name);
    w.string(value);
  }
  w.end_object();
  return w.take();
}
/// Of what the endpoints of tests refuse.
inline std::vector<ErrorRow> error_rows() {
  std::vector<ErrorRow> rows;
  for (const auto& [code, status] : std::initializer_list<std::pair<Code, int>>{{kBadRequest, 400},
                                                                                {kNotAuthenticated, 401},
                                                                                {kInsufficientPermissions, 403},
                                                                                {kNotFound, 404},
                                                                                {kMethodNotAllowed, 405},
                                                                                {kRequestTimeout, 408},
                                                                                {kLengthRequired, 411},
                                                                                {kPayloadTooLarge, 413},
                                                                                {kUriTooLong, 414},
                                                                                {kUnsupportedMediaType, 415},
                                                                                {kExpectationFailed, 417},
                                                                                {kValidationError, 422},
                                                                                {kRateLimitExceeded, 429},
                                                                                {kHeadersTooLarge, 431},
                                                                                {kInternalError, 500},
                                                                                {kOverloaded, 503},
                                                                                {kUnavailable, 503},
                                                                                {api::kCommandTimeout, 504},
                                                                                {kHttpVersionNotSupported, 505}})
    rows.push_back({code, status, status >= 500, {"refused"}});
  return rows;
}
/// Of these endpoints alone.
inline Surface surface(void (*declare)(Registry&)) {
  return {.name = "test",
          .info = {.title = "Test", .version = "1", .description = {}, .tags = {{"all", "/", ""}}},
          .limits = {},
          .errors = {.languages = {{.tag = "en"}},
                     .rows = error_rows(),
                     .body = error_body,
                     .json_schema = [] { return std::string("{}"); }},
          .events = {},
          .declare = declare};
}

/// A part that no endpoint of the test uses: room for one, which nobody has made.
template <class T>
class Unused {
 public:
  T& part() { return *reinterpret_cast<T*>(room_); }

 private:
  alignas(T) std::byte room_[sizeof(T)];
};

class Server {
 public:
  explicit Server(void (*declare)(Registry&), files::FileFolder::Options files = {},
                  files::TemporaryFolder::Options uploads = {}, http::ServerOptions options = {})
      : files_(std::move(files)), uploads_(std::move(uploads)), surface_(surface(declare)) {
    http::Routes routes;
    registry_.mount(routes, deps_);
    server_ = std::make_unique<http::Server>(std::move(options), std::move(routes), hooks({&registry_, 1}));
    server_->start();
  }
  ~Server() { server_->stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const Registry& registry() const { return registry_; }
  const http::Counters& counters() const { return server_->counters(); }
  const files::TemporaryFolder& uploads() const { return uploads_; }
  std::uint16_t port() const { return server_->port(); }

  http::test::Answer ask(const std::string& head, std::string_view body = {}) const {
    http::test::Client client(port());
    client.send(head + "\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
    client.send(body);
    return client.read(head.starts_with("HEAD")).value_or(http::test::Answer{});
  }

 private:
  static kafka::Config nowhere() { return {.brokers = "127.0.0.1:1", .properties = {{"log_level", "0"}}}; }

  Unused<crypto::Keyring> keys_;
  Unused<api::Tokens> tokens_;
  Unused<api::Dispatcher> dispatcher_;
  Unused<api::KeyUses> key_uses_;
  Unused<api::Progress> progress_;
  Unused<api::Streams> streams_;
  Unused<api::Signals> signals_;
  Unused<api::LogReader> log_;
  Unused<postgres::Pool> pool_;
  Unused<api::Creations> creations_;
  kafka::TopicWatch watch_{{.kafka = nowhere(), .topics = {}}};
  api::Directory directory_{{.kafka = nowhere()}, watch_};
  http::Executor queries_{{}};
  http::Executor hashing_{{.threads = 1}};
  http::Timers timers_;
  limits::Limiter limiter_{
      {}, std::make_unique<limits::MemoryStore>(std::vector<limits::Setting>{}), limits::steady_now};
  const limits::Proxies proxies_{{}};
  const files::FileFolder files_;
  files::TemporaryFolder uploads_;
  const Deps deps_{.keys = keys_.part(),
                   .tokens = tokens_.part(),
                   .directory = directory_,
                   .dispatcher = dispatcher_.part(),
                   .key_uses = key_uses_.part(),
                   .progress = progress_.part(),
                   .streams = streams_.part(),
                   .signals = signals_.part(),
                   .log = log_.part(),
                   .pool = pool_.part(),
                   .queries = queries_,
                   .hashing = hashing_,
                   .timers = timers_,
                   .limits = limiter_,
                   .proxies = proxies_,
                   .partitions = 1,
                   .log_identity = [] { return std::string("log"); },
                   .clock = [] { return Timestamp{}; },
                   .creations = creations_.part(),
                   .files = files_,
                   .uploads = uploads_};
  const Surface surface_;
  const Registry registry_{surface_};
  std::unique_ptr<http::Server> server_;
};

}  // namespace parley::endpoint::test
