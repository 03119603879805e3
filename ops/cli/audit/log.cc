#include "ops/cli/audit/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "domain/seals/seals.h"
#include "platform/kafka/admin.h"
#include "schemas/fields.h"

namespace parley::audit {
namespace {

/// How far the clock of a record's writer is trusted where that merely saves reading.
constexpr std::chrono::minutes kClockMargin{1};
/// A fetch that waits at the end of one partition holds back what is asked of the next one.
constexpr std::chrono::milliseconds kFetchWaitMax{10};

std::unexpected<std::string> unread(const kafka::Error& error) { return std::unexpected("Kafka: " + error.text); }

}  // namespace

Result<Stream> stream_named(const std::string& text) {
  if (const auto stream = parse_stream(text)) return *stream;
  const auto kind = text.substr(0, text.find('/'));
  const bool is_known = parse_stream(kind + "/1").has_value();
  if (text.find('/') != std::string::npos && !kind.empty() && !is_known) {
    std::vector<std::string_view> known;
    for (const auto one : kinds()) known.push_back(to_string(one));
    return std::unexpected(
        fmt::format("{}: there is no kind of stream named {} ({})", text, kind, fmt::join(known, ", ")));
  }
  return std::unexpected(text + " is no stream: they are like dialog/1387");
}

Result<StreamPlace> place_named(const std::string& text, int partitions) {
  if (seals::is_seal(text)) {
    const auto number = schema::parse_integer(text.substr(seals::kSubjectPrefix.size()));
    if (number && *number >= 0 && *number < partitions) return StreamPlace{text, static_cast<int>(*number)};
    return std::unexpected(text + " is no stream: the seals are seal/0 to " + seals::subject_of(partitions - 1));
  }
  const auto stream = stream_named(text);
  if (!stream) return std::unexpected(stream.error());
  return StreamPlace{text, partition_of(slot_of(stream->id), partitions)};
}

Result<Log> Log::open(const cli::LogPlace& options) {
  const auto topic = options.prefix + ".events";
  auto admin = kafka::Admin::open(options.kafka);
  if (!admin) return unread(admin.error());
  const auto described = admin->describe_topics(std::array{topic});
  if (!described) return unread(described.error());
  if (!described->front())
    return std::unexpected(
        fmt::format("there is no topic {} at {} (--topic-prefix, --kafka-brokers)", topic, options.kafka.brokers));
  auto reader = kafka::Consumer::open(options.kafka, {.fetch_wait_max = kFetchWaitMax});
  if (!reader) return unread(reader.error());
  Log log(options, std::move(*reader));
  log.topic_ = topic;
  log.topic_id_ = described->front()->id;
  return log;
}

Result<std::vector<kafka::Stretch>> Log::all_of(const std::vector<kafka::TopicPartition>& partitions) {
  auto all = kafka::all_of(reader_, partitions);
  if (!all) return unread(all.error());
  return std::move(*all);
}
Result<kafka::Stretch> Log::all_of(int partition) {
  auto all = all_of(std::vector{kafka::TopicPartition{topic_, partition}});
  if (!all) return std::unexpected(all.error());
  return all->front();
}
Result<std::vector<kafka::Stretch>> Log::all() { return all_of(kafka::every_partition(topic_, options_.partitions)); }

Result<std::vector<kafka::Stretch>> Log::commands() {
  const auto topic = options_.prefix + ".commands";
  auto admin = kafka::Admin::open(options_.kafka);
  if (!admin) return unread(admin.error());
  const auto described = admin->describe_topics(std::array{topic});
  if (!described) return unread(described.error());
  if (!described->front()) return std::vector<kafka::Stretch>{};
  return all_of(kafka::every_partition(topic, described->front()->partitions));
}

Result<std::vector<kafka::Stretch>> Log::written_since(std::vector<kafka::Stretch> stretches, Timestamp time) {
  std::vector<kafka::TopicPartition> partitions;
  for (const auto& one : stretches) partitions.push_back(one.where);
  const auto begins = reader_.at_time(partitions, time - kClockMargin);
  if (!begins) return unread(begins.error());
  for (std::size_t i = 0; i < stretches.size(); ++i)
    stretches[i].from = std::clamp((*begins)[i].offset, stretches[i].from, stretches[i].to);
  return stretches;
}

Result<std::optional<Timestamp>> Log::first_time_in(const kafka::Stretch& stretch) {
  std::optional<Timestamp> time;
  const auto read = kafka::read_through(reader_, std::span(&stretch, 1), [&](const kafka::Message& record) {
    time = schema::parse_time(record.header("ce_time").value_or(""));
    return !time;
  });
  if (!read) return unread(read.error());
  return time;
}

Result<kafka::Stretch> Log::happened_since(const kafka::Stretch& stretch, Timestamp time) {
  auto guess = written_since({stretch}, time);
  if (!guess) return std::unexpected(guess.error());
  auto out = guess->front();
  // Some event before the guess must be older than `time`: then all before it are. Otherwise a clock was wrong, and it
  // begins further back.
  for (std::int64_t back = 64; out.from > stretch.from; back *= 4) {
    const auto from = std::max(stretch.from, out.from - back);
    const auto before = first_time_in({stretch.where, from, out.from});
    if (!before) return std::unexpected(before.error());
    out.from = from;
    if (*before && **before < time) break;
  }
  return out;
}

Result<void> Log::read(const std::vector<kafka::Stretch>& stretches,
                       const std::function<bool(const kafka::Message&)>& each, Progress& progress) {
  const auto read = kafka::read_through(
      reader_, stretches,
      [&](const kafka::Message& record) {
        progress.count();
        return each(record);
      },
      [&](const kafka::ReadSoFar& so_far) { progress.advance(so_far.done); });
  if (!read) return unread(read.error());
  std::int64_t length = 0;
  for (const auto& one : stretches) length += std::max<std::int64_t>(one.to - one.from, 0);
  progress.passed(length);
  return {};
}

Result<std::int64_t> Log::read_stream(const StreamPlace& stream,
                                      const std::function<bool(const projections::Record&)>& each, Progress& progress) {
  const auto partition = all_of(stream.partition);
  if (!partition) return std::unexpected(partition.error());
  const auto& subject = stream.subject;
  std::int64_t count = 0;
  std::string malformed;
  progress.expect(partition->to - partition->from);
  const auto done = read(
      {*partition},
      [&](const kafka::Message& message) {
        // Most records are of other streams: their envelope is not worth reading.
        if (message.header("ce_subject") != subject) return true;
        const auto record = projections::read_record(message);
        if (!record) {
          malformed = record.error();
          return false;
        }
        ++count;
        return each(*record);
      },
      progress);
  if (!done) return std::unexpected(done.error());
  if (!malformed.empty()) return std::unexpected(malformed);
  if (count == 0) return std::unexpected(subject + ": there is no such stream in " + topic_);
  return count;
}

}  // namespace parley::audit
