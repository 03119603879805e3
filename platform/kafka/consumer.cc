#include "platform/kafka/consumer.h"

#include <algorithm>
#include <map>

#include "platform/kafka/client.h"
#include "platform/kafka/poll.h"

namespace parley::kafka {

struct Consumer::Impl {
  Client client;
  std::map<TopicPartition, std::int64_t> assigned;

  ~Impl() {
    if (client.raw() != nullptr) rd_kafka_consumer_close(client.raw());
  }
};

Consumer::Consumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&&) noexcept = default;
Consumer::~Consumer() = default;

Result<Consumer> Consumer::open(const Config& config, const Options& options) {
  auto conf = make_conf(
      config,
      {{"group.id", "parley.tailer"},  // librdkafka asks for one; it is never used without subscribe or commit
       {"enable.auto.commit", "false"},
       {"enable.auto.offset.store", "false"},
       {"auto.offset.reset", "error"},
       {"isolation.level", options.isolation == Isolation::read_committed ? "read_committed" : "read_uncommitted"},
       {"fetch.wait.max.ms", std::to_string(to_ms(options.fetch_wait_max))},
       {"queued.max.messages.kbytes", std::to_string(options.prefetch_kib_max)},
       {"fetch.error.backoff.ms", "100"},
       {"socket.nagle.disable", "true"}});
  if (!conf) return std::unexpected(std::move(conf.error()));
  auto impl = std::make_unique<Impl>();
  if (auto opened = impl->client.open(RD_KAFKA_CONSUMER, std::move(*conf)); !opened)
    return std::unexpected(std::move(opened.error()));
  rd_kafka_poll_set_consumer(impl->client.raw());
  return Consumer(std::move(impl));
}

Result<void> Consumer::assign(std::span<const PartitionOffset> positions) {
  const ListHandle list = to_list(positions);
  if (const auto code = rd_kafka_assign(impl_->client.raw(), list.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(to_error(code, "assign"));
  }
  impl_->assigned.clear();
  for (const auto& position : positions) impl_->assigned[position.where] = position.offset;
  return {};
}

Result<void> Consumer::seek(const PartitionOffset& position, std::chrono::milliseconds timeout) {
  const ListHandle list = to_list(std::span(&position, 1));
  const ErrorHandle error(rd_kafka_seek_partitions(impl_->client.raw(), list.get(), to_ms(timeout)));
  if (error) return std::unexpected(to_error(error.get(), "seek"));
  if (const auto code = list->elems[0].err; code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return std::unexpected(to_error(code, "seek"));
  impl_->assigned[position.where] = position.offset;
  return {};
}

Result<void> Consumer::poll(std::vector<Message>& out, std::size_t count_max, std::chrono::milliseconds wait) {
  return poll_records(impl_->client, out, count_max, wait);
}

Result<std::vector<PartitionOffset>> Consumer::position() const {
  std::vector<PartitionOffset> out;
  out.reserve(impl_->assigned.size());
  for (const auto& [where, offset] : impl_->assigned) out.push_back({where, offset});
  const ListHandle list = to_list(out);
  if (const auto code = rd_kafka_position(impl_->client.raw(), list.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(to_error(code, "position"));
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (list->elems[i].offset >= 0) out[i].offset = std::max(out[i].offset, list->elems[i].offset);
  }
  return out;
}

Result<std::vector<PartitionOffset>> Consumer::begin(std::span<const TopicPartition> partitions,
                                                     std::chrono::milliseconds timeout) const {
  return list_edges(impl_->client.raw(), partitions, Edge::begin, Isolation::read_uncommitted, timeout);
}

Result<std::vector<PartitionOffset>> Consumer::end(std::span<const TopicPartition> partitions, Isolation isolation,
                                                   std::chrono::milliseconds timeout) const {
  return list_edges(impl_->client.raw(), partitions, Edge::end, isolation, timeout);
}

Result<std::vector<PartitionOffset>> Consumer::at_time(std::span<const TopicPartition> partitions, RecordTime time,
                                                       std::chrono::milliseconds timeout) const {
  auto ends = end(partitions, Isolation::read_uncommitted, timeout);
  if (!ends) return ends;
  const ListHandle list = to_list(partitions);
  for (auto& one : std::span(list->elems, static_cast<std::size_t>(list->cnt))) {
    // Below 0 Kafka has other meanings for it (the beginning, the end); nothing was written before 1970.
    one.offset = std::max<std::int64_t>(time.time_since_epoch().count(), 0);
  }
  if (const auto code = rd_kafka_offsets_for_times(impl_->client.raw(), list.get(), to_ms(timeout));
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(to_error(code, "offsets for times"));
  }
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const auto& one = list->elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(to_error(one.err, "offsets for times"));
    if (one.offset >= 0) (*ends)[i].offset = one.offset;
  }
  return ends;
}

}  // namespace parley::kafka
