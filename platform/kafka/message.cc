#include "platform/kafka/message.h"

#include <librdkafka/rdkafka.h>

#include <string>

namespace parley::kafka {

void Message::Destroy::operator()(rd_kafka_message_s* raw) const noexcept { rd_kafka_message_destroy(raw); }

std::string_view Message::topic() const { return rd_kafka_topic_name(raw_->rkt); }
std::int32_t Message::partition() const { return raw_->partition; }
std::int64_t Message::offset() const { return raw_->offset; }

RecordTime Message::time() const {
  rd_kafka_timestamp_type_t type{};
  return RecordTime(std::chrono::milliseconds(rd_kafka_message_timestamp(raw_.get(), &type)));
}

std::string_view Message::key() const {
  if (raw_->key == nullptr) return {};
  return {static_cast<const char*>(raw_->key), raw_->key_len};
}

std::string_view Message::value() const {
  if (raw_->payload == nullptr) return {};
  return {static_cast<const char*>(raw_->payload), raw_->len};
}

bool Message::is_tombstone() const { return raw_->payload == nullptr; }

std::optional<std::string_view> Message::header(std::string_view name) const {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(raw_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_header_get_last(headers, std::string(name).c_str(), &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return std::nullopt;
  return std::string_view(value != nullptr ? static_cast<const char*>(value) : "", size);
}

std::vector<Header> Message::headers() const {
  std::vector<Header> out;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(raw_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return out;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    out.push_back({name, {value != nullptr ? static_cast<const char*>(value) : "", size}});
  }
  return out;
}

}  // namespace parley::kafka
