#include "ops/cli/dead_letters.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <expected>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/cli/fail.h"
#include "ops/cli/log_place.h"
#include "ops/cli/options.h"
#include "ops/cli/read_all.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/text/printable.h"
#include "schemas/fields.h"

namespace parley::cli {
namespace {

constexpr std::string_view kTask = "parked dead";
constexpr int kSome = 1, kNotAsked = 2;

/// As programs get it; absent is left out. Never what the command says: that may be somebody's text.
struct DeadLetter {
  std::string place;  ///< "partition:offset" of parley.dead-letters.
  std::string time;
  std::string reason;
  std::optional<std::string> command_id;
  std::optional<std::string> command_type;
  std::optional<std::string> principal;
  std::optional<std::string> correlation_id;
  std::optional<std::string> stream;
  std::string command_place;  ///< "partition:offset" of parley.commands.
};
struct DeadLetters {
  std::vector<DeadLetter> dead_letters;
};

std::optional<std::string> header(const kafka::Message& record, const char* name) {
  const auto value = record.header(name);
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

DeadLetter dead_letter(const kafka::Message& record) {
  return {.place = fmt::format("{}:{}", record.partition(), record.offset()),
          .time = header(record, "dead_time").value_or(""),
          .reason = header(record, "dead_reason").value_or(""),
          .command_id = header(record, "command_id"),
          .command_type = header(record, "type"),
          .principal = header(record, "principal"),
          .correlation_id = header(record, "correlation_id"),
          .stream = header(record, "dead_stream"),
          .command_place =
              header(record, "dead_partition").value_or("?") + ":" + header(record, "dead_offset").value_or("?")};
}

/// All that the topic keeps, the oldest first.
std::expected<DeadLetters, std::string> read(const LogPlace& log) {
  DeadLetters out;
  const auto done = read_all(log.kafka, kafka::every_partition(log.prefix + ".dead-letters", log.partitions),
                             [&](const kafka::Message& record) { out.dead_letters.push_back(dead_letter(record)); });
  if (!done) return std::unexpected(done.error());
  std::ranges::stable_sort(out.dead_letters, {}, &DeadLetter::time);
  return out;
}

void print(const DeadLetter& one) {
  using text::printable;
  std::cout << printable(one.time) << "  " << one.place << "  " << printable(one.command_type.value_or("?")) << " by "
            << printable(one.principal.value_or("?")) << "\n  " << printable(one.reason) << "\n";
}

void print_whole(const DeadLetter& one) {
  print(one);
  const auto line = [](std::string_view name, const std::optional<std::string>& value) {
    if (value) std::cout << "  " << name << " " << text::printable(*value) << "\n";
  };
  line("command", one.command_id);
  line("at", one.command_place);
  line("correlation", one.correlation_id);
  line("stream", one.stream);
}

}  // namespace
}  // namespace parley::cli

namespace parley::schema {

template <>
inline constexpr auto fields<cli::DeadLetter> = std::tuple{
    field("place", &cli::DeadLetter::place),
    field("time", &cli::DeadLetter::time),
    field("reason", &cli::DeadLetter::reason),
    field("command_id", &cli::DeadLetter::command_id),
    field("command_type", &cli::DeadLetter::command_type),
    field("principal", &cli::DeadLetter::principal),
    field("correlation_id", &cli::DeadLetter::correlation_id),
    field("stream", &cli::DeadLetter::stream),
    field("command_place", &cli::DeadLetter::command_place),
};
template <>
inline constexpr auto fields<cli::DeadLetters> = std::tuple{field("dead_letters", &cli::DeadLetters::dead_letters)};

}  // namespace parley::schema

namespace parley::cli {
namespace {

int list(const LogPlace& log, bool json) {
  const auto found = read(log);
  if (!found) {
    fail(kTask, found.error());
    return kNotAsked;
  }
  if (json) {
    std::cout << schema::write(*found) << "\n";
  } else {
    for (const auto& one : found->dead_letters) print(one);
    if (found->dead_letters.empty()) std::cout << "there is no dead letter\n";
  }
  return found->dead_letters.empty() ? 0 : kSome;
}

/// `name`: its place, or the command's id.
int show(const LogPlace& log, const std::string& name, bool json) {
  auto found = read(log);
  if (!found) return fail(kTask, found.error());
  std::erase_if(found->dead_letters, [&](const auto& one) { return one.place != name && one.command_id != name; });
  if (found->dead_letters.empty())
    return fail(kTask, "there is no dead letter " + name + " (its place, such as 3:17, or its command's id)");
  if (json) {
    std::cout << schema::write(*found) << "\n";
  } else {
    for (const auto& one : found->dead_letters) print_whole(one);
  }
  return 0;
}

}  // namespace

void add_dead_letters(CLI::App& parked, const Options& options, const bool& json, std::shared_ptr<void> lifetime,
                      int& exit_code) {
  auto* dead = parked.add_subcommand("dead", "Shows dead letters: commands that deciders could not read or place")
                   ->fallthrough();
  dead->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, auto run) {
    auto* command = dead->add_subcommand(name, description)->fallthrough();
    command->callback([&options, lifetime, run, &exit_code] {
      log::configure("parked", "", *log::level_named("error"));
      const auto log = find_log(options);
      if (!log) fail(kTask, log.error());
      exit_code = log ? run(*log) : kNotAsked;
    });
    return command;
  };
  add("list", "Lists every dead letter that is kept, the oldest first",
      [&json](const LogPlace& log) { return list(log, json); });
  const auto name = std::make_shared<std::string>();
  add("show", "Shows one dead letter: who sent what, under which request, and why it is dead",
      [&json, name](const LogPlace& log) { return show(log, *name, json); })
      ->add_option("dead-letter", *name, "Its place in parley.dead-letters, for example 3:17, or its command's id")
      ->required();
}

}  // namespace parley::cli
