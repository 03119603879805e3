#pragma once
// Private to platform/kafka: taking records from a consumer's queue.
#include <vector>

#include "platform/kafka/client.h"
#include "platform/kafka/message.h"

namespace parley::kafka {

/// Serves the client's callbacks, waits at most `wait` for the first record, then takes what is already there.
inline Result<void> poll_records(const Client& client, std::vector<Message>& out, std::size_t count_max,
                                 std::chrono::milliseconds wait) {
  if (auto alive = client.alive(); !alive) return alive;
  int wait_ms = to_ms(wait);
  for (std::size_t taken = 0; taken < count_max; ++taken) {
    rd_kafka_message_t* raw = rd_kafka_consumer_poll(client.raw(), wait_ms);
    if (raw == nullptr) return client.alive();
    Message message(raw);
    if (raw->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* text = rd_kafka_message_errstr(raw);
      Error error = to_error(raw->err, "poll");
      if (text != nullptr) error.text.append(": ").append(text);
      return std::unexpected(std::move(error));
    }
    out.push_back(std::move(message));
    wait_ms = 0;
  }
  return {};
}

}  // namespace parley::kafka
