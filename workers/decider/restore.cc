#include "workers/decider/restore.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "platform/log/log.h"
#include "schemas/events.h"

namespace parley::decider {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRequestWait{800};
constexpr milliseconds kPollWait{100};
constexpr std::size_t kFoldedAtOnce = 2'000;
/// Replies older than the window and this are not needed: stamps may be ahead of the clock by as much.
constexpr std::chrono::hours kWindowMargin{1};

enum class Pass { finished, interrupted, again };

/// Repeats a request until it answers; nothing when it was told to stop. Brokers may be away for a while.
template <class Request>
auto answered(const std::function<bool()>& go_on, Request request) -> std::expected<typename std::invoke_result_t<Request>::value_type, std::string> {
  while (go_on()) {
    auto answer = request();
    if (answer) return std::move(*answer);
    if (!answer.error().retryable) return std::unexpected(answer.error().text);
  }
  return std::unexpected(std::string());
}

class Folding {
 public:
  Folding(kafka::Consumer& reader, const RestoreTopics& topics, std::map<int, PartitionStore>& stores, const std::function<bool()>& go_on)
      : reader_(reader), topics_(topics), stores_(stores), go_on_(go_on) {}

  std::expected<Pass, std::string> run() {
    std::vector<kafka::TopicPartition> events, replies;
    for (const auto& [partition, store] : stores_) {
      events.push_back({topics_.events, partition});
      replies.push_back({topics_.replies, partition});
    }
    const auto now = std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
    auto event_ends = answered(go_on_, [&] { return reader_.end(events, kafka::Isolation::read_uncommitted, kRequestWait); });
    if (!event_ends) return stopped(std::move(event_ends.error()));
    auto reply_ends = answered(go_on_, [&] { return reader_.end(replies, kafka::Isolation::read_uncommitted, kRequestWait); });
    if (!reply_ends) return stopped(std::move(reply_ends.error()));
    auto event_begins = answered(go_on_, [&] { return reader_.begin(events, kRequestWait); });
    if (!event_begins) return stopped(std::move(event_begins.error()));
    auto reply_begins = answered(go_on_, [&] { return reader_.at_time(replies, now - kOutcomeWindow - kWindowMargin, kRequestWait); });
    if (!reply_begins) return stopped(std::move(reply_begins.error()));

    std::vector<kafka::PartitionOffset> start;
    std::size_t i = 0;
    for (auto& [partition, store] : stores_) {
      const auto& progress = store.progress();
      const auto begin = (*event_begins)[i].offset, end = (*event_ends)[i].offset;
      if (progress.last_event >= 0 && (progress.last_event < begin || progress.last_event >= end))
        return renew(partition, "its last event is not in the log");
      // The last event that it knows is read again: the witness.
      const auto from = progress.last_event >= 0 ? progress.last_event : 0;
      if (from < begin) return std::unexpected(topics_.events + ": the beginning of the record is gone, partition " + std::to_string(partition));
      if (progress.last_event >= 0) witnesses_.insert(partition);
      start.push_back({{topics_.events, partition}, from});
      start.push_back({{topics_.replies, partition}, std::min(std::max(progress.next_reply, (*reply_begins)[i].offset), (*reply_ends)[i].offset)});
      ++i;
    }
    ends_ = std::move(*event_ends);
    ends_.insert(ends_.end(), reply_ends->begin(), reply_ends->end());
    std::ranges::sort(ends_);
    if (auto assigned = reader_.assign(start); !assigned) return std::unexpected(assigned.error().text);
    const auto passed = fold();
    static_cast<void>(reader_.assign({}));
    return passed;
  }

 private:
  static std::expected<Pass, std::string> stopped(std::string reason) {
    if (reason.empty()) return Pass::interrupted;
    return std::unexpected(std::move(reason));
  }

  std::expected<Pass, std::string> renew(int partition, std::string_view reason) {
    auto& store = stores_.at(partition);
    log::warn("the state is discarded and folded again", {{"partition", partition}, {"reason", reason}});
    auto fresh = PartitionStore::renew(std::move(store));
    if (!fresh) return std::unexpected(std::move(fresh.error()));
    store = std::move(*fresh);
    return Pass::again;
  }

  bool reached() const {
    auto positions = reader_.position();
    if (!positions) return false;
    std::ranges::sort(*positions);
    return std::ranges::equal(*positions, ends_, [](const auto& at, const auto& end) { return at.where == end.where && at.offset >= end.offset; });
  }

  std::expected<Pass, std::string> fold() {
    std::vector<kafka::Message> records;
    while (!reached()) {
      if (!go_on_()) return Pass::interrupted;
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
        if (witnesses_.erase(record.partition()) > 0) {
          if (record.offset() != store.progress().last_event || record.header("ce_id") != store.progress().last_event_id) {
            return renew(record.partition(), "its last event is another one in the log");
          }
          continue;
        }
        if (auto problem = fold_event(record, overlay)) return std::unexpected(std::move(*problem));
      }
      for (auto& [partition, overlay] : overlays) stores_.at(partition).write(std::move(overlay).take());
    }
    if (!witnesses_.empty()) return renew(*witnesses_.begin(), "its last event is not in the log");
    return Pass::finished;
  }

  // The names that schemas/ asks for are literals, and so end in NUL.
  static std::optional<std::string> fold_event(const kafka::Message& record, Overlay& overlay) {
    const auto where = [&] { return "event at " + std::to_string(record.partition()) + ":" + std::to_string(record.offset()) + ": "; };
    const auto envelope = schema::read_envelope([&](std::string_view name) { return record.header(name.data()); });
    if (!envelope) return where() + envelope.error();
    const auto event = schema::decode_event(envelope->type, record.value());
    if (!event) return where() + event.error().field + " " + event.error().issue;
    try {
      overlay.apply(*envelope, *event);
    } catch (const std::logic_error& broken) {
      return where() + broken.what();
    }
    overlay.passed_event(record.offset(), envelope->id);
    return std::nullopt;
  }

  static void fold_reply(const kafka::Message& record, Overlay& overlay) {
    const auto envelope = schema::read_reply_envelope([&](std::string_view name) { return record.header(name.data()); });
    const auto outcome = schema::read_outcome(record.value());
    overlay.passed_reply(record.offset());
    if (!envelope || !outcome) {
      // From a later build than this one (a rollback): what it remembers cannot be given again, but its command is not decided again either.
      log::error("a reply cannot be read", {{"partition", record.partition()}, {"offset", record.offset()}});
      if (envelope) overlay.passed_command(envelope->command_offset);
      return;
    }
    overlay.apply(*envelope, {outcome->time, outcome->fingerprint, std::string(record.value())});
  }

  kafka::Consumer& reader_;
  const RestoreTopics& topics_;
  std::map<int, PartitionStore>& stores_;
  const std::function<bool()>& go_on_;
  std::vector<kafka::PartitionOffset> ends_;
  std::set<int> witnesses_;
};

}  // namespace

std::expected<bool, std::string> restore(kafka::Consumer& reader, const RestoreTopics& topics, std::map<int, PartitionStore>& stores,
                                         const std::function<bool()>& go_on) {
  while (true) {
    const auto passed = Folding(reader, topics, stores, go_on).run();
    if (!passed) return std::unexpected(passed.error());
    if (*passed != Pass::again) return *passed == Pass::finished;
  }
}

}  // namespace parley::decider
