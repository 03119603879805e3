#pragma once
// A client of streams for tests: a sink that takes bytes as slowly as the test wants, and a reader of server-sent
// events that checks the promise.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/streams/stream_subscription.h"

namespace parley::api::testing {

/// The socket between a stream and a client. Thread-safe.
class Wire {
 public:
  explicit Wire(bool takes_all = true) : takes_all_(takes_all) {}

  bool write(const Frame& frames) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    written_.push_back(frames);
    sent_ += *frames;
    if (takes_all_) taken_ = sent_.size();
    most_queued_ = std::max(most_queued_, sent_.size() - taken_);
    return true;
  }
  std::size_t queued_bytes() const {
    const std::lock_guard lock(mutex_);
    return sent_.size() - taken_;
  }
  void take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    taken_ = std::min(sent_.size(), taken_ + bytes);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  /// What the client has got.
  std::string taken() const {
    const std::lock_guard lock(mutex_);
    return sent_.substr(0, taken_);
  }
  bool is_closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  std::size_t most_queued() const {
    const std::lock_guard lock(mutex_);
    return most_queued_;
  }
  std::vector<Frame> written() const {
    const std::lock_guard lock(mutex_);
    return written_;
  }

 private:
  mutable std::mutex mutex_;
  const bool takes_all_;
  bool closed_ = false;
  std::string sent_;
  std::size_t taken_ = 0;
  std::size_t most_queued_ = 0;
  std::vector<Frame> written_;
};

class WireSink final : public Sink {
 public:
  explicit WireSink(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  ~WireSink() override { wire_->close(); }
  bool write(const Frame& frames) override { return wire_->write(frames); }
  std::size_t queued_bytes() const override { return wire_->queued_bytes(); }

 private:
  const std::shared_ptr<Wire> wire_;
};

struct ReceivedFrame {
  std::optional<std::int64_t> id;
  std::optional<std::string> data;
  friend bool operator==(const ReceivedFrame&, const ReceivedFrame&) = default;
};
/// The whole frames of a text, and how many of its bytes they are.
inline std::pair<std::vector<ReceivedFrame>, std::size_t> read_frames(std::string_view text) {
  std::vector<ReceivedFrame> frames;
  std::size_t read = 0;
  for (auto end = text.find("\n\n"); end != std::string_view::npos; end = text.find("\n\n", read)) {
    ReceivedFrame frame;
    std::string_view lines = text.substr(read, end + 1 - read);
    while (!lines.empty()) {
      const std::string_view line = lines.substr(0, lines.find('\n'));
      lines.remove_prefix(line.size() + 1);
      if (line.starts_with("id: ")) {
        std::int64_t id = 0;
        std::from_chars(line.data() + 4, line.data() + line.size(), id);
        frame.id = id;
      } else if (line.starts_with("data: ")) {
        EXPECT_FALSE(frame.data) << "two data lines";
        frame.data = std::string(line.substr(6));
      } else {
        ADD_FAILURE() << "a line of its own kind: " << line;
      }
    }
    frames.push_back(std::move(frame));
    read = end + 2;
  }
  return {frames, read};
}

}  // namespace parley::api::testing
