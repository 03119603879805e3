#pragma once
// What can go wrong with Kafka, as values.
#include <expected>
#include <string>

namespace parley::kafka {

/// What a caller can act on. `text` is for logs alone and is never shown to a client.
enum class Kind {
  unavailable,    ///< no broker, leader or coordinator can be reached just now
  timeout,        ///< the call's own deadline passed; whether it took effect is unknown
  queue_full,     ///< the local queue of records is full: nothing was taken, offer it again later
  fenced,         ///< another process has taken this one's place: end
  rebalanced,     ///< the group gave the partitions to somebody else
  no_offset,      ///< there is no such position (never committed, or deleted by retention)
  unknown_topic,  ///< the topic or the partition does not exist
  too_large,      ///< the record is larger than the broker takes
  denied,         ///< authentication or authorisation failed
  invalid,        ///< a wrong configuration or argument
  fatal,          ///< anything that this client cannot recover from: end the process
};
const char* name(Kind kind);

/// `retryable`: the same call may succeed later, and repeating it is harmless.
struct Error {
  Kind kind = Kind::fatal;
  bool retryable = false;
  std::string text;
};

/// "unavailable: …", for logs and for whoever supervises a process.
std::string described(const Error& error);
/// True for errors that librdkafka recovers from: a polling loop may continue.
bool is_transient(const Error& error);

template <class T>
using Result = std::expected<T, Error>;

}  // namespace parley::kafka
