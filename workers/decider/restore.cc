#include "workers/decider/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "platform/log/log.h"
#include "schemas/events.h"
#include "workers/runtime/log_mismatch.h"

namespace parley::decider {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRequestWait{800};
constexpr milliseconds kPollWait{100};
constexpr std::size_t kFoldedAtOnce = 2'000;
/// Replies older than the window and this are not needed: stamps may be ahead of the clock by as much.
constexpr std::chrono::hours kWindowMargin{1};
/// Of these the command may have no remembered outcome: that it parked its stream is told to its sender alone.
constexpr std::string_view kParkingEvents = "parley.stream.";

/// Repeats a request until it answers; nothing when it was told to stop. Brokers may be away for a while.
template <class Request>
auto answered(const std::function<bool()>& go_on, Request request)
    -> std::expected<typename std::invoke_result_t<Request>::value_type, std::string> {
  while (go_on()) {
    auto answer = request();
    if (answer) return std::move(*answer);
    if (!answer.error().retryable) return std::unexpected(answer.error().text);
  }
  return std::unexpected(std::string());
}

class Folding {
 public:
  Folding(kafka::Consumer& reader, const RestoreTopics& topics, std::map<int, PartitionStore>& stores,
          const std::function<bool()>& go_on, bool forget_outcomes)
      : reader_(reader), topics_(topics), stores_(stores), go_on_(go_on), forget_outcomes_(forget_outcomes) {}

  /// False when it was told to stop.
  std::expected<bool, std::string> run() {
    std::vector<kafka::TopicPartition> events, replies;
    for (const auto& [partition, store] : stores_) {
      events.push_back({topics_.events, partition});
      replies.push_back({topics_.replies, partition});
    }
    // The replies' first: whatever event they tell of stands before the end that is asked for next.
    auto reply_ends =
        answered(go_on_, [&] { return reader_.end(replies, kafka::Isolation::read_uncommitted, kRequestWait); });
    if (!reply_ends) return stopped(std::move(reply_ends.error()));
    auto event_ends =
        answered(go_on_, [&] { return reader_.end(events, kafka::Isolation::read_uncommitted, kRequestWait); });
    if (!event_ends) return stopped(std::move(event_ends.error()));
    auto event_begins = answered(go_on_, [&] { return reader_.begin(events, kRequestWait); });
    if (!event_begins) return stopped(std::move(event_begins.error()));
    auto reply_begins =
        answered(go_on_, [&] { return reader_.at_time(replies, now_ - kOutcomeWindow - kWindowMargin, kRequestWait); });
    if (!reply_begins) return stopped(std::move(reply_begins.error()));

    std::vector<kafka::PartitionOffset> start;
    std::size_t i = 0;
    for (auto& [partition, store] : stores_) {
      const auto& progress = store.progress();
      const auto begin = (*event_begins)[i].offset, end = (*event_ends)[i].offset;
      if (progress.last_event >= end) {
        throw runtime::LogMismatch(
            fmt::format("{} ends at {}, but its event at {} was folded: it has lost its tail, or is another log",
                        place(topics_.events, partition), end, progress.last_event));
      }
      // The last event that it knows is read again: the witness.
      const auto from = progress.last_event >= 0 ? progress.last_event : 0;
      if (from < begin)
        throw runtime::LogMismatch(fmt::format("{} begins at {}: the beginning of the record is gone",
                                               place(topics_.events, partition), begin));
      if (progress.last_event >= 0) witnesses_.insert(partition);
      start.push_back({{topics_.events, partition}, from});
      auto next_reply = std::max(progress.next_reply, (*reply_begins)[i].offset);
      if (const auto reply_end = (*reply_ends)[i].offset; next_reply > reply_end) {
        log::warn("the replies end before what was folded of them: what this state remembers of them is all there is",
                  {{"partition", partition}, {"folded_to", progress.next_reply}, {"end", reply_end}});
        next_reply = (*reply_begins)[i].offset;
      }
      start.push_back({{topics_.replies, partition}, next_reply});
      ++i;
    }
    ends_ = std::move(*event_ends);
    ends_.insert(ends_.end(), reply_ends->begin(), reply_ends->end());
    std::ranges::sort(ends_);
    if (auto assigned = reader_.assign(start); !assigned) return std::unexpected(assigned.error().text);
    const auto passed = fold();
    static_cast<void>(reader_.assign({}));
    if (passed && *passed) {
      if (const auto lost = forgotten()) {
        if (!forget_outcomes_) throw runtime::LogMismatch(*lost);
        log::error("outcomes are lost and it was said to go on without them", {{"reason", *lost}});
      }
    }
    return passed;
  }

 private:
  static std::expected<bool, std::string> stopped(std::string reason) {
    if (reason.empty()) return false;
    return std::unexpected(std::move(reason));
  }
  static std::string place(const std::string& topic, int partition) { return fmt::format("{} {}", topic, partition); }

  /// An event and its command's outcome are written in one transaction. Where the newest event that is not itself an
  /// outcome is without one, replies are lost, and a command that is repeated could be decided a second time.
  std::optional<std::string> forgotten() const {
    for (const auto& [partition, event] : newest_) {
      const auto& store = stores_.at(partition);
      const auto until = event.time + kOutcomeWindow;
      if (until <= std::max(now_, store.progress().last_stamp) || unreadable_.contains(partition)) continue;
      if (event.type.starts_with(kParkingEvents) || store.outcome(event.causation)) continue;
      return fmt::format(
          "{} has lost outcomes of the last hours: a command that is repeated could be done twice. Restore it, or wait "
          "until {}, or start once with --forget-outcomes",
          place(topics_.replies, partition), schema::format_time(until));
    }
    return std::nullopt;
  }

  bool reached() const {
    auto positions = reader_.position();
    if (!positions) return false;
    std::ranges::sort(*positions);
    return std::ranges::equal(*positions, ends_, [](const auto& at, const auto& end) {
      return at.where == end.where && at.offset >= end.offset;
    });
  }

  std::expected<bool, std::string> fold() {
    std::vector<kafka::Message> records;
    while (!reached()) {
      if (!go_on_()) return false;
      records.clear();
      const auto polled = reader_.poll(records, kFoldedAtOnce, kPollWait);
      if (!polled && !polled.error().retryable) return std::unexpected(polled.error().text);
      std::map<int, Overlay> overlays;
      for (const auto& record : records) {
        auto& store = stores_.at(record.partition());
        auto& overlay = overlays.try_emplace(record.partition(), store).first->second;
        if (record.topic() == topics_.replies) {
          fold_reply(record, overlay);
          continue;
        }
        if (auto problem = fold_event(record, overlay, store.progress())) return std::unexpected(std::move(*problem));
      }
      for (auto& [partition, overlay] : overlays) stores_.at(partition).write(std::move(overlay).take());
    }
    if (!witnesses_.empty())
      throw runtime::LogMismatch(place(topics_.events, *witnesses_.begin()) +
                                 " does not hold the last event that was folded: another log");
    return true;
  }

  std::optional<std::string> fold_event(const kafka::Message& record, Overlay& overlay, const Progress& stored) {
    const auto where = [&] { return fmt::format("event at {}:{}: ", record.partition(), record.offset()); };
    const auto header = [&](std::string_view name) { return record.header(name); };
    auto envelope = schema::read_envelope(header);
    const bool is_witness = witnesses_.erase(record.partition()) > 0;
    if (is_witness && (record.offset() != stored.last_event || !envelope || envelope->id != stored.last_event_id)) {
      throw runtime::LogMismatch(fmt::format("{} has another event at {} than the one that was folded: another log",
                                             place(topics_.events, record.partition()), record.offset()));
    }
    if (!envelope) return where() + envelope.error();
    const auto mark = schema::read_answer_mark(header);
    if (is_witness) {
      if (!mark) note_newest(record.partition(), std::move(*envelope));
      return std::nullopt;
    }
    const auto event = schema::decode_event(envelope->type, record.value());
    if (!event) return fmt::format("{}{} {}", where(), event.error().field, event.error().issue);
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    for (const auto& header : record.headers()) headers.emplace_back(header.name, header.value);
    const std::optional<Event>& known = *event;
    try {
      overlay.apply(*envelope, known);
      overlay.passed_event(record.offset(), envelope->id, {record.key(), headers, record.value()});
      if (mark && known && envelope->time + kOutcomeWindow + kWindowMargin >= now_)
        overlay.answered(*envelope, *mark, *known, {record.partition(), record.offset()});
    } catch (const std::logic_error& broken) {
      return where() + broken.what();
    }
    if (!mark) note_newest(record.partition(), std::move(*envelope));
    return std::nullopt;
  }

  /// Of the events that a reply must tell of, as of those that are no outcome themselves. No command leads to a seal.
  void note_newest(int partition, schema::Envelope&& event) {
    if (!seals::is_seal(event.subject)) newest_.insert_or_assign(partition, std::move(event));
  }

  void fold_reply(const kafka::Message& record, Overlay& overlay) {
    const auto envelope = schema::read_reply_envelope([&](std::string_view name) { return record.header(name); });
    const auto outcome = schema::read_outcome(record.value());
    overlay.passed_reply(record.offset());
    if (!envelope || !outcome) {
      // From a later build than this one (a rollback): what it remembers cannot be given again, but its command is not
      // decided again either.
      log::error("a reply cannot be read", {{"partition", record.partition()}, {"offset", record.offset()}});
      if (envelope) overlay.passed_command(envelope->command_offset);
      unreadable_.insert(record.partition());
      return;
    }
    if (const auto& position = outcome->position) {
      const auto end = std::ranges::find(ends_, kafka::TopicPartition{topics_.events, record.partition()},
                                         &kafka::PartitionOffset::where);
      if (end != ends_.end() && position->offset >= end->offset) {
        throw runtime::LogMismatch(fmt::format("{} ends at {}, but {} tells of its event at {}: it has lost its tail",
                                               place(topics_.events, record.partition()), end->offset, topics_.replies,
                                               position->offset));
      }
    }
    overlay.apply(*envelope, {outcome->time, outcome->fingerprint, std::string(record.value())});
  }

  kafka::Consumer& reader_;
  const RestoreTopics& topics_;
  std::map<int, PartitionStore>& stores_;
  const std::function<bool()>& go_on_;
  const bool forget_outcomes_;
  const Timestamp now_ = std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  std::vector<kafka::PartitionOffset> ends_;
  std::set<int> witnesses_;
  std::map<int, schema::Envelope> newest_;  // events of commands that were read, by partition
  std::set<int> unreadable_;                // partitions with such replies: what they remember is not known
};

}  // namespace

std::expected<bool, std::string> restore(kafka::Consumer& reader, const RestoreTopics& topics,
                                         std::map<int, PartitionStore>& stores, const std::function<bool()>& go_on,
                                         bool forget_outcomes) {
  return Folding(reader, topics, stores, go_on, forget_outcomes).run();
}

}  // namespace parley::decider
