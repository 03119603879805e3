#pragma once
// How to reach a cluster. The same for every client of a process.
#include <chrono>
#include <map>
#include <string>

namespace parley::kafka {

/// `properties` are any librdkafka properties (TLS, SASL, ...); they are applied first, so that the few properties on
/// which correctness depends (isolation, acknowledgements, offsets) cannot be overridden by them.
struct Config {
  std::string brokers = "127.0.0.1:9092";
  std::map<std::string, std::string> properties;
  std::string client_id = "parley";
};

/// Which records a consumer sees, and what the end of a partition is.
enum class Isolation { read_committed, read_uncommitted };

/// How long a metadata, offset or admin request may take unless the caller says otherwise.
inline constexpr std::chrono::milliseconds kRequestTimeout{5'000};

/// Of a log that nobody chose a number for: what one machine serves best (docs/operations.md, "How many partitions").
inline constexpr int kPartitionsDefault = 4;

}  // namespace parley::kafka
