#include <fmt/format.h>

#include <iostream>

#include "ops/cli/audit/event_line.h"
#include "ops/cli/audit/tasks.h"
#include "platform/text/printable.h"

namespace parley::audit {
namespace {

/// A row of the table. What is wider than its column moves the rest of the row.
void row(std::string_view position, std::string_view version, std::string_view time, std::string_view type,
         std::string_view actor, std::string_view cause, std::string_view correlation) {
  std::cout << fmt::format("{:<12}  {:>7}  {:<24}  {:<32}  {:<16}  {:<36}  {}\n", position, version, time, type, actor,
                           cause, correlation);
}

void print(const projections::Record& record, Shown data) {
  const auto& e = record.envelope;
  row(fmt::format("{}:{}", record.partition, record.offset), std::to_string(e.sequence), schema::format_time(e.time),
      text::printable(e.type), text::printable(e.actor), text::printable(e.causation), text::printable(e.correlation));
  if (!data) return;
  const auto said = event_data(record, *data);
  std::cout << "    " << (said ? *said : "(" + said.error() + ")") << "\n";
}

}  // namespace

schema::Disclosure Common::disclosure() const {
  return personal ? schema::Disclosure::personal : schema::Disclosure::masked;
}

void Common::say_what_is_left_out() const {
  if (!json && !personal) std::cerr << "(texts about people are left out: --personal shows them)\n";
}

Result<void> history(const Common& common, const HistoryOptions& options) {
  const auto stream = place_named(options.stream, common.log.partitions);
  if (!stream) return std::unexpected(stream.error());
  auto log = Log::open(common.log);
  if (!log) return std::unexpected(log.error());
  const Shown data = options.data ? Shown(common.disclosure()) : std::nullopt;
  Progress progress("history");
  bool is_first = true;
  const auto count = log->read_stream(
      *stream,
      [&](const projections::Record& record) {
        if (common.json) {
          std::cout << event_line(record, data) << "\n";
        } else {
          if (is_first) row("POSITION", "VERSION", "TIME", "TYPE", "ACTOR", "CAUSE", "CORRELATION");
          print(record, data);
        }
        is_first = false;
        return static_cast<bool>(std::cout);
      },
      progress);
  if (!count) return std::unexpected(count.error());
  if (data) common.say_what_is_left_out();
  return {};
}

}  // namespace parley::audit
