#include "ops/cli/audit/audit.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <cmath>
#include <functional>
#include <iostream>
#include <memory>

#include "ops/cli/audit/tasks.h"
#include "ops/cli/log_place.h"
#include "ops/cli/options.h"
#include "platform/log/log.h"
#include "platform/process/process.h"
#include "platform/text/printable.h"
#include "schemas/point_in_time.h"

namespace parley::cli {
namespace {

/// Lives as long as the callbacks that read it.
struct Asked {
  Options options;
  audit::Common common;
  audit::HistoryOptions history;
  audit::StateOptions state;
  audit::ExplainOptions explain;
  audit::ReplayOptions replay;
  audit::ExportOptions exported;
  audit::VerifyOptions verify;
};

int run(Asked& asked, const std::function<audit::Result<void>()>& task) {
  process::end_on_signals();
  log::configure("audit", "", *log::level_named("error"));
  auto log = find_log(asked.options);
  audit::Result<void> done;
  if (log) {
    asked.common.log = std::move(*log);
    done = task();
  } else {
    done = std::unexpected(std::move(log.error()));
  }
  std::cout.flush();
  if (done && !std::cout) done = std::unexpected("what was found could not be written");
  if (done) return 0;
  std::cerr << "parley audit: " << text::printable(done.error()) << "\n";
  return 1;
}

constexpr const char* kStreamHelp = "A stream, for example dialog/1387";

/// A flag's value in a sentence.
std::string shown(const std::string& text) { return text.empty() ? "what is given" : text; }
std::string time(const std::string& text) {
  return schema::parse_past_time(text) ? "" : shown(text) + " must be a time like 2026-11-21T10:17:00.123Z, or a date";
}

}  // namespace

void add_audit(CLI::App& app, int& exit_code) {
  const auto asked = std::make_shared<Asked>();
  auto* audit = app.add_subcommand("audit", "Shows what happened, from the log alone, without PostgreSQL");
  audit->require_subcommand(1);
  add_kafka(*audit, asked->options);
  audit->add_flag("--json", asked->common.json, "Prints JSON, or JSON Lines when there may be many results");
  audit->add_flag("--personal", asked->common.personal,
                  "Shows texts about people (names, e-mails, messages), which are null otherwise");
  const auto add = [&](const char* name, const char* description, auto task) {
    auto* command = audit->add_subcommand(name, description)->fallthrough();
    command->callback([asked, task, &exit_code] { exit_code = run(*asked, [&] { return task(*asked); }); });
    return command;
  };

  auto* history = add("history", "Lists every event of a stream",
                      [](const Asked& a) { return audit::history(a.common, a.history); });
  history->add_option("stream", asked->history.stream, kStreamHelp)->required();
  history->add_flag("--data", asked->history.data, "Shows the data of each event");

  auto* state = add("state", "Shows a stream's state, now or at an earlier point in time",
                    [](const Asked& a) { return audit::state(a.common, a.state); });
  state->add_option("stream", asked->state.stream, kStreamHelp)->required();
  state
      ->add_option("--at", asked->state.at,
                   "A version, for example 7, or a time in UTC, for example 2026-11-21T10:17:00.123Z, "
                   "2026-11-21T10:17:00Z or 2026-11-21 (midnight); without it: now")
      ->check([](const std::string& text) {
        return schema::parse_point_in_time(text) ? "" : fmt::format("{} {}", shown(text), schema::kPointInTimeIssue);
      });

  auto* explain =
      add("explain", "Shows a request, or the one that led to an event or a command, and everything that it caused",
          [](const Asked& a) { return audit::explain(a.common, a.explain); });
  explain
      ->add_option(
          "what", asked->explain.what,
          "The id of a request (X-Request-Id), of a command or of an event (ce_id), or an event as dialog/1387@3")
      ->required();
  explain->add_flag("--whole-log", asked->explain.whole_log,
                    "Reads the whole log, and not only from the request's beginning: also finds older requests with "
                    "the same X-Request-Id");

  auto* replay = add("replay", "Replays a stream's events with their pauses",
                     [](const Asked& a) { return audit::replay(a.common, a.replay); });
  replay->add_option("stream", asked->replay.stream, kStreamHelp)->required();
  replay->add_option("--speed", asked->replay.speed, "The speed, as a multiple of real time; 0: without pauses")
      ->check(CLI::Validator(
          [](const std::string& text) {
            double number = 0;
            const bool is_one = CLI::detail::lexical_cast(text, number) && std::isfinite(number) && number >= 0;
            return is_one ? std::string() : text + " must be a number like 1, 0.5 or 0";
          },
          "NONNEGATIVE"))
      ->capture_default_str();

  auto* exported = add("export", "Exports events as lines of JSON",
                       [](const Asked& a) { return audit::export_events(a.common, a.exported); });
  exported
      ->add_option("--from", asked->exported.from,
                   "The time of the first event to export, for example 2026-11-21 or 2026-11-21T10:17:00.123Z (UTC)")
      ->check(time);
  exported->add_option("--to", asked->exported.to, "The time before which the export ends")->check(time);
  exported->add_option("--type", asked->exported.types,
                       "Exports events of this type only (parley.dialog.opened.v1); repeatable");
  exported->add_option("--out", asked->exported.out,
                       "A folder that gets a file for each partition; the next run continues these files");

  auto* verify = add("verify", "Verifies that the log is what its deciders wrote",
                     [](const Asked& a) { return audit::verify(a.common, a.verify); });
  verify->add_option(
      "streams", asked->verify.streams,
      "Verifies the hash chains of these streams and the seals of their partitions; without a stream: everything");
  verify
      ->add_option("--seal-keys", asked->verify.seal_keys_file,
                   "The file with the public halves of the deciders' keys (`parley keys` creates it, .pub)")
      ->envname("PARLEY_SEAL_KEYS");
  verify->add_option("--anchor", asked->verify.anchor_file,
                     "A file outside the log with the last verified seals: the log must still have these seals, and "
                     "the command replaces them with later ones");
  verify->add_option(
      "--scratch", asked->verify.scratch,
      "A folder for data that does not fit in memory (default: the system's folder for temporary files)");
}

}  // namespace parley::cli
