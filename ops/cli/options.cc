#include "ops/cli/options.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>

#include "api/limits/address.h"
#include "api/limits/limit.h"
#include "api/server/surfaces.h"
#include "domain/kernel.h"
#include "platform/log/log.h"

namespace parley::cli {
namespace {

/// "--topic-prefix" is PARLEY_TOPIC_PREFIX too.
template <class T>
CLI::Option* flag(CLI::App& command, const std::string& name, T& value, const std::string& description) {
  std::string variable = "PARLEY_" + name;
  std::ranges::transform(variable, variable.begin(), [](char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return command.add_option("--" + name, value, description)->envname(variable)->capture_default_str();
}

const CLI::Range kPort(1, 65535);
/// CLI11's own writes all 309 digits of its upper bound, and takes what a number of 64 bits cannot hold for the largest
/// that it can.
const CLI::Validator kPositive(
    [](const std::string& text) {
      double number = 0;
      return CLI::detail::lexical_cast(text, number) && number > 0 && number <= static_cast<double>(kIdMax)
                 ? std::string()
                 : text + " must be a whole number from 1 on";
    },
    "POSITIVE");

void limit(CLI::App& command, const std::string& name, std::size_t& value, const std::string& description) {
  flag(command, name, value, description)
      ->check(kPositive)
      ->group("Limits: beyond them the API answers 503 with Retry-After");
}

void add_rate_limits(CLI::App& command, Options& options) {
  constexpr auto kGroup =
      "Rate limits: beyond them the API answers 429 with Retry-After; each process counts for itself";
  flag(command, "rate-profile", options.rate_profile,
       "public: the documented rate limits; local: limits so high that one developer's machine never reaches them")
      ->check(CLI::IsMember({"public", "local"}))
      ->group(kGroup);
  std::string defaults;
  for (const auto* one : api::limits_of_surfaces())
    defaults += fmt::format(" {}={}", one->name, limits::to_string(one->rate));
  flag(command, "rate-limit", options.rate_limits,
       "A rate that differs from the profile, name=requests/seconds; repeatable, ',' separates. The profile public "
       "has:" +
           defaults)
      ->delimiter(',')
      ->check([](const std::string& text) {
        const auto settings = limits::settings(api::limits_of_surfaces(), limits::Profile::public_, {{text}});
        return settings ? std::string() : settings.error();
      })
      ->group(kGroup);
  flag(command, "rate-limit-keys-max", options.rate_limit_keys_max,
       "Callers that each limit remembers; each takes 128 bytes")
      ->check(kPositive)
      ->group(kGroup);
  flag(command, "trusted-proxy", options.trusted_proxies,
       "A network (CIDR) of proxies whose X-Forwarded-For header names the client; repeatable, ',' separates. The API "
       "ignores the header of all other peers")
      ->delimiter(',')
      ->check([](const std::string& text) {
        const auto network = limits::Network::parse(text);
        return network ? std::string() : network.error();
      })
      ->group(kGroup);
}

}  // namespace

kafka::Config Options::kafka() const {
  kafka::Config config{.brokers = kafka_brokers, .properties = {}, .client_id = instance.empty() ? "parley" : instance};
  for (const auto& property : kafka_properties) {
    const auto equals = property.find('=');
    config.properties[property.substr(0, equals)] = property.substr(equals + 1);
  }
  return config;
}

void add_kafka(CLI::App& command, Options& options) {
  flag(command, "kafka-brokers", options.kafka_brokers, "Kafka's brokers, host:port, separated by commas");
  flag(command, "kafka-property", options.kafka_properties,
       "A property of librdkafka, name=value (TLS, SASL, ...); repeatable; ';' separates several in the variable")
      ->delimiter(';')
      ->check([](const std::string& text) {
        return text.find('=') == std::string::npos ? "must be name=value" : std::string();
      });
  flag(command, "topic-prefix", options.topic_prefix, "The prefix of the topics' names");
}
void add_partitions(CLI::App& command, Options& options) {
  flag(command, "partitions", options.partitions, "The number of partitions of the log; it never changes")
      ->check(CLI::Range(1, 1024));
}
void add_postgres(CLI::App& command, Options& options) {
  flag(command, "postgres", options.postgres, "PostgreSQL's connection string, in libpq's form");
}
void add_keys(CLI::App& command, Options& options) {
  flag(command, "keys-file", options.keys_file, "The file with the deployment's secret keys (`parley keys` creates it)")
      ->required();
}
void add_process(CLI::App& command, Options& options) {
  flag(command, "instance", options.instance,
       "This process's name: unique in its role, and the same after every restart")
      ->required();
  flag(command, "health-host", options.health_host, "The address of /metrics, /livez and /readyz");
  flag(command, "health-port", options.health_port, "The port of /metrics, /livez and /readyz")
      ->required()
      ->check(kPort);
  flag(command, "log-level", options.log_level, "The lowest level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}
void add_api(CLI::App& command, Options& options) {
  flag(command, "surfaces", options.surfaces,
       "The products whose API this process serves, each with the prefix of its paths when it has one (name=/prefix); "
       "repeatable, ',' separates")
      ->delimiter(',')
      ->check([](const std::string& text) {
        const auto mount = api::read_mount(text);
        return mount ? std::string() : mount.error();
      });
  flag(command, "http-host", options.http_host, "The address that serves HTTP");
  flag(command, "http-port", options.http_port, "The port that serves HTTP")->check(kPort);
  add_rate_limits(command, options);
  limit(command, "http-connections-max", options.http_connections_max,
        "Open connections; each takes two file descriptors");
  limit(command, "http-input-bytes-max", options.http_input_bytes_max,
        "Bytes of all requests together, from the first byte of a request to its response");
  limit(command, "http-unsent-bytes-max", options.http_unsent_bytes_max,
        "Bytes of responses and streams that clients have not read yet");
  limit(command, "assistants-max", options.assistants_max,
        "Assistants of one account: an account that has more keeps them and cannot create another");
  limit(command, "commands-waiting-max", options.commands_waiting_max, "Commands that wait for their outcome");
  limit(command, "query-threads", options.query_threads,
        "Queries that run at the same time, each with a connection to PostgreSQL");
  limit(command, "queries-waiting-max", options.queries_waiting_max, "Queries that wait for a thread");
  limit(command, "hashing-threads", options.hashing_threads,
        "Passwords that are checked at the same time; each check takes a core and 24 MiB");
  limit(command, "hashings-waiting-max", options.hashings_waiting_max, "Passwords that wait for a thread");
  limit(command, "streams-max", options.streams_max, "Open event streams");
  limit(command, "stream-hub-bytes-max", options.stream_hub_bytes_max,
        "Bytes of the newest events that are kept in memory for streams");
  flag(command, "files-folder", options.files_folder,
       "The folder of the files that the API sends; empty: it sends none");
  flag(command, "files-at-edge", options.files_at_edge,
       "The location of --files-folder in the edge's nginx, internal: the edge then sends the files "
       "(X-Accel-Redirect); empty: the API sends them");
  flag(command, "uploads-folder", options.uploads_folder,
       "The folder of uploads in progress; at its start the API deletes what a crash left there. Empty: the API "
       "accepts no uploads");
  limit(command, "uploads-bytes-max", options.uploads_bytes_max, "Bytes of all uploads in progress");
  limit(command, "uploads-max", options.uploads_max, "Uploads in progress");
}
void add_decider(CLI::App& command, Options& options) {
  add_seal_key(command, options);
  flag(command, "seal-events-max", options.seal_events_max,
       "The decider seals a partition when this many of its events are not sealed yet")
      ->check(kPositive);
  flag(command, "seal-within-s", options.seal_within_s,
       "The decider seals a partition when one of its events has not been sealed for this many seconds")
      ->check(kPositive);
  flag(command, "state-dir", options.state_dir,
       "The folder of the state that the decider folds from the log; the decider rebuilds it when it is deleted")
      ->required();
  command
      .add_flag("--forget-outcomes", options.forget_outcomes,
                "Decides although the memory of outcomes is lost: a repeated command may take effect twice")
      ->envname("PARLEY_FORGET_OUTCOMES");
}
void add_seal_key(CLI::App& command, Options& options) {
  flag(command, "seal-key-file", options.seal_key_file,
       "The file with the deciders' signing key (`parley keys` creates it, and its public half beside it, .pub)");
}
void add_token_keys(CLI::App& command, Options& options) {
  // Deeds, not settings: they are no variables.
  auto* add = command.add_flag("--add-token-key", options.add_token_key,
                               "Adds a key of access tokens that verifies tokens and does not sign yet");
  auto* sign =
      command.add_option("--sign-with", options.sign_with, "The id of the key that signs access tokens from now on");
  auto* drop = command.add_option("--drop-token-key", options.drop_token_key,
                                  "The id of a key to remove: the API then refuses the access tokens that it signed");
  add->excludes(sign)->excludes(drop);
  sign->excludes(drop);
}
void add_topics(CLI::App& command, Options& options) {
  flag(command, "replication", options.replication,
       "The number of replicas of each partition of a new topic; use 3 in production")
      ->check(CLI::Range(1, 9));
}

}  // namespace parley::cli
