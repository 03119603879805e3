#include "platform/kafka/client.h"

#include <fmt/format.h>

#include <pthread.h>

#include <algorithm>
#include <array>
#include <limits>

#include "platform/log/log.h"
#include "platform/process/process.h"

namespace parley::kafka {
namespace {

constexpr std::size_t kErrorTextSize = 512;
/// How often it is looked whether a client has a broker to ask, and how long that answer may take.
constexpr std::chrono::milliseconds kBrokersLook{2'000};
constexpr std::chrono::milliseconds kBrokersWait{500};
/// librdkafka keeps every list of brokers that it is given: while Kafka is away it is given one as rarely as this in
/// the end.
constexpr std::chrono::milliseconds kBrokersLookMax{16'000};

void on_log(const rd_kafka_t* raw, int level, const char* facility, const char* text) {
  constexpr int kSyslogWarning = 4;
  const std::string_view client = raw != nullptr ? rd_kafka_name(raw) : "";
  if (level <= kSyslogWarning) {
    log::warn("kafka client", {{"client", client}, {"facility", facility}, {"text", text}});
  } else {
    log::debug("kafka client", {{"client", client}, {"facility", facility}, {"text", text}});
  }
}

/// Asks for what the client remembers of topics: all, or those that it uses.
rd_kafka_resp_err_t refresh_metadata(rd_kafka_t* raw, bool all_topics, std::chrono::milliseconds timeout) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto code = rd_kafka_metadata(raw, all_topics ? 1 : 0, nullptr, &metadata, to_ms(timeout));
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(metadata);
  return code;
}

Kind kind_of(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__NODE_UPDATE:
    case RD_KAFKA_RESP_ERR__NO_OFFSET:
    case RD_KAFKA_RESP_ERR__NOENT:  // of a list of offsets: its metadata know no leader
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
      return Kind::unavailable;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      return Kind::timeout;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return Kind::queue_full;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED:
      return Kind::fenced;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
      return Kind::rebalanced;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return Kind::no_offset;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
      return Kind::unknown_topic;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return Kind::too_large;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return Kind::denied;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return Kind::invalid;
    default:
      return Kind::fatal;
  }
}

std::string described(std::string_view context, std::string_view text) {
  return std::string(context).append(": ").append(text);
}

}  // namespace

std::string described(const Error& error) { return fmt::format("{}: {}", name(error.kind), error.text); }

bool is_transient(const Error& error) {
  return error.retryable || error.kind == Kind::rebalanced || error.kind == Kind::unknown_topic;
}

const char* name(Kind kind) {
  switch (kind) {
    case Kind::unavailable:
      return "unavailable";
    case Kind::timeout:
      return "timeout";
    case Kind::queue_full:
      return "queue_full";
    case Kind::fenced:
      return "fenced";
    case Kind::rebalanced:
      return "rebalanced";
    case Kind::no_offset:
      return "no_offset";
    case Kind::unknown_topic:
      return "unknown_topic";
    case Kind::too_large:
      return "too_large";
    case Kind::denied:
      return "denied";
    case Kind::invalid:
      return "invalid";
    case Kind::fatal:
      return "fatal";
  }
  return "fatal";
}

Error to_error(rd_kafka_resp_err_t code, std::string_view context) {
  const Kind kind = kind_of(code);
  const bool retryable = kind == Kind::unavailable || kind == Kind::timeout || kind == Kind::queue_full;
  return {kind, retryable, described(context, rd_kafka_err2str(code))};
}

Error to_error(const rd_kafka_error_t* error, std::string_view context) {
  Error out = to_error(rd_kafka_error_code(error), context);
  out.text = described(context, rd_kafka_error_string(error));
  if (rd_kafka_error_is_fatal(error) != 0 && out.kind != Kind::fenced) out.kind = Kind::fatal;
  out.retryable = rd_kafka_error_is_retriable(error) != 0;
  return out;
}

ListHandle to_list(std::span<const TopicPartition> partitions) {
  ListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const auto& one : partitions) rd_kafka_topic_partition_list_add(list.get(), one.topic.c_str(), one.partition);
  return list;
}

ListHandle to_list(std::span<const PartitionOffset> positions) {
  ListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())));
  for (const auto& one : positions)
    rd_kafka_topic_partition_list_add(list.get(), one.where.topic.c_str(), one.where.partition)->offset = one.offset;
  return list;
}

std::vector<TopicPartition> partitions_of(const rd_kafka_topic_partition_list_t& list) {
  std::vector<TopicPartition> out;
  out.reserve(static_cast<std::size_t>(list.cnt));
  for (const auto& one : std::span(list.elems, static_cast<std::size_t>(list.cnt)))
    out.push_back({one.topic, one.partition});
  return out;
}

int to_ms(std::chrono::milliseconds wait) {
  return static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, std::numeric_limits<int>::max()));
}

Result<ConfHandle> make_conf(const Config& config, const Properties& ours) {
  ConfHandle conf(rd_kafka_conf_new());
  std::array<char, kErrorTextSize> text{};
  auto set = [&](const std::string& key, const std::string& value) {
    return rd_kafka_conf_set(conf.get(), key.c_str(), value.c_str(), text.data(), text.size()) == RD_KAFKA_CONF_OK;
  };
  bool taken = set("bootstrap.servers", config.brokers) && set("client.id", config.client_id);
  for (const auto& [key, value] : config.properties) taken = taken && set(key, value);
  for (const auto& [key, value] : ours) taken = taken && set(key, value);
  if (!taken) return std::unexpected(Error{Kind::invalid, false, text.data()});
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  return conf;
}

Client::~Client() {
  brokers_keeper_ = {};  // ends it
  for (const auto& [name, topic] : topics_) rd_kafka_topic_destroy(topic);
  if (raw_ != nullptr) rd_kafka_destroy(raw_);
}

Result<void> Client::open(rd_kafka_type_t type, ConfHandle conf) {
  std::array<char, kErrorTextSize> text{};
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  std::string bootstrap;
  if (std::size_t size = 0; rd_kafka_conf_get(conf.get(), "bootstrap.servers", nullptr, &size) == RD_KAFKA_CONF_OK) {
    bootstrap.resize(size);
    rd_kafka_conf_get(conf.get(), "bootstrap.servers", bootstrap.data(), &size);
    bootstrap.resize(size - 1);  // without its NUL
  }
  raw_ = rd_kafka_new(type, conf.get(), text.data(), text.size());
  if (raw_ == nullptr) return std::unexpected(Error{Kind::invalid, false, text.data()});
  static_cast<void>(conf.release());  // rd_kafka_new took it
  brokers_keeper_ = std::jthread([this, bootstrap](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), "kafka-brokers");
    keep_brokers(stop, bootstrap);
  });
  return {};
}

void Client::keep_brokers(const std::stop_token& stop, const std::string& bootstrap) {
  auto period = kBrokersLook;
  while (process::pause(stop, period)) {
    if (refresh_metadata(raw_, false, kBrokersWait) != RD_KAFKA_RESP_ERR__TRANSPORT) {
      period = kBrokersLook;
      continue;
    }
    rd_kafka_brokers_add(raw_, bootstrap.c_str());
    period = std::min(2 * period, kBrokersLookMax);
  }
}

void Client::on_error(rd_kafka_t* raw, int code, const char* reason, void*) {
  log::warn("kafka client error", {{"client", rd_kafka_name(raw)},
                                   {"error", rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(code))},
                                   {"text", reason}});
}

rd_kafka_topic_t* Client::topic(std::string_view name) {
  const std::lock_guard lock(topics_mutex_);
  auto it = topics_.find(name);
  if (it == topics_.end()) {
    std::string owned(name);
    rd_kafka_topic_t* created = rd_kafka_topic_new(raw_, owned.c_str(), nullptr);
    it = topics_.emplace(std::move(owned), created).first;
  }
  return it->second;
}

Result<void> Client::alive() const {
  std::array<char, kErrorTextSize> text{};
  const auto code = rd_kafka_fatal_error(raw_, text.data(), text.size());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  Error error = to_error(code, "fatal");
  if (error.kind != Kind::fenced) error.kind = Kind::fatal;
  error.retryable = false;
  error.text = described("fatal", text.data());
  return std::unexpected(std::move(error));
}

OptionsHandle admin_options(rd_kafka_t* raw, rd_kafka_admin_op_t operation, std::chrono::milliseconds timeout) {
  OptionsHandle options(rd_kafka_AdminOptions_new(raw, operation));
  std::array<char, kErrorTextSize> text{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), std::max(1, to_ms(timeout)), text.data(), text.size());
  return options;
}

Result<EventHandle> await_admin(rd_kafka_queue_t* queue, std::chrono::milliseconds timeout, std::string_view context) {
  // The request has its own deadline and then answers with an error; the grace lets that answer arrive.
  constexpr std::chrono::milliseconds kGrace{1'000};
  EventHandle event(rd_kafka_queue_poll(queue, to_ms(timeout + kGrace)));
  if (!event) return std::unexpected(Error{Kind::timeout, true, described(context, "no answer")});
  if (const auto code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Error error = to_error(code, context);
    error.text = described(context, rd_kafka_event_error_string(event.get()));
    return std::unexpected(std::move(error));
  }
  return event;
}

namespace {

Result<std::vector<PartitionOffset>> ask_edges(rd_kafka_t* raw, std::span<const TopicPartition> partitions, Edge edge,
                                               Isolation isolation, std::chrono::milliseconds timeout) {
  ListHandle list = to_list(partitions);
  for (auto& one : std::span(list->elems, static_cast<std::size_t>(list->cnt))) {
    one.offset = edge == Edge::begin ? RD_KAFKA_OFFSET_SPEC_EARLIEST : RD_KAFKA_OFFSET_SPEC_LATEST;
  }
  OptionsHandle options = admin_options(raw, RD_KAFKA_ADMIN_OP_LISTOFFSETS, timeout);
  ErrorHandle refused(rd_kafka_AdminOptions_set_isolation_level(
      options.get(), isolation == Isolation::read_committed ? RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
                                                            : RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED));
  if (refused) return std::unexpected(to_error(refused.get(), "list offsets"));
  QueueHandle queue(rd_kafka_queue_new(raw));
  rd_kafka_ListOffsets(raw, list.get(), options.get(), queue.get());
  auto event = await_admin(queue.get(), timeout, "list offsets");
  if (!event) return std::unexpected(std::move(event.error()));
  std::size_t count = 0;
  const auto* infos = rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event->get()), &count);
  std::map<TopicPartition, std::int64_t> found;
  for (const auto* info : std::span(infos, count)) {
    const auto* one = rd_kafka_ListOffsetsResultInfo_topic_partition(info);
    if (one->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return std::unexpected(to_error(one->err, "list offsets of " + std::string(one->topic)));
    // A request that timed out comes back as a success whose offsets are invalid; seen with a paused broker.
    if (one->offset < 0)
      return std::unexpected(Error{Kind::timeout, true, "list offsets: no answer for " + std::string(one->topic)});
    found[{one->topic, one->partition}] = one->offset;
  }
  std::vector<PartitionOffset> out;
  out.reserve(partitions.size());
  for (const auto& where : partitions) {
    const auto it = found.find(where);
    if (it == found.end())
      return std::unexpected(Error{Kind::unknown_topic, false, "list offsets: no answer for " + where.topic});
    out.push_back({where, it->second});
  }
  return out;
}

}  // namespace

Result<std::vector<PartitionOffset>> list_edges(rd_kafka_t* raw, std::span<const TopicPartition> partitions, Edge edge,
                                                Isolation isolation, std::chrono::milliseconds timeout) {
  if (partitions.empty()) return std::vector<PartitionOffset>{};
  auto edges = ask_edges(raw, partitions, edge, isolation, timeout);
  if (!edges && edges.error().retryable) {
    // After a crash or a long pause of a broker its partitions have a new leader epoch, and for a moment no leader. A
    // client that has nothing assigned then goes on asking with the old epoch and is refused (FENCED_LEADER_EPOCH), or
    // takes the moment without a leader for lasting and asks nobody, until its metadata expire after 15 minutes: so
    // they are asked for before the next attempt.
    refresh_metadata(raw, true, timeout);
  }
  return edges;
}

Result<void> produce(Client& client, const Record& record, void* opaque) {
  rd_kafka_headers_t* headers = nullptr;
  if (!record.headers.empty()) {
    headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& header : record.headers) {
      rd_kafka_header_add(headers, header.name.data(), static_cast<ssize_t>(header.name.size()), header.value.data(),
                          static_cast<ssize_t>(header.value.size()));
    }
  }
  std::array<rd_kafka_vu_t, 8> parts{};
  std::size_t count = 0;
  auto add = [&](rd_kafka_vtype_t type) -> auto& {
    parts[count].vtype = type;
    return parts[count++].u;
  };
  add(RD_KAFKA_VTYPE_RKT).rkt = client.topic(record.topic);
  add(RD_KAFKA_VTYPE_PARTITION).i32 = record.partition;
  add(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_OPAQUE).ptr = opaque;
  // librdkafka copies and never writes through these pointers; its interface has no const for them. A null pointer
  // means "no value", so an empty value must point somewhere.
  static char empty[1] = {};
  auto bytes = [&](rd_kafka_vtype_t type, std::string_view view) {
    auto& part = add(type);
    part.mem.ptr = view.data() != nullptr ? const_cast<char*>(view.data()) : empty;
    part.mem.size = view.size();
  };
  if (!record.key.empty()) bytes(RD_KAFKA_VTYPE_KEY, record.key);
  if (record.value) bytes(RD_KAFKA_VTYPE_VALUE, *record.value);
  if (record.time) add(RD_KAFKA_VTYPE_TIMESTAMP).i64 = record.time->time_since_epoch().count();
  if (headers != nullptr) add(RD_KAFKA_VTYPE_HEADERS).headers = headers;
  ErrorHandle error(rd_kafka_produceva(client.raw(), parts.data(), count));
  if (!error) return {};
  if (headers != nullptr) rd_kafka_headers_destroy(headers);  // taken over on success alone
  Error out = to_error(rd_kafka_error_code(error.get()), "produce");
  out.text = described("produce", rd_kafka_error_string(error.get()));
  return std::unexpected(std::move(out));
}

}  // namespace parley::kafka
