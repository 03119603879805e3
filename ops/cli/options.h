#pragma once
// The program's flags, one place for all roles. Every flag is also an environment variable PARLEY_<NAME>; `--help`
// lists both.
#include <cstddef>
#include <string>
#include <vector>

#include "platform/kafka/config.h"

namespace CLI {
class App;
}

namespace parley::cli {

struct Options {
  std::string kafka_brokers = "127.0.0.1:9092";
  std::vector<std::string> kafka_properties;
  std::string topic_prefix = "parley";
  int partitions = kafka::kPartitionsDefault;
  int replication = 1;
  std::string postgres = "dbname=parley";
  std::string keys_file;
  bool add_token_key = false;
  std::string sign_with;
  std::string drop_token_key;
  std::string state_dir;
  bool forget_outcomes = false;
  std::string seal_key_file;
  std::int64_t seal_events_max = 1'000;
  int seal_within_s = 300;
  std::string instance;
  std::string health_host = "127.0.0.1";
  int health_port = 0;
  std::vector<std::string> surfaces{"replyx"};
  std::string http_host = "127.0.0.1";
  int http_port = 8010;
  std::string rate_profile = "public";
  std::vector<std::string> rate_limits;
  std::size_t rate_limit_keys_max = 32'768;
  std::vector<std::string> trusted_proxies;
  std::size_t http_connections_max = 16'384;
  std::size_t http_input_bytes_max = 64 << 20;
  std::size_t http_unsent_bytes_max = 128 << 20;
  std::size_t commands_waiting_max = 20'000;
  std::size_t query_threads = 8;
  std::size_t queries_waiting_max = 2'000;
  std::size_t hashing_threads = 2;
  std::size_t hashings_waiting_max = 64;
  std::size_t streams_max = 8'000;
  std::size_t stream_hub_bytes_max = 256 << 20;
  std::string files_folder;
  std::string files_at_edge;
  std::string uploads_folder;
  std::size_t uploads_bytes_max = 1 << 30;
  std::size_t uploads_max = 64;
  std::string log_level = "info";
  std::size_t assistants_max = 200;

  kafka::Config kafka() const;
};

void add_kafka(CLI::App& command, Options& options);
/// Of a role that runs, and of what makes a log: tasks ask Kafka (ops/cli/log_place.h).
void add_partitions(CLI::App& command, Options& options);
void add_postgres(CLI::App& command, Options& options);
void add_keys(CLI::App& command, Options& options);
/// Of a role that runs: its name, its health port, its log.
void add_process(CLI::App& command, Options& options);
void add_api(CLI::App& command, Options& options);
void add_decider(CLI::App& command, Options& options);
void add_seal_key(CLI::App& command, Options& options);
/// What `parley keys` changes.
void add_token_keys(CLI::App& command, Options& options);
void add_topics(CLI::App& command, Options& options);

}  // namespace parley::cli
