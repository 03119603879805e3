#include "platform/kafka/group_consumer.h"

#include <memory>

#include "platform/kafka/client.h"
#include "platform/kafka/poll.h"
#include "platform/log/log.h"

namespace parley::kafka {
namespace {

void warn_on(rd_kafka_resp_err_t code, const char* what) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    log::warn("kafka rebalance", {{"step", what}, {"error", rd_kafka_err2name(code)}});
}

}  // namespace

struct GroupConsumer::Impl {
  Client client;
  Callbacks callbacks;
  std::uint64_t generation = 0;
  bool closed = false;

  ~Impl() { close(); }

  void close() {
    if (closed || client.raw() == nullptr) return;
    closed = true;
    rd_kafka_consumer_close(client.raw());
  }

  static void on_rebalance(rd_kafka_t* raw, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                           void* opaque) noexcept {
    auto& self = *static_cast<Impl*>(opaque);
    ++self.generation;
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      const bool lost = rd_kafka_assignment_lost(raw) != 0;
      self.callbacks.on_revoke(partitions_of(*list), lost);
      warn_on(rd_kafka_assign(raw, nullptr), "unassign");
      return;
    }
    GroupMetadata metadata;
    metadata.value_ = std::shared_ptr<void>(rd_kafka_consumer_group_metadata(raw), [](void* value) {
      if (value != nullptr)
        rd_kafka_consumer_group_metadata_destroy(static_cast<rd_kafka_consumer_group_metadata_t*>(value));
    });
    warn_on(rd_kafka_assign(raw, list), "assign");
    warn_on(rd_kafka_pause_partitions(raw, list), "pause");
    self.callbacks.on_assign(partitions_of(*list), std::move(metadata));
  }
};

GroupConsumer::GroupConsumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GroupConsumer::GroupConsumer(GroupConsumer&&) noexcept = default;
GroupConsumer& GroupConsumer::operator=(GroupConsumer&&) noexcept = default;
GroupConsumer::~GroupConsumer() = default;

Result<GroupConsumer> GroupConsumer::open(const Config& config, const Options& options, Callbacks callbacks) {
  Properties ours{{"group.id", options.group},
                  {"group.protocol", "classic"},
                  {"partition.assignment.strategy", "range"},
                  {"session.timeout.ms", std::to_string(to_ms(options.session_timeout))},
                  {"heartbeat.interval.ms", std::to_string(to_ms(options.session_timeout / 6))},
                  {"max.poll.interval.ms", std::to_string(to_ms(options.poll_interval_max))},
                  {"enable.auto.commit", "false"},
                  {"enable.auto.offset.store", "false"},
                  {"auto.offset.reset", "error"},
                  {"isolation.level", "read_committed"},
                  {"fetch.wait.max.ms", std::to_string(to_ms(options.fetch_wait_max))},
                  {"queued.max.messages.kbytes", std::to_string(options.prefetch_kib_max)},
                  {"fetch.error.backoff.ms", "100"},
                  {"socket.nagle.disable", "true"}};
  if (!options.instance.empty()) ours.emplace_back("group.instance.id", options.instance);
  auto conf = make_conf(config, ours);
  if (!conf) return std::unexpected(std::move(conf.error()));
  auto impl = std::make_unique<Impl>();
  impl->callbacks = std::move(callbacks);
  rd_kafka_conf_set_opaque(conf->get(), impl.get());
  rd_kafka_conf_set_rebalance_cb(conf->get(), &Impl::on_rebalance);
  if (auto opened = impl->client.open(RD_KAFKA_CONSUMER, std::move(*conf)); !opened)
    return std::unexpected(std::move(opened.error()));
  rd_kafka_poll_set_consumer(impl->client.raw());
  const ListHandle topics(rd_kafka_topic_partition_list_new(static_cast<int>(options.topics.size())));
  for (const auto& topic : options.topics)
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  if (const auto code = rd_kafka_subscribe(impl->client.raw(), topics.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(to_error(code, "subscribe"));
  }
  return GroupConsumer(std::move(impl));
}

Result<void> GroupConsumer::poll(std::vector<Message>& out, std::size_t count_max, std::chrono::milliseconds wait) {
  return poll_records(impl_->client, out, count_max, wait);
}

std::uint64_t GroupConsumer::generation() const { return impl_->generation; }

Result<std::vector<PartitionOffset>> GroupConsumer::committed(std::span<const TopicPartition> partitions,
                                                              std::chrono::milliseconds timeout) const {
  const ListHandle list = to_list(partitions);
  if (const auto code = rd_kafka_committed(impl_->client.raw(), list.get(), to_ms(timeout));
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(to_error(code, "committed"));
  }
  std::vector<PartitionOffset> out;
  out.reserve(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const auto& one = list->elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(to_error(one.err, "committed"));
    out.push_back({partitions[i], one.offset >= 0 ? one.offset : -1});
  }
  return out;
}

Result<void> GroupConsumer::commit(std::span<const PartitionOffset> positions, std::chrono::milliseconds timeout) {
  const ListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())));
  for (const auto& one : positions)
    rd_kafka_topic_partition_list_add(list.get(), one.where.topic.c_str(), one.where.partition)->offset = one.offset;
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> answers(
      rd_kafka_queue_new(impl_->client.raw()), &rd_kafka_queue_destroy);
  if (const auto code = rd_kafka_commit_queue(impl_->client.raw(), list.get(), answers.get(), nullptr, nullptr);
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(to_error(code, "commit"));
  }
  const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> answer(
      rd_kafka_queue_poll(answers.get(), to_ms(timeout)), &rd_kafka_event_destroy);
  if (answer == nullptr) return std::unexpected(Error{Kind::timeout, true, "commit: no answer"});
  if (const auto code = rd_kafka_event_error(answer.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return std::unexpected(to_error(code, "commit"));
  return {};
}

Result<void> GroupConsumer::resume(std::span<const TopicPartition> partitions) {
  const ListHandle list = to_list(partitions);
  const auto code = rd_kafka_resume_partitions(impl_->client.raw(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(to_error(code, "resume"));
  return {};
}

Result<void> GroupConsumer::pause(std::span<const TopicPartition> partitions) {
  const ListHandle list = to_list(partitions);
  const auto code = rd_kafka_pause_partitions(impl_->client.raw(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(to_error(code, "pause"));
  return {};
}

void GroupConsumer::close() { impl_->close(); }

}  // namespace parley::kafka
