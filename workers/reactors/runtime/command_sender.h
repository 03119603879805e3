#pragma once
// Commands that are sent until they are decided.
#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/kafka/config.h"
#include "schemas/commands.h"
#include "schemas/replies.h"

namespace parley::reactors {

/// Sends each command at once, and again after ever longer waits, until a reply says that it was decided. "Expired" and
/// "parked" are no decisions. Replies are read from their end on, while something waits for one: a reply that is missed
/// comes again with the repetition. Commands are produced without a transaction: an open one of a process that is
/// paused would hold back everybody's. Belongs to one thread.
class CommandSender {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    kafka::Config kafka;
    std::string topic_prefix;
    int partitions = 0;  ///< Of commands and replies.
    /// A command that is not known to be decided is sent again after this, and then after ever longer waits
    std::chrono::milliseconds again_min{2'000};
    /// up to this: its stream may be parked.
    std::chrono::milliseconds again_max{30'000};
    /// A command that waits for longer is named by late().
    std::chrono::milliseconds late_after{5'000};
  };
  /// The error: a Kafka client cannot be made.
  static std::expected<CommandSender, std::string> open(Options options);
  CommandSender(CommandSender&&) noexcept;
  CommandSender& operator=(CommandSender&&) noexcept;
  ~CommandSender();

  /// One of an id that is under way already changes nothing. What attempt_id and not_after say is the sender's.
  void send(schema::CommandEnvelope envelope, Command command);
  void forget(const std::string& command_id);
  void clear();
  bool is_under_way(const std::string& command_id) const;
  std::size_t under_way() const;

  struct Decided {
    std::string command_id;
    schema::Memory memory{};
    bool is_own = false;  ///< It answers one of this process's own sendings.
    std::string outcome;  ///< As it was replied.
    Clock::duration after{};
  };
  /// Sends what is due, then reads replies; waits at most `wait` for a first one. A command that was decided is
  /// forgotten. The error: the Kafka client is beyond recovery. Kafka away is none.
  std::expected<std::vector<Decided>, std::string> turn(std::chrono::milliseconds wait);

  /// How long the oldest has waited, how often one was sent again since the beginning, and some that are late, in
  /// words.
  Clock::duration oldest() const;
  std::uint64_t sent_again() const;
  std::vector<std::string> late() const;

 private:
  struct Impl;
  explicit CommandSender(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::reactors
