#include "ops/cli/options.h"

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
      ->group("Limits: beyond them a request is answered 503 with Retry-After");
}

void add_rate_limits(CLI::App& command, Options& options) {
  constexpr auto kGroup =
      "Rate limits: beyond them a request is answered 429 with Retry-After; they are counted by each process for "
      "itself";
  flag(command, "rate-profile", options.rate_profile,
       "public: the limits as documented; local: so high that nobody meets them on a machine of his own")
      ->check(CLI::IsMember({"public", "local"}))
      ->group(kGroup);
  std::string defaults;
  for (const auto* one : api::limits_of_surfaces())
    defaults.append(" ").append(one->name).append("=").append(limits::to_string(one->rate));
  flag(command, "rate-limit", options.rate_limits,
       "Another rate, name=requests/seconds; repeatable, ',' separates. Of the profile public:" + defaults)
      ->delimiter(',')
      ->check([](const std::string& text) {
        const auto settings = limits::settings(api::limits_of_surfaces(), limits::Profile::public_, {{text}});
        return settings ? std::string() : settings.error();
      })
      ->group(kGroup);
  flag(command, "rate-limit-keys-max", options.rate_limit_keys_max,
       "Callers that each limit remembers, of 128 bytes each")
      ->check(kPositive)
      ->group(kGroup);
  flag(command, "trusted-proxy", options.trusted_proxies,
       "Network (CIDR) of proxies whose X-Forwarded-For says who the client is; repeatable, ',' separates. Of nobody "
       "else is it believed")
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
  flag(command, "kafka-brokers", options.kafka_brokers, "Kafka's brokers, host:port separated by commas");
  flag(command, "kafka-property", options.kafka_properties,
       "A property of librdkafka, name=value (TLS, SASL, ...); repeatable, ';' separates in the variable")
      ->delimiter(';')
      ->check([](const std::string& text) {
        return text.find('=') == std::string::npos ? "must be name=value" : std::string();
      });
  flag(command, "topic-prefix", options.topic_prefix, "What the topics' names start with");
  flag(command, "partitions", options.partitions, "Partitions of the log: fixed for its life")
      ->check(CLI::Range(1, 1024));
}
void add_postgres(CLI::App& command, Options& options) {
  flag(command, "postgres", options.postgres, "PostgreSQL's connection string, as libpq takes it");
}
void add_keys(CLI::App& command, Options& options) {
  flag(command, "keys-file", options.keys_file, "The deployment's keys (`parley keys` makes the file)")->required();
}
void add_process(CLI::App& command, Options& options) {
  flag(command, "instance", options.instance, "This process's name, unique in its role and the same after every start")
      ->required();
  flag(command, "health-host", options.health_host, "Address of /metrics, /livez and /readyz");
  flag(command, "health-port", options.health_port, "Port of /metrics, /livez and /readyz")->required()->check(kPort);
  flag(command, "log-level", options.log_level, "The least level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}
void add_api(CLI::App& command, Options& options) {
  flag(command, "surfaces", options.surfaces,
       "The products whose API is served, each with the prefix of its paths where it has one (name=/prefix); "
       "repeatable, ',' separates")
      ->delimiter(',')
      ->check([](const std::string& text) {
        const auto mount = api::read_mount(text);
        return mount ? std::string() : mount.error();
      });
  flag(command, "http-host", options.http_host, "Address to serve HTTP on");
  flag(command, "http-port", options.http_port, "Port to serve HTTP on")->check(kPort);
  add_rate_limits(command, options);
  limit(command, "http-connections-max", options.http_connections_max,
        "Open connections, of two file descriptors each");
  limit(command, "http-input-bytes-max", options.http_input_bytes_max,
        "Bytes of all requests together, from their first byte to their answer");
  limit(command, "http-unsent-bytes-max", options.http_unsent_bytes_max,
        "Bytes of answers and streams that clients have not taken");
  limit(command, "assistants-max", options.assistants_max,
        "Assistants of one account: who has more keeps them and gets no new one");
  limit(command, "commands-waiting-max", options.commands_waiting_max, "Commands whose outcome is awaited");
  limit(command, "query-threads", options.query_threads, "Queries at once, and connections to PostgreSQL");
  limit(command, "queries-waiting-max", options.queries_waiting_max, "Queries that wait for a thread");
  limit(command, "hashing-threads", options.hashing_threads, "Passwords checked at once: a core and 24 MiB each");
  limit(command, "hashings-waiting-max", options.hashings_waiting_max, "Passwords that wait for a thread");
  limit(command, "streams-max", options.streams_max, "Open event streams");
  limit(command, "stream-hub-bytes-max", options.stream_hub_bytes_max,
        "Bytes of the log's newest part that are kept for streams");
  flag(command, "files-folder", options.files_folder, "Folder of the files that answers are made of; empty: none");
  flag(command, "files-at-edge", options.files_at_edge,
       "The edge's internal location of that folder, which then sends the files (X-Accel-Redirect); empty: the API "
       "does");
  flag(command, "uploads-folder", options.uploads_folder,
       "Folder of files while they are received; what a crash left in it goes at the start. Empty: none are received");
  limit(command, "uploads-bytes-max", options.uploads_bytes_max, "Bytes of the files that are received at once");
  limit(command, "uploads-max", options.uploads_max, "Files that are received at once");
}
void add_decider(CLI::App& command, Options& options) {
  add_seal_key(command, options);
  flag(command, "seal-events-max", options.seal_events_max,
       "The log is sealed when so many events of a partition are not")
      ->check(kPositive);
  flag(command, "seal-within-s", options.seal_within_s,
       "The log is sealed when an event has not been for so many seconds")
      ->check(kPositive);
  flag(command, "state-dir", options.state_dir,
       "Folder of the state that is folded from the log; can be deleted, is built again")
      ->required();
  command
      .add_flag("--forget-outcomes", options.forget_outcomes,
                "Decide although the memory of outcomes is lost: a command that is repeated may be done twice")
      ->envname("PARLEY_FORGET_OUTCOMES");
}
void add_seal_key(CLI::App& command, Options& options) {
  flag(command, "seal-key-file", options.seal_key_file,
       "The deciders' signing key (`parley keys` makes the file, and its public half beside it, .pub)");
}
void add_token_keys(CLI::App& command, Options& options) {
  // Deeds, not settings: they are no variables.
  auto* add = command.add_flag("--add-token-key", options.add_token_key,
                               "Adds a key of access tokens, which verifies and does not sign yet");
  auto* sign = command.add_option("--sign-with", options.sign_with,
                                  "The key of access tokens, by its id, that signs from now on");
  auto* drop = command.add_option("--drop-token-key", options.drop_token_key,
                                  "Removes a key of access tokens: what it has signed is refused");
  add->excludes(sign)->excludes(drop);
  sign->excludes(drop);
}
void add_topics(CLI::App& command, Options& options) {
  flag(command, "replication", options.replication,
       "Copies of each partition of a topic that is created: 3 in production")
      ->check(CLI::Range(1, 9));
}

}  // namespace parley::cli
