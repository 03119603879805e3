#pragma once
// The program's flags, one place for all roles. Every flag is also an environment variable PARLEY_<NAME>; `--help` lists both.
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
  int partitions = 16;
  int replication = 1;
  std::string postgres = "dbname=parley";
  std::string keys_file;
  std::string state_dir;
  std::string instance;
  std::string health_host = "127.0.0.1";
  int health_port = 0;
  std::string http_host = "127.0.0.1";
  int http_port = 8010;
  std::string log_level = "info";

  kafka::Config kafka() const;
};

void add_kafka(CLI::App& command, Options& options);
void add_postgres(CLI::App& command, Options& options);
void add_keys(CLI::App& command, Options& options);
/// Of a role that runs: its name, its health port, its log.
void add_process(CLI::App& command, Options& options);
void add_api(CLI::App& command, Options& options);
void add_decider(CLI::App& command, Options& options);
void add_topics(CLI::App& command, Options& options);

}  // namespace parley::cli
