#pragma once
// The API process: all its parts, put together.
#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "api/files/file_folder.h"
#include "api/files/temporary_folder.h"
#include "api/http/options.h"
#include "api/limits/address.h"
#include "api/limits/limit.h"
#include "api/limits/memory_store.h"
#include "api/server/surfaces.h"
#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "platform/postgres/options.h"

namespace parley::api {

struct ServerOptions {
  kafka::Config kafka;
  std::string topic_prefix = "parley";
  int partitions = kafka::kPartitionsDefault;
  std::string postgres;  ///< Connection string.
  std::string schema = postgres::kSchema;
  std::string keys_file;  ///< As `parley keys` makes it.
  std::string host = "127.0.0.1";
  int port = 8010;

  int io_threads = 2;
  http::Limits http{};
  std::vector<Mount> surfaces;                    ///< One at least; their paths and limits must differ.
  std::vector<limits::Setting> limits;            ///< Every limit of the surfaces.
  std::size_t limit_keys_max = limits::kKeysMax;  ///< Callers that each limit remembers.
  std::vector<limits::Network> trusted_proxies;   ///< Whose X-Forwarded-For is believed.
  std::size_t assistants_max = 200;               ///< Of one owner: who has more keeps them and gets no new one.
  std::size_t commands_waiting_max = 20'000;
  std::size_t query_threads = 8;  ///< And connections to PostgreSQL.
  std::size_t queries_waiting_max = 2'000;
  std::size_t hashing_threads = 2;  ///< A core and 24 MiB each while it runs.
  std::size_t hashings_waiting_max = 64;
  std::size_t streams_max = 8'000;
  std::size_t stream_hub_bytes_max = 256 << 20;  ///< Of the log's newest part, for streams; of all partitions together.
  files::FileFolder::Options files{};            ///< That answers are made of.
  files::TemporaryFolder::Options uploads{};     ///< That requests bring.
  std::chrono::milliseconds drain_max{20'000};   ///< On the order to end: for the requests under way.
  /// How long it stays when it has found another log, refusing commands and streams and saying why, before it ends to
  /// be started again.
  std::chrono::milliseconds halt_linger{0};
};

/// Serves HTTP. Keeps working while PostgreSQL is away: commands are accepted and live streams go on.
class Api {
 public:
  explicit Api(ServerOptions options);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// Runs until `stop`, then answers what is under way and ends. An error when it cannot start (the keys' file,
  /// the port), can send no command any more, or has found another log: whoever supervises the process starts it again.
  std::expected<void, std::string> run(const std::stop_token& stop);

  /// Not ready until replies, directory and streams have caught up, when they are not seen any more, and while it
  /// drains; degraded while PostgreSQL is away. Thread-safe.
  health::Verdict verdict() const;

 private:
  struct Parts;
  static void observe(const std::shared_ptr<Parts>& parts);

  const ServerOptions options_;
  mutable std::mutex mutex_;
  std::shared_ptr<Parts> parts_;  // while it serves
};

}  // namespace parley::api
