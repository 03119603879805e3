#include <algorithm>
#include <cmath>
#include <iostream>
#include <thread>

#include "ops/cli/audit/describe_event.h"
#include "ops/cli/audit/event_line.h"
#include "ops/cli/audit/tasks.h"

namespace parley::audit {
namespace {

/// Nobody waits longer for the next event, however long the people of the dialog did.
constexpr std::chrono::milliseconds kPauseMax{10'000};

/// As a program gets it.
void print_json(const projections::Record& record, std::chrono::milliseconds pause, schema::Disclosure disclosure) {
  json::Writer w;
  w.begin_object();
  w.key("pause_ms");
  w.integer(pause.count());
  w.key("words");
  w.string(describe_event(record, disclosure));
  w.key("event");
  w.raw(event_line(record, disclosure));
  w.end_object();
  std::cout << w.text() << "\n";
}

std::chrono::milliseconds pause_between(Timestamp before, Timestamp after, double speed) {
  if (!(speed > 0)) return {};
  const auto scaled = static_cast<double>((after - before).count()) / speed;
  return std::chrono::milliseconds(std::llround(std::clamp(scaled, 0.0, static_cast<double>(kPauseMax.count()))));
}

}  // namespace

Result<void> replay(const Common& common, const ReplayOptions& options) {
  const auto stream = place_named(options.stream, common.log.partitions);
  if (!stream) return std::unexpected(stream.error());
  auto log = Log::open(common.log);
  if (!log) return std::unexpected(log.error());
  Progress progress("replay");
  std::optional<Timestamp> before;
  const auto count = log->read_stream(
      *stream,
      [&](const projections::Record& record) {
        progress.end();
        const auto& e = record.envelope;
        const auto pause = pause_between(before.value_or(e.time), e.time, options.speed);
        before = e.time;
        std::this_thread::sleep_for(pause);
        if (common.json) {
          print_json(record, pause, common.disclosure());
        } else {
          std::cout << schema::format_time(e.time) << "  " << describe_event(record, common.disclosure()) << "\n";
        }
        return static_cast<bool>(std::cout.flush());
      },
      progress);
  if (!count) return std::unexpected(count.error());
  common.say_what_is_left_out();
  return {};
}

}  // namespace parley::audit
