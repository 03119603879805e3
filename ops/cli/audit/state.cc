#include <fmt/format.h>

#include <iostream>

#include "ops/cli/audit/event_line.h"
#include "ops/cli/audit/tasks.h"
#include "projections/stream_fold.h"
#include "schemas/json.h"
#include "schemas/point_in_time.h"

namespace parley::audit {

namespace {

/// A row under its columns' names, a line for each.
void print(const projections::ShownRow& row) {
  for (const auto& [name, value] : row) std::cout << fmt::format("  {:<22}  {}\n", name, value);
}
/// A part of a stream on one line: its version and time first, where it has them, then the rest.
void print_part(const projections::ShownRow& row) {
  std::string version, time, rest;
  for (const auto& [name, value] : row) {
    if (name == "version") {
      version = value;
    } else if (name == "created_at") {
      time = value.substr(1, value.size() - 2);  // a time, between its quotes
    } else if (name != "id") {
      rest.append("  ").append(value);
    }
  }
  std::cout << fmt::format("  {:>6}  {}{}\n", version, time, rest);
}

void write_object(json::Writer& w, const projections::ShownRow& row) {
  w.begin_object();
  for (const auto& [name, value] : row) {
    w.key(name);
    w.raw(value);
  }
  w.end_object();
}

}  // namespace

Result<void> state(const Common& common, const StateOptions& options) {
  const auto stream = stream_named(options.stream);
  if (!stream) return std::unexpected(stream.error());
  const auto point = schema::parse_point_in_time(options.at);
  const auto* time = point ? std::get_if<schema::AtTime>(&*point) : nullptr;
  if (time != nullptr && time->time > std::chrono::system_clock::now())
    return std::unexpected(options.at + " is in the future: leave --at out for the state as it is now");
  auto log = Log::open(common.log);
  if (!log) return std::unexpected(log.error());

  Progress progress("state");
  projections::StreamFold fold(*stream);
  std::string refused;
  const auto count = log->read_stream(
      {options.stream, log->partition_of(*stream)},
      [&](const projections::Record& record) {
        const auto& e = record.envelope;
        if (point && !schema::is_within(*point, e.sequence, e.time)) return false;
        if (const auto added = fold.add(e, record.value); !added) refused = added.error();
        return refused.empty();
      },
      progress);
  if (!count) return std::unexpected(count.error());
  if (!refused.empty()) {
    return std::unexpected(
        fmt::format("{} cannot be folded beyond version {}: {}", options.stream, fold.version(), refused));
  }
  if (fold.version() == 0) return std::unexpected(options.stream + " had not begun at " + options.at);
  const auto* wanted = point ? std::get_if<schema::AtVersion>(&*point) : nullptr;
  if (wanted != nullptr && wanted->version > fold.version()) {
    return std::unexpected(
        fmt::format("{} has no version {} yet: it is at version {}", options.stream, options.at, fold.version()));
  }

  const auto shown = fold.shown(common.disclosure());
  if (common.json) {
    json::Writer w;
    w.begin_object();
    w.key("stream");
    w.string(options.stream);
    w.key("version");
    w.integer(fold.version());
    w.key("time");
    w.string(schema::format_time(fold.time()));
    if (shown.row) {
      w.key(to_string(fold.kind()));
      write_object(w, *shown.row);
    }
    for (const auto& [name, rows] : shown.parts) {
      w.key(name);
      w.begin_array();
      for (const auto& row : rows) write_object(w, row);
      w.end_array();
    }
    w.end_object();
    std::cout << w.text() << "\n";
  } else {
    std::cout << options.stream << " at version " << fold.version() << ", which is of "
              << schema::format_time(fold.time()) << "\n";
    if (shown.row) {
      print(*shown.row);
    } else {
      std::cout << "  no read model has a row of this stream\n";
    }
    for (const auto& [name, rows] : shown.parts) {
      std::cout << rows.size() << " " << name << "\n";
      for (const auto& row : rows) print_part(row);
    }
    common.say_what_is_left_out();
  }
  return {};
}

}  // namespace parley::audit
