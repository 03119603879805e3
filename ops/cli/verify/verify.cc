#include "ops/cli/verify/verify.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include "domain/model.h"
#include "ops/cli/verify/heads.h"
#include "ops/cli/verify/partition_check.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/read_through.h"
#include "schemas/fields.h"

namespace parley::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;
using verify::PartitionCheck;

constexpr std::chrono::seconds kToldEvery{2};

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
}  // namespace parley::cli

namespace parley::schema {

template <>
inline constexpr auto fields<cli::ShownFault> = std::tuple{field("offset", &cli::ShownFault::offset), field("stream", &cli::ShownFault::stream),
                                                           field("version", &cli::ShownFault::version), field("what", &cli::ShownFault::what)};
template <>
inline constexpr auto fields<cli::ShownPartition> = std::tuple{
    field("partition", &cli::ShownPartition::partition),
    field("events", &cli::ShownPartition::events),
    field("seals", &cli::ShownPartition::seals),
    field("unsealed_events", &cli::ShownPartition::unsealed_events),
    field("unsealed_since", &cli::ShownPartition::unsealed_since),
    field("fault", &cli::ShownPartition::fault),
};
template <>
inline constexpr auto fields<cli::Report> = std::tuple{
    field("fits", &cli::Report::fits),
    field("log", &cli::Report::log),
    field("signatures_checked", &cli::Report::signatures_checked),
    field("anchored", &cli::Report::anchored),
    field("events", &cli::Report::events),
    field("streams", &cli::Report::streams),
    field("unsealed_events", &cli::Report::unsealed_events),
    field("events_per_second", &cli::Report::events_per_second),
    field("partitions", &cli::Report::partitions),
};
template <>
inline constexpr auto fields<cli::AnchoredPartition> =
    std::tuple{field("partition", &cli::AnchoredPartition::partition), field("seal", &cli::AnchoredPartition::seal),
               field("events", &cli::AnchoredPartition::events), field("digest", &cli::AnchoredPartition::digest)};
template <>
inline constexpr auto fields<cli::Anchor> = std::tuple{field("log", &cli::Anchor::log), field("partitions", &cli::Anchor::partitions)};

}  // namespace parley::schema

namespace parley::cli {
namespace {

template <class T>
using Result = std::expected<T, std::string>;

/// Of the log that is named there: of another one it says nothing. A file that is not there yet is an anchor without seals.
Result<Anchor> read_anchor(const std::string& path, const std::string& log) {
  Anchor none{log, {}};
  if (path.empty() || !std::filesystem::exists(path)) return none;
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto anchor = schema::read_text<Anchor>(text);
  if (!anchor) return std::unexpected(path + ": is no anchor: " + anchor.error().field + " " + anchor.error().issue);
  if (anchor->log != log) return std::unexpected(path + ": is the anchor of another log (" + anchor->log + ", not " + log + ")");
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

Result<std::string> log_id(const VerifyOptions& options) {
  auto admin = kafka::Admin::open(options.kafka);
  if (!admin) return std::unexpected(admin.error().text);
  const auto topic = options.prefix + ".events";
  const auto described = admin->describe_topics(std::vector{topic});
  if (!described) return std::unexpected(described.error().text);
  if (!described->front()) return std::unexpected("there is no topic " + topic);
  if (const auto wrong = kafka::wrong_partitions(*described->front(), options.partitions)) return std::unexpected(*wrong);
  return described->front()->id;
}

/// Says now and then how far a long reading is.
class Progress {
 public:
  void tell(const kafka::ReadSoFar& so_far, std::int64_t events) {
    const auto now = SteadyClock::now();
    if (now - told_ < kToldEvery) return;
    told_ = now;
    const std::chrono::duration<double> took = now - began_;
    std::cerr << "verify: " << 100 * so_far.done / std::max<std::int64_t>(1, so_far.total) << " %, " << events << " events, "
              << std::llround(static_cast<double>(events) / took.count()) << "/s\n";
  }
  double seconds() const { return std::chrono::duration<double>(SteadyClock::now() - began_).count(); }

 private:
  SteadyClock::time_point began_ = SteadyClock::now(), told_ = began_;
};

Result<Report> run(const VerifyOptions& options) {
  std::set<std::string, std::less<>> streams;
  std::set<int> partitions;
  for (const auto& text : options.streams) {
    const auto stream = parse_stream(text);
    if (!stream) return std::unexpected("\"" + text + "\" names no stream: for example dialog/1387");
    streams.insert(text);
    partitions.insert(partition_of(slot_of(stream->id), options.partitions));
  }
  std::optional<crypto::PublicKeys> keys;
  if (!options.seal_keys_file.empty()) {
    auto loaded = crypto::PublicKeys::load(options.seal_keys_file);
    if (!loaded) return std::unexpected(loaded.error());
    keys = std::move(*loaded);
  }
  const auto log = log_id(options);
  if (!log) return std::unexpected(log.error());
  const auto anchor = read_anchor(options.anchor_file, *log);
  if (!anchor) return std::unexpected(anchor.error());
  auto heads = verify::Heads::open(options.scratch.empty() ? std::filesystem::temp_directory_path().string() : options.scratch);
  if (!heads) return std::unexpected(heads.error());
  auto reader = kafka::Consumer::open(options.kafka, {});
  if (!reader) return std::unexpected(reader.error().text);

  std::map<int, PartitionCheck> checks;
  std::vector<kafka::TopicPartition> where;
  for (const auto& partition : kafka::every_partition(options.prefix + ".events", options.partitions)) {
    if (!partitions.empty() && !partitions.contains(partition.partition)) continue;
    verify::CheckOptions check{.partition = partition.partition,
                               .partitions = options.partitions,
                               .keys = keys ? &*keys : nullptr,
                               .streams = streams.empty() ? nullptr : &streams};
    for (const auto& one : anchor->partitions) {
      if (one.partition == partition.partition) check.anchor = verify::SealAt{one.seal, one.events, one.digest};
    }
    checks.try_emplace(partition.partition, std::move(check), *heads);
    where.push_back(partition);
  }
  const auto stretches = kafka::all_of(*reader, where);
  if (!stretches) return std::unexpected(stretches.error().text);
  for (const auto& stretch : *stretches) {
    if (stretch.from > 0)
      return std::unexpected(stretch.where.topic + " " + std::to_string(stretch.where.partition) + " begins at " + std::to_string(stretch.from) +
                             ": the beginning of the record is gone");
  }
  Progress progress;
  Report report{.log = *log, .signatures_checked = keys.has_value(), .anchored = !anchor->partitions.empty(), .partitions = {}};
  std::int64_t read_events = 0;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  const auto read = kafka::read_through(
      *reader, *stretches,
      [&](const kafka::Message& record) {
        headers.clear();
        for (const auto& header : record.headers()) headers.emplace_back(header.name, header.value);
        checks.at(record.partition()).next({record.key(), headers, record.value()}, record.offset());
        ++read_events;
        return true;
      },
      [&](const kafka::ReadSoFar& so_far) { progress.tell(so_far, read_events); });
  if (!read) return std::unexpected(read.error().text);

  report.events_per_second = std::llround(static_cast<double>(read_events) / progress.seconds());
  Anchor next{*log, {}};
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
      shown.fault = ShownFault{fault->offset < 0 ? std::nullopt : std::optional(fault->offset), fault->stream, fault->version, fault->what};
    }
    if (const auto& seal = check.last_seal()) next.partitions.push_back({partition, seal->version, seal->events, seal->digest});
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
  std::printf("%-10s %12s %8s %12s  %s\n", "partition", "events", "seals", "not sealed", "since");
  for (const auto& one : report.partitions) {
    std::printf("%-10lld %12lld %8lld %12lld  %s\n", static_cast<long long>(one.partition), static_cast<long long>(one.events),
                static_cast<long long>(one.seals), static_cast<long long>(one.unsealed_events),
                one.unsealed_since ? schema::format_time(*one.unsealed_since).c_str() : "");
  }
  std::printf("%lld events of %lld streams, %lld/s; %lld not sealed yet; signatures %s%s\n", static_cast<long long>(report.events),
              static_cast<long long>(report.streams), static_cast<long long>(report.events_per_second),
              static_cast<long long>(report.unsealed_events), report.signatures_checked ? "checked" : "not checked (--seal-keys)",
              report.anchored ? "; everything that was verified earlier is there" : "");
  for (const auto& one : report.partitions) {
    if (!one.fault) continue;
    std::printf("DOES NOT FIT: partition %lld%s: %s version %lld %s\n", static_cast<long long>(one.partition),
                one.fault->offset ? (" offset " + std::to_string(*one.fault->offset)).c_str() : "", one.fault->stream.c_str(),
                static_cast<long long>(one.fault->version), one.fault->what.c_str());
  }
  if (report.fits) std::printf("everything fits\n");
}

}  // namespace

int audit_verify(const VerifyOptions& options) try {
  const auto report = run(options);
  if (!report) {
    std::cerr << "parley audit verify: " << report.error() << "\n";
    return 1;
  }
  if (options.json) {
    std::cout << json::pretty(schema::write(*report));
  } else {
    print(*report);
  }
  return report->fits ? 0 : 1;
} catch (const store::Failure& failure) {
  std::cerr << "parley audit verify: " << failure.what() << "\n";
  return 1;
}

}  // namespace parley::cli
