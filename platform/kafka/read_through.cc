#include "platform/kafka/read_through.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <thread>

namespace parley::kafka {
namespace {

using Clock = std::chrono::steady_clock;

/// Behind the last record there is often a transaction's marker, which nobody is handed: that it was passed is seen
/// after so long.
constexpr std::chrono::milliseconds kPollWait{10};
constexpr std::chrono::milliseconds kPause{100};
constexpr std::size_t kRecordsAtOnce = 5'000;

/// A partition that has no leader just now gets one.
template <class Request>
auto patiently(Request request) {
  const auto deadline = Clock::now() + kReadPatience;
  auto answer = request();
  while (!answer && answer.error().retryable && Clock::now() < deadline) {
    std::this_thread::sleep_for(kPause);
    answer = request();
  }
  return answer;
}

}  // namespace

std::vector<TopicPartition> every_partition(const std::string& topic, int count) {
  std::vector<TopicPartition> out;
  out.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) out.push_back({topic, i});
  return out;
}

Result<std::vector<Stretch>> all_of(const Consumer& reader, std::span<const TopicPartition> partitions,
                                    Isolation isolation) {
  const auto begin = patiently([&] { return reader.begin(partitions); });
  if (!begin) return std::unexpected(begin.error());
  const auto end = patiently([&] { return reader.end(partitions, isolation); });
  if (!end) return std::unexpected(end.error());
  std::vector<Stretch> out;
  out.reserve(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i)
    out.push_back({partitions[i], (*begin)[i].offset, (*end)[i].offset});
  return out;
}

Result<void> read_through(Consumer& reader, std::span<const Stretch> stretches,
                          const std::function<bool(const Message&)>& each,
                          const std::function<void(const ReadSoFar&)>& progress) {
  std::map<TopicPartition, const Stretch*> unread;
  std::vector<PartitionOffset> from;
  ReadSoFar so_far;
  for (const auto& stretch : stretches) {
    if (stretch.from >= stretch.to) continue;
    unread.emplace(stretch.where, &stretch);
    from.push_back({stretch.where, stretch.from});
    so_far.total += stretch.to - stretch.from;
  }
  if (const auto assigned = reader.assign(from); !assigned) return assigned;
  std::vector<Message> records;
  for (auto moved = Clock::now(); !unread.empty();) {
    records.clear();
    if (const auto polled = reader.poll(records, kRecordsAtOnce, kPollWait); !polled && !polled.error().retryable)
      return polled;
    for (const auto& record : records) {
      const auto stretch = unread.find({std::string(record.topic()), record.partition()});
      if (stretch == unread.end() || record.offset() >= stretch->second->to) continue;
      if (!each(record)) return reader.assign({});
    }
    const auto positions = reader.position();
    if (!positions) return std::unexpected(positions.error());
    auto done = so_far.total;
    for (const auto& at : *positions) {
      const auto stretch = unread.find(at.where);
      if (stretch == unread.end()) continue;
      if (at.offset >= stretch->second->to) {
        unread.erase(stretch);
      } else {
        done -= stretch->second->to - at.offset;
      }
    }
    if (done > so_far.done) {
      moved = Clock::now();
      so_far.done = done;
      if (progress) progress(so_far);
    }
    if (Clock::now() - moved > kReadPatience) {
      const auto& waiting = unread.begin()->first;
      return std::unexpected(
          Error{Kind::timeout, true, fmt::format("nothing more comes of {} {}", waiting.topic, waiting.partition)});
    }
  }
  return reader.assign({});
}

}  // namespace parley::kafka
