#include "workers/projector/parked_reader.h"

#include <fmt/format.h>

#include <chrono>

#include "workers/runtime/log_mismatch.h"

namespace parley::projector {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAtOnce = 500;
constexpr auto kPollWait = 50ms;
// Reading takes no longer in one turn; what is not read by then is read in the next.
constexpr auto kReadMax = 2s;
// A parked event that stands further on than this is sought; up to it the log is read on.
constexpr std::int64_t kSeekFrom = 2'000;
constexpr int kPrefetchKib = 1'024;

}  // namespace

std::expected<std::vector<kafka::Message>, std::string> ParkedReader::read(
    std::int32_t partition, const std::vector<projections::ParkedEvent>& events) {
  if (!reader_) {
    auto opened = kafka::Consumer::open(kafka_, {.prefetch_kib_max = kPrefetchKib});
    if (!opened) return std::unexpected("Kafka: " + opened.error().text);
    reader_.emplace(std::move(*opened));
  }
  std::vector<kafka::Message> found, polled;
  std::optional<std::int64_t> read_to;
  for (const auto until = std::chrono::steady_clock::now() + kReadMax;
       found.size() < events.size() && std::chrono::steady_clock::now() < until; polled.clear()) {
    const std::int64_t wanted = events[found.size()].position;
    if (!read_to || wanted - *read_to > kSeekFrom) {
      const kafka::PartitionOffset position{{topic_, partition}, wanted};
      if (const auto reading = reader_->assign({&position, 1}); !reading)
        return std::unexpected("Kafka: " + reading.error().text);
      read_to = wanted;
    }
    const auto read = reader_->poll(polled, kAtOnce, kPollWait);
    if (!read && !read.error().retryable) return std::unexpected("parked events cannot be read: " + read.error().text);
    for (auto& message : polled) {
      if (found.size() == events.size()) break;
      read_to = message.offset() + 1;
      if (message.offset() < events[found.size()].position) continue;
      if (message.offset() > events[found.size()].position) {
        throw runtime::another_log(
            fmt::format("it has no event at {}:{}, where one is parked", partition, events[found.size()].position));
      }
      found.push_back(std::move(message));
    }
  }
  return found;
}

}  // namespace parley::projector
