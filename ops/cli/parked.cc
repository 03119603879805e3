#include "ops/cli/parked.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <expected>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/model.h"
#include "ops/cli/dead_letters.h"
#include "ops/cli/fail.h"
#include "ops/cli/options.h"
#include "ops/cli/read_all.h"
#include "ops/cli/refusals.h"
#include "ops/cli/send_command.h"
#include "platform/crypto/crypto.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/postgres/pool.h"
#include "platform/text/printable.h"
#include "projections/engine/parking.h"
#include "schemas/commands.h"
#include "schemas/contexts/parking.h"
#include "schemas/directory.h"
#include "schemas/events.h"
#include "schemas/replies.h"

namespace parley::cli {
namespace {

/// A stream that stands still, and for whom.
struct Row {
  std::string where;  ///< "decider", or a projection's name.
  schema::ParkedStream stream;
};
struct List {
  std::vector<Row> parked;
  std::int64_t more = 0;  ///< That are not named.
};
/// As programs get it; absent is left out.
struct Shown {
  std::string stream;
  std::string where;
  Timestamp since;
  std::int64_t version = 0;
  std::string reason;
  std::optional<std::string> command_id;
  std::optional<std::int64_t> command_offset;
  std::optional<std::string> command_type;
  std::optional<std::string> principal;
  std::optional<std::string> correlation_id;
};
struct ShownList {
  std::vector<Shown> parked;
  std::int64_t more = 0;
  std::vector<std::string> asked = {};  ///< "decider", "read_models"
};
struct Done {
  std::string stream;
  std::string action;
  std::int64_t version = 0;
  std::optional<Code> error;  ///< Of the command that was decided again.
};

}  // namespace
}  // namespace parley::cli

namespace parley::schema {

template <>
inline constexpr auto fields<cli::Shown> = std::tuple{
    field("stream", &cli::Shown::stream),
    field("where", &cli::Shown::where),
    field("since", &cli::Shown::since),
    field("version", &cli::Shown::version),
    field("reason", &cli::Shown::reason),
    field("command_id", &cli::Shown::command_id),
    field("command_offset", &cli::Shown::command_offset),
    field("command_type", &cli::Shown::command_type),
    field("principal", &cli::Shown::principal),
    field("correlation_id", &cli::Shown::correlation_id),
};
template <>
inline constexpr auto fields<cli::ShownList> =
    std::tuple{field("parked", &cli::ShownList::parked), field("more", &cli::ShownList::more),
               field("asked", &cli::ShownList::asked)};
template <>
inline constexpr auto fields<cli::Done> =
    std::tuple{field("stream", &cli::Done::stream), field("action", &cli::Done::action),
               field("version", &cli::Done::version), field("error", &cli::Done::error)};

}  // namespace parley::schema

namespace parley::cli {
namespace {

constexpr std::chrono::seconds kPostgresWithin{5};
constexpr std::size_t kProjectionStreamsMax = 10'000;
constexpr std::string_view kDecider = "decider";
constexpr std::string_view kDeadPrefix = "dead_";  // headers that a dead letter has and its command had not

template <class T>
using Result = std::expected<T, std::string>;

constexpr std::string_view kTask = "parked";
constexpr int kSomeParked = 1, kNotAllAsked = 2;  // exit codes of the list

/// What deciders have announced in the directory.
Result<List> in_deciders(const ParkedOptions& options) {
  std::map<int, schema::ParkedEntry> latest;
  const auto read =
      read_all(options.log.kafka, kafka::every_partition(options.log.prefix + ".directory", options.log.partitions),
               [&](const kafka::Message& record) {
                 if (!record.key().starts_with(schema::kParkedPrefix)) return;
                 if (auto entry = schema::read_text<schema::ParkedEntry>(record.value()))
                   latest[record.partition()] = std::move(*entry);
               });
  if (!read) return std::unexpected(read.error());
  List out;
  for (auto& [partition, entry] : latest) {
    out.more += entry.total - static_cast<std::int64_t>(entry.streams.size());
    for (auto& stream : entry.streams) out.parked.push_back({std::string(kDecider), std::move(stream)});
  }
  return out;
}

/// What the projections' tables say.
Result<std::vector<Row>> in_projections(const std::string& connection) {
  postgres::Pool pool(
      {.session = {.connection = connection, .application_name = "parley parked"}, .connections_max = 1});
  auto lease = pool.lease(kPostgresWithin);
  if (!lease) return std::unexpected("PostgreSQL: " + lease.error().detail);
  auto streams = projections::parked_streams(*lease, kProjectionStreamsMax);
  if (!streams) return std::unexpected("PostgreSQL: " + streams.error().detail);
  std::vector<Row> out;
  for (auto& one : *streams) {
    out.push_back({std::string(projections::kReadModels),
                   {.stream = std::move(one.stream),
                    .since = one.since,
                    .version = one.first.version,
                    .reason = std::move(one.reason),
                    .command_id = {},
                    .command_offset = {}}});
  }
  return out;
}

/// For deciders, and for projections too when their PostgreSQL is named.
Result<List> everywhere(const ParkedOptions& options) {
  auto list = in_deciders(options);
  if (!list || !options.postgres) return list;
  auto rows = in_projections(*options.postgres);
  if (!rows) return std::unexpected(rows.error());
  std::ranges::move(*rows, std::back_inserter(list->parked));
  return list;
}

Shown shown(const Row& row) {
  return {.stream = row.stream.stream,
          .where = row.where,
          .since = row.stream.since,
          .version = row.stream.version,
          .reason = row.stream.reason,
          .command_id = row.stream.command_id,
          .command_offset = row.stream.command_offset,
          .command_type = {},
          .principal = {},
          .correlation_id = {}};
}

int partition_of_stream(const Stream& stream, const ParkedOptions& options) {
  return partition_of(slot_of(stream.id), options.log.partitions);
}

/// The command that stopped the stream, from its dead letter, as it was sent.
Result<parking::SentCommand> dead_command(const ParkedOptions& options, const Stream& stream,
                                          const std::string& command_id) {
  std::optional<parking::SentCommand> found;
  const kafka::TopicPartition where{options.log.prefix + ".dead-letters", partition_of_stream(stream, options)};
  const auto read = read_all(options.log.kafka, {where}, [&](const kafka::Message& record) {
    if (record.header("dead_stream") != to_string(stream) || record.header("command_id") != command_id) return;
    found = parking::SentCommand{std::string(record.key()), {}, {std::string(record.value())}};
    for (const auto& header : record.headers()) {
      if (!std::string_view(header.name).starts_with(kDeadPrefix))
        found->headers.push_back({std::string(header.name), std::string(header.value)});
    }
  });
  if (!read) return std::unexpected(read.error());
  if (!found || found->value.text.empty()) {
    return std::unexpected("the dead letter of command " + command_id +
                           " is gone or was too large to keep it: it can be skipped alone");
  }
  return std::move(*found);
}

std::string header_of(const parking::SentCommand& command, std::string_view name) {
  const auto found = std::ranges::find(command.headers, name, &parking::SentCommand::Header::name);
  return found == command.headers.end() ? "" : found->value;
}

void print(const Shown& one) {
  using text::printable;
  std::cout << printable(one.stream) << "  parked by "
            << (one.where == kDecider ? "its decider" : "projection " + one.where) << " since "
            << schema::format_time(one.since) << ", version " << one.version << "\n  " << printable(one.reason) << "\n";
  if (one.command_id)
    std::cout << "  command " << printable(*one.command_id) << " at offset " << one.command_offset.value_or(-1) << "\n";
  if (one.command_type) {
    std::cout << "  " << printable(*one.command_type) << " by " << printable(one.principal.value_or(""))
              << ", correlation " << printable(one.correlation_id.value_or("")) << "\n";
  }
}

/// What stands still there, where it is to be brought back from. The error says why it cannot be.
Result<schema::ParkedStream> parked_there(const ParkedOptions& options, const Unpark& what) {
  const auto of_stream = [&](const Row& one) {
    return one.stream.stream == what.stream && (!what.version || one.stream.version == *what.version);
  };
  if (!what.projection) {
    auto list = in_deciders(options);
    if (!list) return std::unexpected(std::move(list.error()));
    const auto row = std::ranges::find_if(list->parked, of_stream);
    if (row == list->parked.end() && list->more > 0) {
      return schema::ParkedStream{.stream = what.stream,
                                  .since = {},
                                  .reason = "not among the streams that are named",
                                  .command_id = {},
                                  .command_offset = {}};
    }
    if (row == list->parked.end()) return std::unexpected(what.stream + " is not parked for its decider");
    return std::move(row->stream);
  }
  if (*what.projection != projections::kReadModels) {
    return std::unexpected(
        fmt::format("there is no projection {}: there is {}", *what.projection, projections::kReadModels));
  }
  if (!options.postgres)
    return std::unexpected(
        "--projection needs --postgres (PARLEY_POSTGRES): what a projection parked is in its tables");
  auto rows = in_projections(*options.postgres);
  if (!rows) return std::unexpected(std::move(rows.error()));
  const auto row = std::ranges::find_if(*rows, of_stream);
  if (row == rows->end()) {
    return std::unexpected(
        fmt::format("{} is not parked at version {} by {}", what.stream, *what.version, *what.projection));
  }
  return std::move(row->stream);
}

int unpark(const ParkedOptions& options, const Unpark& what, parking::Action action) {
  const auto stream = parse_stream(what.stream);
  if (!stream) return fail(kTask, what.stream + " is no stream (they are like dialog/1387)");
  if (what.projection.has_value() != what.version.has_value())
    return fail(kTask, "a projection and the version of its event belong together");
  const auto parked = parked_there(options, what);
  if (!parked) return fail(kTask, parked.error());
  std::vector<std::string> attempts{crypto::uuid7()};
  parking::Command command = parking::Skip{what.reason, what.projection, what.version};
  if (action == parking::Action::retry) {
    parking::Retry retry{what.reason, std::nullopt, what.projection, what.version};
    if (!what.projection) {
      if (!parked->command_id)
        return fail(
            kTask, fmt::format("{}: {}; a build that knows it brings it back, or `skip`", what.stream, parked->reason));
      auto sent = dead_command(options, *stream, *parked->command_id);
      if (!sent) return fail(kTask, sent.error());
      // A sending of its own: whoever sent it first was answered then.
      attempts.push_back(crypto::uuid7());
      for (auto& [name, value] : sent->headers) {
        if (name == "attempt_id") value = attempts.back();
      }
      retry.command = std::move(*sent);
    }
    command = std::move(retry);
  }
  const auto got = send_command(options.log, *stream, command, attempts);
  if (!got) return fail(kTask, got.error());
  const auto& outcome = got->at(attempts.front());
  if (const auto* error = std::get_if<Error>(&outcome.result)) {
    return fail(kTask, fmt::format("{}: {}", what.stream, in_words(error->code)));
  }
  Done done{what.stream, std::string(schema::name_of(action)), outcome.version, std::nullopt};
  if (attempts.size() > 1) {
    if (const auto* error = std::get_if<Error>(&got->at(attempts.back()).result)) done.error = error->code;
  }
  if (done.error == kInternalError)
    return fail(kTask, what.stream + ": the decision failed again, the stream still stands");
  if (options.json) {
    std::cout << schema::write(done) << "\n";
  } else {
    std::cout << what.stream << ": goes on, version " << done.version << "\n";
    if (attempts.size() > 1) std::cout << "  its command: " << (done.error ? done.error->name() : "accepted") << "\n";
  }
  return 0;
}

}  // namespace

int parked_list(const ParkedOptions& options) {
  const auto list = everywhere(options);
  if (!list) {
    fail(kTask, list.error());
    return kNotAllAsked;
  }
  ShownList out{{}, list->more, {std::string(kDecider)}};
  if (options.postgres) out.asked.emplace_back(projections::kReadModels);
  for (const auto& row : list->parked) out.parked.push_back(shown(row));
  const int code = !out.parked.empty() || out.more > 0 ? kSomeParked : options.postgres ? 0 : kNotAllAsked;
  if (options.json) {
    std::cout << schema::write(out) << "\n";
    return code;
  }
  for (const auto& one : out.parked) print(one);
  if (out.more > 0) std::cout << "and " << out.more << " more\n";
  if (out.parked.empty()) std::cout << "no stream is parked" << (options.postgres ? "\n" : " for its decider\n");
  if (!options.postgres) std::cout << "read models: not asked (--postgres, PARLEY_POSTGRES)\n";
  return code;
}

int parked_show(const ParkedOptions& options, const std::string& stream) {
  const auto parsed = parse_stream(stream);
  if (!parsed) return fail(kTask, stream + " is no stream (they are like dialog/1387)");
  const auto list = everywhere(options);
  if (!list) return fail(kTask, list.error());
  ShownList out;
  for (const auto& row : list->parked) {
    if (row.stream.stream != stream) continue;
    auto one = shown(row);
    if (one.command_id) {
      if (const auto command = dead_command(options, *parsed, *one.command_id)) {
        one.command_type = header_of(*command, "type");
        one.principal = header_of(*command, "principal");
        one.correlation_id = header_of(*command, "correlation_id");
      }
    }
    out.parked.push_back(std::move(one));
  }
  if (out.parked.empty()) return fail(kTask, stream + " is not parked");
  if (options.json) {
    std::cout << schema::write(out) << "\n";
  } else {
    for (const auto& one : out.parked) print(one);
  }
  return 0;
}

int parked_retry(const ParkedOptions& options, const Unpark& what) {
  return unpark(options, what, parking::Action::retry);
}
int parked_skip(const ParkedOptions& options, const Unpark& what) {
  return unpark(options, what, parking::Action::skip);
}

void add_parked(CLI::App& app, int& exit_code) {
  /// Lives as long as the callbacks that read it.
  struct Asked {
    Options options;
    std::optional<std::string> postgres;
    bool json = false;
    Unpark unpark;
  };
  const auto asked = std::make_shared<Asked>();
  auto* parked = app.add_subcommand("parked", "Lists parked streams, and retries or skips what parked them");
  parked->require_subcommand(1);
  add_kafka(*parked, asked->options);
  parked
      ->add_option(
          "--postgres", asked->postgres,
          "PostgreSQL's connection string: with it, list and show include the streams that a projection parked")
      ->envname("PARLEY_POSTGRES");
  parked->add_flag("--json", asked->json, "Prints one JSON document, for programs");
  const auto add = [&](const char* name, const char* description, auto run) {
    auto* command = parked->add_subcommand(name, description)->fallthrough();
    command->callback([asked, run, &exit_code] {
      const auto& own = asked->options;
      log::configure("parked", "", *log::level_named("error"));
      auto found = find_log(own);
      if (!found) {
        fail(kTask, found.error());
        exit_code = kNotAllAsked;
        return;
      }
      exit_code =
          run(ParkedOptions{.log = std::move(*found), .postgres = asked->postgres, .json = asked->json}, asked->unpark);
    });
    return command;
  };
  add("list", "Lists every parked stream", [](const auto& options, const auto&) { return parked_list(options); });
  auto* show = add("show", "Shows one parked stream and the command that parked it",
                   [](const auto& options, const auto& what) { return parked_show(options, what.stream); });
  auto* retry = add("retry", "Unparks a stream and retries the command or event that parked it", parked_retry);
  auto* skip = add("skip", "Unparks a stream and skips, for good, the command or event that parked it", parked_skip);
  for (auto* command : {show, retry, skip})
    command->add_option("stream", asked->unpark.stream, "A stream, for example dialog/1387")->required();
  add_dead_letters(*parked, asked->options, asked->json, asked, exit_code);
  retry->add_option("--reason", asked->unpark.reason, "The reason, which the log keeps");
  skip->add_option("--reason", asked->unpark.reason, "The reason, which the log keeps")->required();
  for (auto* command : {retry, skip}) {
    command->add_option("--projection", asked->unpark.projection,
                        "The projection that parked the stream; leave it out when the stream's decider parked it");
    command
        ->add_option("--version", asked->unpark.version,
                     "The version, in the stream, of the event that the projection failed to apply")
        ->check(CLI::Range(std::int64_t{1}, kIdMax));
  }
}

}  // namespace parley::cli
