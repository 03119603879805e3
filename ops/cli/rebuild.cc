#include "ops/cli/rebuild.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "ops/cli/fail.h"
#include "ops/cli/log_place.h"
#include "ops/cli/options.h"
#include "platform/log/log.h"
#include "platform/postgres/pool.h"
#include "platform/process/process.h"
#include "platform/text/printable.h"
#include "projections/engine/checkpoints.h"
#include "projections/schema.h"
#include "workers/rebuild/rebuild.h"

namespace parley::cli {
namespace {

using projections::Certificate;
using projections::Outcome;

constexpr std::chrono::seconds kPostgresWithin{5};
constexpr std::int64_t kListedMax = 100;
constexpr std::size_t kDigestShown = 16;

struct Asked {
  Options options;
  std::vector<std::string> projections;  // none: all
  std::optional<std::string> accept;
  bool compare = false, keep = false, list = false, json = false;
};
struct List {
  std::vector<Certificate> certificates;
};

}  // namespace
}  // namespace parley::cli

namespace parley::schema {
template <>
inline constexpr auto fields<cli::List> = std::tuple{field("certificates", &cli::List::certificates)};
}  // namespace parley::schema

namespace parley::cli {
namespace {

constexpr std::string_view kTask = "rebuild";

void show(const rebuild::Progress& progress) {
  std::cerr << progress.step;
  if (progress.total > 0) {
    const auto percent = 100.0 * static_cast<double>(progress.done) / static_cast<double>(progress.total);
    std::cerr << fmt::format(" {:.1f} % of {} offsets, {:.0f} events/s", percent, progress.total,
                             progress.events_per_second);
  }
  std::cerr << "\n";
}

const char* word(projections::Found found) {
  switch (found) {
    case projections::Found::only_in_old:
      return "only in the old tables";
    case projections::Found::only_in_rebuilt:
      return "only in the rebuilt tables";
    case projections::Found::differs:
      break;
  }
  return "differs in";
}

std::string shortened(const std::string& digest) { return digest.empty() ? "-" : digest.substr(0, kDigestShown); }

void print(const Certificate& c) {
  using text::printable;
  std::cout << c.projection << ": " << schema::name_of(c.outcome) << (c.reason ? ": " + printable(*c.reason) : "")
            << "\n";
  std::cout << "certificate " << c.id << ", " << schema::format_time(c.started) << " to "
            << schema::format_time(c.finished) << "\n";
  if (c.topic_id) std::cout << "log " << *c.topic_id << ", tables as of " << c.migration << "\n";
  if (!c.checkpoints.empty()) {
    std::cout << "up to";
    for (const auto& place : c.checkpoints) std::cout << " " << place.partition << ":" << place.next;
    std::cout << "\n";
  }
  if (c.seconds > 0) {
    std::cout << fmt::format("{} events in {:.1f} s, {:.0f} a second; compared in {:.1f} s\n", c.events, c.seconds,
                             static_cast<double>(c.events) / c.seconds, c.compare_seconds);
  }
  if (c.outcome == Outcome::switched) {
    std::cout << fmt::format("the switch held the projector for {:.0f} ms and reads for {:.0f} ms\n", c.writers_held_ms,
                             c.readers_held_ms);
  }
  if (!c.tables.empty())
    std::cout << fmt::format("{:<16} {:>12} {:>12}  {:<16}  {:<16}\n", "table", "rows", "rebuilt", "digest", "rebuilt");
  for (const auto& table : c.tables) {
    const bool is_same = table.rows == table.rebuilt_rows && table.digest == table.rebuilt_digest;
    std::cout << fmt::format("{:<16} {:>12} {:>12}  {:<16}  {:<16}  {}\n", table.name, table.rows, table.rebuilt_rows,
                             shortened(table.digest), shortened(table.rebuilt_digest), is_same ? "same" : "DIFFERS");
  }
  for (const auto& difference : c.differences) {
    std::cout << difference.table << " " << printable(difference.key) << ": " << word(difference.found);
    for (const auto& column : difference.columns) std::cout << " " << column;
    std::cout << "\n";
  }
  if (c.accepted) std::cout << "differences accepted: " << printable(*c.accepted) << "\n";
  for (const auto& one : c.parked) {
    std::cout << printable(one.stream) << " is parked at version " << one.version
              << (one.in_rebuilt ? " in the rebuilt tables: " : ": ") << printable(one.reason) << "\n";
  }
  for (const auto& note : c.notes) std::cout << printable(note) << "\n";
}

int list(const Options& options, bool json) {
  const auto migrated = postgres::expect_migrated({.connection = options.postgres}, projections::migrations());
  if (!migrated) return fail(kTask, "PostgreSQL: " + migrated.error().detail);
  postgres::Pool pool(
      {.session = {.connection = options.postgres, .application_name = "parley rebuild"}, .connections_max = 1});
  auto lease = pool.lease(kPostgresWithin);
  if (!lease) return fail(kTask, "PostgreSQL: " + lease.error().detail);
  auto kept = projections::certificates(*lease, kListedMax);
  if (!kept) return fail(kTask, "PostgreSQL: " + kept.error().detail);
  if (json) {
    std::cout << schema::write(List{std::move(*kept)}) << "\n";
    return 0;
  }
  for (const auto& c : *kept) {
    std::cout << c.id << "  " << schema::format_time(c.finished) << "  " << c.projection << "  "
              << schema::name_of(c.outcome) << "  " << c.events << " events"
              << (c.reason ? "  " + text::printable(*c.reason) : "")
              << (c.accepted ? "  differences accepted: " + text::printable(*c.accepted) : "") << "\n";
  }
  if (kept->empty()) std::cout << "the read models were never rebuilt\n";
  return 0;
}

int run(const Asked& asked) {
  for (const auto& name : asked.projections) {
    if (name != projections::kReadModels)
      return fail(kTask, fmt::format("there is no projection {}: there is {}", name, projections::kReadModels));
  }
  if (asked.list) return list(asked.options, asked.json);
  if (asked.compare && asked.accept) return fail(kTask, "--compare switches nothing: there is nothing to accept");
  if (asked.accept && asked.accept->empty()) return fail(kTask, "--accept-differences wants a reason");
  std::stop_source stop;
  // It waits for a signal that may never come, so nothing waits for it.
  std::thread([stop]() mutable {
    process::wait_for_termination();
    stop.request_stop();
  }).detach();
  const auto log = find_log(asked.options);
  if (!log) return fail(kTask, log.error());
  const auto certificate = rebuild::rebuild({.kafka = log->kafka,
                                             .events_topic = log->prefix + ".events",
                                             .partitions = log->partitions,
                                             .postgres = asked.options.postgres,
                                             .accept = asked.accept,
                                             .compare_alone = asked.compare,
                                             .keep = asked.keep,
                                             .progress = show},
                                            stop.get_token());
  if (asked.json) {
    std::cout << schema::write(certificate) << "\n";
  } else {
    print(certificate);
  }
  return certificate.outcome == Outcome::switched || certificate.outcome == Outcome::equal ? 0 : 1;
}

}  // namespace

void add_rebuild(CLI::App& app, int& exit_code) {
  const auto asked = std::make_shared<Asked>();
  auto* command = app.add_subcommand(
      "rebuild", "Rebuilds the read models from the log, compares them, and switches to them while the system runs");
  add_kafka(*command, asked->options);
  add_postgres(*command, asked->options);
  command->add_option("projection", asked->projections, "The projections to rebuild; all when none is named");
  command->add_option("--accept-differences", asked->accept,
                      "Switches although rows differ, for this reason, which the certificate keeps");
  command->add_flag("--compare", asked->compare, "Compares the tables with the log and does not switch");
  command->add_flag("--keep", asked->keep, "Keeps the rebuilt tables when the command does not switch to them");
  command->add_flag("--list", asked->list, "Lists the certificates that are kept, the newest first");
  command->add_flag("--json", asked->json, "Prints one JSON document, for programs");
  command->callback([asked, &exit_code] {
    log::configure("rebuild", "", *log::level_named("error"));
    exit_code = run(*asked);
  });
}

}  // namespace parley::cli
