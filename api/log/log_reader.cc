#include "api/log/log_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "platform/log/log.h"

namespace parley::api {
namespace {

/// Records that lie between two wanted ones are read and dropped up to this distance: that takes less time than to ask
/// Kafka anew.
constexpr std::int64_t kNear = 1'000;
constexpr std::size_t kRecordsAtOnce = 1'000;
constexpr std::chrono::milliseconds kPollWait{50};
/// A fetch that waits at the end of one partition holds back the next question, which may be about another.
constexpr std::chrono::milliseconds kFetchWaitMax{1};
constexpr int kPrefetchKibMax = 2 * 1024;
/// A reading that jumps needs a record at a time, not what follows it.
constexpr const char* kFetchBytes = "131072";

}  // namespace

LogReader::LogReader(Options options) : options_(std::move(options)) {}
LogReader::~LogReader() = default;

std::expected<std::unique_ptr<kafka::Consumer>, LogReader::Failure> LogReader::borrow() {
  std::unique_lock lock(mutex_);
  const auto is_free = [&] { return lent_ < options_.readers_max; };
  if (!is_free()) {
    given_back_.wait_for(lock, options_.wait_max, [&] { return is_free() || !kafka_answers_; });
    if (!is_free() || !kafka_answers_) return std::unexpected(Failure::busy);
  }
  ++lent_;
  if (idle_.empty()) return nullptr;
  auto reader = std::move(idle_.back());
  idle_.pop_back();
  return reader;
}

void LogReader::give_back(std::unique_ptr<kafka::Consumer> reader, bool kafka_answers) {
  const std::lock_guard lock(mutex_);
  --lent_;
  kafka_answers_ = kafka_answers;
  if (reader) idle_.push_back(std::move(reader));
  given_back_.notify_all();
}

std::expected<void, LogReader::Failure> LogReader::read(std::span<const EventPlace> places,
                                                        const std::function<bool(const projections::Record&)>& each) {
  if (places.empty()) return {};
  auto borrowed = borrow();
  if (!borrowed) return std::unexpected(borrowed.error());
  // Given back whatever happens; one that Kafka has given up (reset below) is opened anew next time.
  struct Loan {
    LogReader& owner;
    std::unique_ptr<kafka::Consumer> reader;
    bool kafka_answers = false;
    ~Loan() { owner.give_back(std::move(reader), kafka_answers); }
  } loan{*this, std::move(*borrowed)};
  if (!loan.reader) {
    auto config = options_.kafka;
    config.properties.try_emplace("fetch.message.max.bytes", kFetchBytes);
    auto opened = kafka::Consumer::open(config, {.fetch_wait_max = kFetchWaitMax, .prefetch_kib_max = kPrefetchKibMax});
    if (!opened) {
      log::error("the log cannot be read", {{"reason", opened.error().text}});
      return std::unexpected(Failure::late);
    }
    loan.reader = std::make_unique<kafka::Consumer>(std::move(*opened));
  }
  const auto done = read_with(*loan.reader, places, each, Clock::now() + options_.patience);
  loan.kafka_answers = done || done.error() != Failure::late;
  if (const auto stopped = loan.reader->assign({}); !stopped) loan.reader.reset();
  return done;
}

std::expected<void, LogReader::Failure> LogReader::read_with(
    kafka::Consumer& reader, std::span<const EventPlace> places,
    const std::function<bool(const projections::Record&)>& each, Clock::time_point deadline) {
  std::vector<kafka::Message> records;
  std::size_t next = 0;
  std::optional<EventPlace> at;  // what comes next of the partition that is read
  for (const auto& place : places) {
    const bool is_near =
        at && at->partition == place.partition && place.offset >= at->offset && place.offset - at->offset <= kNear;
    if (!is_near) {
      records.clear();
      next = 0;
      const kafka::PartitionOffset from{{options_.topic, place.partition}, place.offset};
      if (const auto assigned = reader.assign(std::span(&from, 1)); !assigned) return std::unexpected(Failure::late);
    }
    while (true) {
      while (next < records.size() &&
             (records[next].partition() != place.partition || records[next].offset() < place.offset))
        ++next;
      if (next < records.size()) break;
      if (Clock::now() > deadline) return std::unexpected(Failure::late);
      records.clear();
      next = 0;
      if (const auto polled = reader.poll(records, kRecordsAtOnce, kPollWait); !polled && !polled.error().retryable) {
        log::error("the log cannot be read", {{"reason", polled.error().text}});
        return std::unexpected(Failure::late);
      }
    }
    const auto record = projections::read_record(records[next]);
    if (records[next].offset() != place.offset || !record || record->envelope.id != place.event_id) {
      log::error("the log does not hold what the read model says",
                 {{"partition", place.partition}, {"offset", place.offset}, {"event", place.event_id}});
      return std::unexpected(Failure::another_event);
    }
    if (!each(*record)) return {};
    at = EventPlace{place.partition, place.offset + 1, {}};
  }
  return {};
}

}  // namespace parley::api
