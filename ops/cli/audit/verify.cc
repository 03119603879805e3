#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include "ops/cli/audit/tasks.h"
#include "ops/cli/verify/heads.h"
#include "ops/cli/verify/partition_check.h"
#include "platform/text/printable.h"
#include "schemas/fields.h"

namespace parley::audit {
namespace {

using verify::PartitionCheck;

/// As programs get it; absent is left out.
struct ShownFault {
  std::optional<std::int64_t> offset;
  std::string stream;
  std::int64_t version = 0;
  std::string what;
};
struct ShownPartition {
  std::int64_t partition = 0;
  std::int64_t events = 0;
  std::int64_t seals = 0;
  std::int64_t unsealed_events = 0;
  std::optional<Timestamp> unsealed_since;
  std::optional<ShownFault> fault;
};
struct Report {
  bool fits = true;
  std::string log;  ///< The id of the topic.
  bool signatures_checked = false;
  bool anchored = false;
  std::int64_t events = 0;
  std::int64_t streams = 0;
  std::int64_t unsealed_events = 0;
  std::int64_t events_per_second = 0;
  std::vector<ShownPartition> partitions;
};
/// What an anchor keeps.
struct AnchoredPartition {
  std::int64_t partition = 0;
  std::int64_t seal = 0;
  std::int64_t events = 0;
  std::string digest;
};
struct Anchor {
  std::string log;
  std::vector<AnchoredPartition> partitions;
};

}  // namespace
}  // namespace parley::audit

namespace parley::schema {

template <>
inline constexpr auto fields<audit::ShownFault> =
    std::tuple{field("offset", &audit::ShownFault::offset), field("stream", &audit::ShownFault::stream),
               field("version", &audit::ShownFault::version), field("what", &audit::ShownFault::what)};
template <>
inline constexpr auto fields<audit::ShownPartition> = std::tuple{
    field("partition", &audit::ShownPartition::partition),
    field("events", &audit::ShownPartition::events),
    field("seals", &audit::ShownPartition::seals),
    field("unsealed_events", &audit::ShownPartition::unsealed_events),
    field("unsealed_since", &audit::ShownPartition::unsealed_since),
    field("fault", &audit::ShownPartition::fault),
};
template <>
inline constexpr auto fields<audit::Report> = std::tuple{
    field("fits", &audit::Report::fits),
    field("log", &audit::Report::log),
    field("signatures_checked", &audit::Report::signatures_checked),
    field("anchored", &audit::Report::anchored),
    field("events", &audit::Report::events),
    field("streams", &audit::Report::streams),
    field("unsealed_events", &audit::Report::unsealed_events),
    field("events_per_second", &audit::Report::events_per_second),
    field("partitions", &audit::Report::partitions),
};
template <>
inline constexpr auto fields<audit::AnchoredPartition> =
    std::tuple{field("partition", &audit::AnchoredPartition::partition), field("seal", &audit::AnchoredPartition::seal),
               field("events", &audit::AnchoredPartition::events), field("digest", &audit::AnchoredPartition::digest)};
template <>
inline constexpr auto fields<audit::Anchor> =
    std::tuple{field("log", &audit::Anchor::log), field("partitions", &audit::Anchor::partitions)};

}  // namespace parley::schema

namespace parley::audit {
namespace {

/// Of the log that is named there: of another one it says nothing. A file that is not there yet is an anchor without
/// seals.
Result<Anchor> read_anchor(const std::string& path, const std::string& log) {
  Anchor none{log, {}};
  if (path.empty() || !std::filesystem::exists(path)) return none;
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto anchor = schema::read_text<Anchor>(text);
  if (!anchor)
    return std::unexpected(fmt::format("{}: is no anchor: {} {}", path, anchor.error().field, anchor.error().issue));
  if (anchor->log != log)
    return std::unexpected(fmt::format("{}: is the anchor of another log ({}, not {})", path, anchor->log, log));
  return std::move(*anchor);
}

Result<void> write_anchor(const std::string& path, const Anchor& anchor) {
  const auto draft = path + ".new";
  std::ofstream file(draft, std::ios::trunc);
  file << json::pretty(schema::write(anchor));
  file.close();
  if (!file || std::rename(draft.c_str(), path.c_str()) != 0) return std::unexpected(path + ": cannot be written");
  return {};
}

Result<Report> checked(const Common& common, const VerifyOptions& options) {
  std::set<std::string, std::less<>> streams;
  std::set<int> partitions;
  for (const auto& text : options.streams) {
    const auto stream = stream_named(text);
    if (!stream) return std::unexpected(stream.error());
    streams.insert(text);
    partitions.insert(partition_of(slot_of(stream->id), common.log.partitions));
  }
  std::optional<crypto::PublicKeys> keys;
  if (!options.seal_keys_file.empty()) {
    auto loaded = crypto::PublicKeys::load(options.seal_keys_file);
    if (!loaded) return std::unexpected(loaded.error());
    keys = std::move(*loaded);
  }
  auto log = Log::open(common.log);
  if (!log) return std::unexpected(log.error());
  const auto anchor = read_anchor(options.anchor_file, log->topic_id());
  if (!anchor) return std::unexpected(anchor.error());
  auto heads =
      verify::Heads::open(options.scratch.empty() ? std::filesystem::temp_directory_path().string() : options.scratch);
  if (!heads) return std::unexpected(heads.error());
  auto stretches = log->all();
  if (!stretches) return std::unexpected(stretches.error());
  if (!partitions.empty())
    std::erase_if(*stretches, [&](const auto& one) { return !partitions.contains(one.where.partition); });

  std::map<int, PartitionCheck> checks;
  for (const auto& [where, from, to] : *stretches) {
    if (from > 0) {
      return std::unexpected(
          fmt::format("{} {} begins at {}: the beginning of the record is gone", where.topic, where.partition, from));
    }
    verify::CheckOptions check{.partition = where.partition,
                               .partitions = common.log.partitions,
                               .keys = keys ? &*keys : nullptr,
                               .streams = streams.empty() ? nullptr : &streams};
    for (const auto& one : anchor->partitions) {
      if (one.partition == where.partition) check.anchor = verify::SealAt{one.seal, one.events, one.digest};
    }
    checks.try_emplace(where.partition, std::move(check), *heads);
  }
  Report report{.log = log->topic_id(),
                .signatures_checked = keys.has_value(),
                .anchored = !anchor->partitions.empty(),
                .partitions = {}};
  const auto began = std::chrono::steady_clock::now();
  std::int64_t records = 0;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  Progress progress("verify");
  const auto read = log->read(
      *stretches,
      [&](const kafka::Message& record) {
        headers.clear();
        for (const auto& header : record.headers()) headers.emplace_back(header.name, header.value);
        checks.at(record.partition()).next({record.key(), headers, record.value()}, record.offset());
        ++records;
        return true;
      },
      progress);
  if (!read) return std::unexpected(read.error());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  report.events_per_second = std::llround(static_cast<double>(records) / took.count());
  Anchor next{log->topic_id(), {}};
  for (auto& [partition, check] : checks) {
    check.end();
    ShownPartition shown{.partition = partition,
                         .events = check.events(),
                         .seals = check.last_seal() ? check.last_seal()->version : 0,
                         .unsealed_events = check.unsealed(),
                         .unsealed_since = check.unsealed_since(),
                         .fault = {}};
    if (const auto& fault = check.fault()) {
      report.fits = false;
      shown.fault = ShownFault{fault->offset < 0 ? std::nullopt : std::optional(fault->offset), fault->stream,
                               fault->version, fault->what};
    }
    if (const auto& seal = check.last_seal())
      next.partitions.push_back({partition, seal->version, seal->events, seal->digest});
    report.events += shown.events;
    report.unsealed_events += shown.unsealed_events;
    report.partitions.push_back(std::move(shown));
  }
  report.streams = heads->count();
  if (report.fits && !options.anchor_file.empty() && options.streams.empty()) {
    if (const auto written = write_anchor(options.anchor_file, next); !written) return std::unexpected(written.error());
  }
  return report;
}

void print(const Report& report) {
  std::cout << fmt::format("{:<10}{:>12}{:>9}{:>12}  since\n", "partition", "events", "seals", "not sealed");
  for (const auto& one : report.partitions) {
    std::cout << fmt::format("{:<10}{:>12}{:>9}{:>12}  {}\n", one.partition, one.events, one.seals, one.unsealed_events,
                             one.unsealed_since ? schema::format_time(*one.unsealed_since) : "");
  }
  std::cout << fmt::format("{} events of {} streams, {}/s; {} not sealed yet; signatures {}{}\n", report.events,
                           report.streams, report.events_per_second, report.unsealed_events,
                           report.signatures_checked ? "checked" : "not checked (--seal-keys)",
                           report.fits && report.anchored ? "; what was verified earlier is there" : "");
  for (const auto& one : report.partitions) {
    if (!one.fault) continue;
    std::cout << "DOES NOT FIT: partition " << one.partition;
    if (one.fault->offset) std::cout << " offset " << *one.fault->offset;
    if (!one.fault->stream.empty())
      std::cout << ": " << text::printable(one.fault->stream) << " version " << one.fault->version;
    std::cout << " " << text::printable(one.fault->what) << "\n";
  }
  if (!report.fits) return;
  std::cout << (report.signatures_checked ? "everything fits\n"
                                          : "hashes and digests fit; signatures were NOT checked (--seal-keys)\n");
}

}  // namespace

Result<void> verify(const Common& common, const VerifyOptions& options) try {
  const auto report = checked(common, options);
  if (!report) return std::unexpected(report.error());
  if (common.json) {
    std::cout << json::pretty(schema::write(*report));
  } else {
    print(*report);
  }
  if (!report->fits) return std::unexpected("the log is not what its deciders wrote");
  return {};
} catch (const store::Failure& failure) {
  return std::unexpected(std::string(failure.what()));
}

}  // namespace parley::audit
