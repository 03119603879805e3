#include "platform/kafka/admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "platform/kafka/client.h"

namespace parley::kafka {
namespace {

constexpr std::size_t kErrorTextSize = 512;
constexpr const char* kNoGroup = "parley.admin";

using NewTopicHandle = std::unique_ptr<rd_kafka_NewTopic_t, DestroyWith<rd_kafka_NewTopic_destroy>>;
using DeleteTopicHandle = std::unique_ptr<rd_kafka_DeleteTopic_t, DestroyWith<rd_kafka_DeleteTopic_destroy>>;
using CollectionHandle = std::unique_ptr<rd_kafka_TopicCollection_t, DestroyWith<rd_kafka_TopicCollection_destroy>>;
using ListOffsetsHandle =
    std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t, DestroyWith<rd_kafka_ListConsumerGroupOffsets_destroy>>;
using AlterOffsetsHandle =
    std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t, DestroyWith<rd_kafka_AlterConsumerGroupOffsets_destroy>>;

Error topic_error(const rd_kafka_topic_result_t* result, const char* step) {
  Error error = to_error(rd_kafka_topic_result_error(result), step);
  const char* text = rd_kafka_topic_result_error_string(result);
  error.text = fmt::format("{} {}: {}", step, rd_kafka_topic_result_name(result), text != nullptr ? text : "");
  return error;
}

/// The one group that was asked for, with its partitions' own errors checked.
Result<std::vector<PartitionOffset>> group_answer(const rd_kafka_group_result_t* group, const char* step) {
  if (const auto* error = rd_kafka_group_result_error(group); error != nullptr)
    return std::unexpected(to_error(error, step));
  std::vector<PartitionOffset> out;
  const auto* list = rd_kafka_group_result_partitions(group);
  if (list == nullptr) return out;
  for (const auto& one : std::span(list->elems, static_cast<std::size_t>(list->cnt))) {
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(to_error(one.err, step));
    out.push_back({{one.topic, one.partition}, std::max<std::int64_t>(one.offset, -1)});
  }
  return out;
}

}  // namespace

struct Admin::Impl {
  Client client;
};

Admin::Admin(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Admin::Admin(Admin&&) noexcept = default;
Admin& Admin::operator=(Admin&&) noexcept = default;
Admin::~Admin() = default;

Result<Admin> Admin::open(const Config& config) {
  // A consumer of a group that it never joins: to "not coordinator", which a new broker answers for a while,
  // librdkafka 2.15.1 looks up the client's own group (rd_kafka_handle_OffsetFetch) and crashes where there is none.
  auto conf = make_conf(config, {{"group.id", kNoGroup}});
  if (!conf) return std::unexpected(std::move(conf.error()));
  auto impl = std::make_unique<Impl>();
  if (auto opened = impl->client.open(RD_KAFKA_CONSUMER, std::move(*conf)); !opened)
    return std::unexpected(std::move(opened.error()));
  return Admin(std::move(impl));
}

Error no_topic(const std::string& name) {
  return {Kind::unknown_topic, true, "there is no topic " + name + " (`parley topics` makes it)"};
}

std::optional<std::string> wrong_partitions(const TopicDescription& topic, int wanted) {
  if (topic.partitions == wanted) return std::nullopt;
  const auto has = std::to_string(topic.partitions);
  return fmt::format("this log has {} partitions ({}); --partitions says {} (PARLEY_PARTITIONS={})", has, topic.name,
                     wanted, has);
}

Result<bool> Admin::create_topic(const NewTopic& topic, std::chrono::milliseconds timeout) {
  std::array<char, kErrorTextSize> text{};
  const NewTopicHandle wanted(
      rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, topic.replication, text.data(), text.size()));
  if (!wanted) return std::unexpected(Error{Kind::invalid, false, text.data()});
  for (const auto& [key, value] : topic.config) rd_kafka_NewTopic_set_config(wanted.get(), key.c_str(), value.c_str());
  const OptionsHandle options = admin_options(impl_->client.raw(), RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout);
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), to_ms(timeout), text.data(), text.size());
  const QueueHandle queue(rd_kafka_queue_new(impl_->client.raw()));
  std::array<rd_kafka_NewTopic_t*, 1> topics{wanted.get()};
  rd_kafka_CreateTopics(impl_->client.raw(), topics.data(), topics.size(), options.get(), queue.get());
  auto event = await_admin(queue.get(), timeout, "create topic");
  if (!event) return std::unexpected(std::move(event.error()));
  std::size_t count = 0;
  const auto** results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  for (const auto* result : std::span(results, count)) {
    const auto code = rd_kafka_topic_result_error(result);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return false;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(topic_error(result, "create topic"));
  }
  return true;
}

Result<void> Admin::delete_topic(const std::string& name, std::chrono::milliseconds timeout) {
  const DeleteTopicHandle wanted(rd_kafka_DeleteTopic_new(name.c_str()));
  const OptionsHandle options = admin_options(impl_->client.raw(), RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout);
  const QueueHandle queue(rd_kafka_queue_new(impl_->client.raw()));
  std::array<rd_kafka_DeleteTopic_t*, 1> topics{wanted.get()};
  rd_kafka_DeleteTopics(impl_->client.raw(), topics.data(), topics.size(), options.get(), queue.get());
  auto event = await_admin(queue.get(), timeout, "delete topic");
  if (!event) return std::unexpected(std::move(event.error()));
  std::size_t count = 0;
  const auto** results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event->get()), &count);
  for (const auto* result : std::span(results, count)) {
    if (rd_kafka_topic_result_error(result) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return std::unexpected(topic_error(result, "delete topic"));
  }
  return {};
}

Result<std::vector<std::optional<TopicDescription>>> Admin::describe_topics(std::span<const std::string> names,
                                                                            std::chrono::milliseconds timeout) {
  std::vector<const char*> raw_names;
  for (const auto& name : names) raw_names.push_back(name.c_str());
  const CollectionHandle collection(rd_kafka_TopicCollection_of_topic_names(raw_names.data(), raw_names.size()));
  const OptionsHandle options = admin_options(impl_->client.raw(), RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout);
  const QueueHandle queue(rd_kafka_queue_new(impl_->client.raw()));
  rd_kafka_DescribeTopics(impl_->client.raw(), collection.get(), options.get(), queue.get());
  auto event = await_admin(queue.get(), timeout, "describe topics");
  if (!event) return std::unexpected(std::move(event.error()));
  std::size_t count = 0;
  const auto** results =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event->get()), &count);
  std::map<std::string, TopicDescription> found;
  for (const auto* result : std::span(results, count)) {
    const std::string name = rd_kafka_TopicDescription_name(result);
    if (const auto* error = rd_kafka_TopicDescription_error(result);
        error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) continue;
      return std::unexpected(to_error(error, "describe topics"));
    }
    std::size_t partitions = 0;
    rd_kafka_TopicDescription_partitions(result, &partitions);
    found[name] = {name, rd_kafka_Uuid_base64str(rd_kafka_TopicDescription_topic_id(result)),
                   static_cast<int>(partitions)};
  }
  std::vector<std::optional<TopicDescription>> out;
  for (const auto& name : names) {
    const auto it = found.find(name);
    out.push_back(it != found.end() ? std::optional(it->second) : std::nullopt);
  }
  return out;
}

Result<TopicDescription> Admin::describe_topic(const std::string& name, std::chrono::milliseconds timeout) {
  auto described = describe_topics(std::span(&name, 1), timeout);
  if (!described) return std::unexpected(std::move(described.error()));
  if (!described->front()) return std::unexpected(no_topic(name));
  return std::move(*described->front());
}

Result<std::vector<std::string>> Admin::groups(std::chrono::milliseconds timeout) {
  const OptionsHandle options = admin_options(impl_->client.raw(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, timeout);
  const QueueHandle queue(rd_kafka_queue_new(impl_->client.raw()));
  rd_kafka_ListConsumerGroups(impl_->client.raw(), options.get(), queue.get());
  auto event = await_admin(queue.get(), timeout, "list groups");
  if (!event) return std::unexpected(std::move(event.error()));
  const auto* listed = rd_kafka_event_ListConsumerGroups_result(event->get());
  std::size_t count = 0;
  const auto** errors = rd_kafka_ListConsumerGroups_result_errors(listed, &count);
  if (count > 0) return std::unexpected(to_error(errors[0], "list groups"));
  const auto** groups = rd_kafka_ListConsumerGroups_result_valid(listed, &count);
  std::vector<std::string> out;
  for (const auto* one : std::span(groups, count)) out.emplace_back(rd_kafka_ConsumerGroupListing_group_id(one));
  return out;
}

Result<std::vector<PartitionOffset>> Admin::group_offsets(const std::string& group,
                                                          std::span<const TopicPartition> partitions,
                                                          std::chrono::milliseconds timeout) {
  const ListHandle list = to_list(partitions);
  const ListOffsetsHandle request(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), list.get()));
  const OptionsHandle options = admin_options(impl_->client.raw(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout);
  const ErrorHandle refused(rd_kafka_AdminOptions_set_require_stable_offsets(options.get(), 1));
  if (refused) return std::unexpected(to_error(refused.get(), "list group offsets"));
  const QueueHandle queue(rd_kafka_queue_new(impl_->client.raw()));
  std::array<rd_kafka_ListConsumerGroupOffsets_t*, 1> requests{request.get()};
  rd_kafka_ListConsumerGroupOffsets(impl_->client.raw(), requests.data(), requests.size(), options.get(), queue.get());
  auto event = await_admin(queue.get(), timeout, "list group offsets");
  if (!event) return std::unexpected(std::move(event.error()));
  std::size_t count = 0;
  const auto** groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event->get()), &count);
  if (count != 1) return std::unexpected(Error{Kind::fatal, false, "list group offsets: no answer"});
  return group_answer(groups[0], "list group offsets");
}

Result<void> Admin::set_group_offsets(const std::string& group, std::span<const PartitionOffset> positions,
                                      std::chrono::milliseconds timeout) {
  const ListHandle list = to_list(positions);
  const AlterOffsetsHandle request(rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), list.get()));
  const OptionsHandle options =
      admin_options(impl_->client.raw(), RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, timeout);
  const QueueHandle queue(rd_kafka_queue_new(impl_->client.raw()));
  std::array<rd_kafka_AlterConsumerGroupOffsets_t*, 1> requests{request.get()};
  rd_kafka_AlterConsumerGroupOffsets(impl_->client.raw(), requests.data(), requests.size(), options.get(), queue.get());
  auto event = await_admin(queue.get(), timeout, "set group offsets");
  if (!event) return std::unexpected(std::move(event.error()));
  std::size_t count = 0;
  const auto** groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
      rd_kafka_event_AlterConsumerGroupOffsets_result(event->get()), &count);
  if (count != 1) return std::unexpected(Error{Kind::fatal, false, "set group offsets: no answer"});
  auto answer = group_answer(groups[0], "set group offsets");
  if (!answer) return std::unexpected(std::move(answer.error()));
  return {};
}

Result<std::vector<PartitionOffset>> Admin::begin(std::span<const TopicPartition> partitions,
                                                  std::chrono::milliseconds timeout) {
  return list_edges(impl_->client.raw(), partitions, Edge::begin, Isolation::read_uncommitted, timeout);
}

Result<std::vector<PartitionOffset>> Admin::end(std::span<const TopicPartition> partitions, Isolation isolation,
                                                std::chrono::milliseconds timeout) {
  return list_edges(impl_->client.raw(), partitions, Edge::end, isolation, timeout);
}

}  // namespace parley::kafka
