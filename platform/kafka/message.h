#pragma once
// A record as it was read.
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "platform/kafka/record.h"

struct rd_kafka_message_s;

namespace parley::kafka {

/// Owns the fetched record; every view points into it and dies with it. Copies nothing. Move-only. Const access from
/// one thread at a time (headers are parsed at the first use). Must not outlive the consumer that read it.
class Message {
 public:
  explicit Message(rd_kafka_message_s* raw) noexcept : raw_(raw) {}

  std::string_view topic() const;
  std::int32_t partition() const;
  std::int64_t offset() const;
  RecordTime time() const;

  std::string_view key() const;
  /// Empty for a tombstone too; is_tombstone() tells them apart.
  std::string_view value() const;
  bool is_tombstone() const;

  /// The last header of that name.
  std::optional<std::string_view> header(std::string_view name) const;
  std::vector<Header> headers() const;

 private:
  struct Destroy {
    void operator()(rd_kafka_message_s* raw) const noexcept;
  };
  std::unique_ptr<rd_kafka_message_s, Destroy> raw_;
};

}  // namespace parley::kafka
