#include "ops/cli/effects.h"

#include <CLI/CLI.hpp>
#include <expected>
#include <iostream>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include "domain/effects/effects.h"
#include "domain/model.h"
#include "domain/seals/seals.h"
#include "ops/cli/fail.h"
#include "ops/cli/options.h"
#include "ops/cli/refusals.h"
#include "ops/cli/send_command.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/text/printable.h"
#include "projections/record.h"

namespace parley::cli {
namespace {

constexpr std::string_view kTask = "effects";

/// Whose first event comes from a backup: a restore fills an empty log.
std::expected<std::set<int>, std::string> restored_partitions(const LogPlace& log) {
  auto reader = kafka::Consumer::open(log.kafka, {});
  if (!reader) return std::unexpected(reader.error().text);
  const auto stretches = kafka::all_of(*reader, kafka::every_partition(log.prefix + ".events", log.partitions));
  if (!stretches) return std::unexpected(stretches.error().text);
  std::set<int> out;
  std::string fault;
  for (const auto& stretch : *stretches) {
    const auto read = kafka::read_through(*reader, {&stretch, 1}, [&](const kafka::Message& message) {
      const auto record = projections::read_record(message);
      if (!record) {
        fault = record.error();
      } else if (seals::is_seal(record->envelope.subject)) {
        return true;
      } else if (record->envelope.is_restored()) {
        out.insert(record->partition);
      }
      return false;
    });
    if (!read) return std::unexpected(read.error().text);
    if (!fault.empty()) return std::unexpected(fault);
  }
  return out;
}

/// Whether they were on already.
std::expected<bool, std::string> switch_on(const LogPlace& log, const Stream& stream,
                                           const effects::SwitchOn& command) {
  const auto outcome = send_command(log, stream, effects::Command{command});
  if (!outcome) return std::unexpected(outcome.error());
  if (const auto* error = std::get_if<Error>(&outcome->result)) {
    return std::unexpected(in_words(error->code));
  }
  return std::get<effects::AreOn>(std::get<Answer>(outcome->result).get<effects::Answer>()).were_on;
}

}  // namespace

int effects_on(const LogPlace& log, const std::string& reason) {
  auto admin = kafka::Admin::open(log.kafka);
  if (!admin) return fail(kTask, admin.error().text);
  const auto topic = admin->describe_topic(log.prefix + ".events");
  if (!topic) return fail(kTask, topic.error().text);
  const auto restored = restored_partitions(log);
  if (!restored) return fail(kTask, restored.error());
  if (restored->empty()) {
    std::cout << "this log was not restored from a backup: effects are on\n";
    return 0;
  }
  for (const int partition : *restored) {
    const Stream stream{Kind::effects, effects::stream_of(partition, log.partitions)};
    const auto were_on = switch_on(log, stream, {topic->id, reason});
    if (!were_on) return fail(kTask, "partition " + std::to_string(partition) + ": " + were_on.error());
    std::cout << "partition " << partition << ": effects " << (*were_on ? "were on already" : "are on") << " ("
              << to_string(stream) << ")\n";
  }
  return 0;
}

void add_effects(CLI::App& app, int& exit_code) {
  /// Lives as long as the callback that reads it.
  struct Asked {
    Options options;
    std::string reason;
  };
  const auto asked = std::make_shared<Asked>();
  auto* effects = app.add_subcommand("effects", "Lets reactors act outside again in a log restored from a backup");
  effects->require_subcommand(1);
  add_kafka(*effects, asked->options);
  auto* on = effects
                 ->add_subcommand("on",
                                  "Switches effects on in every partition that was restored from a backup: reactors "
                                  "send, pay and call again, for what was restored too; needs running deciders")
                 ->fallthrough();
  on->add_option("--reason", asked->reason, "The reason, which the log keeps")->required();
  on->callback([asked, &exit_code] {
    log::configure("effects", "", *log::level_named("error"));
    const auto log = find_log(asked->options);
    exit_code = log ? effects_on(*log, asked->reason) : fail(kTask, log.error());
  });
}

}  // namespace parley::cli
