#pragma once
// What endpoints work with. One struct for all of them: a handler is a plain function and keeps nothing.
#include <functional>
#include <string>

#include "domain/kernel.h"

namespace parley::crypto {
class Keyring;
}
namespace parley::files {
class FileFolder;
class TemporaryFolder;
}  // namespace parley::files
namespace parley::limits {
class Limiter;
class Proxies;
}  // namespace parley::limits
namespace parley::http {
class Executor;
class Timers;
}  // namespace parley::http
namespace parley::postgres {
class Pool;
}
namespace parley::api {
class Creations;
class Directory;
class Dispatcher;
class KeyUses;
class LogReader;
class Progress;
class Signals;
class Streams;
class Tokens;
}  // namespace parley::api

namespace parley::endpoint {

/// References to what the process owns; all of it outlives the HTTP server.
struct Deps {
  const crypto::Keyring& keys;
  const api::Tokens& tokens;
  const api::Directory& directory;
  api::Dispatcher& dispatcher;
  api::KeyUses& key_uses;
  api::Progress& progress;
  api::Streams& streams;
  api::Signals& signals;
  api::LogReader& log;
  postgres::Pool& pool;
  http::Executor& queries;  ///< Runs what reads PostgreSQL: as many threads as the pool has connections.
  http::Executor& hashing;  ///< Runs Argon2id: few threads and a short queue, for each run takes a core and 24 MiB.
  http::Timers& timers;
  limits::Limiter& limits;
  const limits::Proxies& proxies;  ///< Whose word on a client's address counts.
  int partitions;                  ///< Of the log.
  std::function<std::string()>
      log_identity;  ///< What positions of this log begin with: letters, digits, '-' and '_'. Thread-safe; cheap.
  std::function<Timestamp()> clock;  ///< Thread-safe.
  api::Creations& creations;
  const files::FileFolder& files;   ///< That answers are made of.
  files::TemporaryFolder& uploads;  ///< That requests bring.
};

}  // namespace parley::endpoint
