#pragma once
// The loop of a worker that shares the partitions of a topic with others of its kind.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "platform/kafka/config.h"
#include "platform/kafka/group_consumer.h"
#include "platform/kafka/message.h"
#include "platform/kafka/record.h"
#include "platform/kafka/topic_watch.h"
#include "platform/opened.h"
#include "workers/runtime/health_state.h"
#include "workers/runtime/partition_metrics.h"
#include "workers/runtime/standstill.h"

namespace parley::runtime {

/// What a worker does with its partitions. GroupMember::run() calls everything, on its thread. An error (a text for
/// whoever supervises the process) ends the loop; LogMismatch may be thrown from all but on_revoked(). README.md has an
/// example.
class Worker {
 public:
  /// How the group is polled for the next turn.
  struct Poll {
    std::chrono::milliseconds wait{0};  ///< For a first record; the group's news come at once.
    std::size_t records_max = 1;
  };

  virtual ~Worker() = default;

  /// Once, when the topics are there and before the group is joined: opens what it needs. False: it was told to stop.
  virtual std::expected<bool, std::string> on_start(const std::stop_token& stop) = 0;
  /// It was given GroupMember::assigned(), perhaps no partitions: puts itself where it goes on, whatever it had before.
  /// True: from now on it works on them. False: not now; it is called again at the next turn, unless the group thinks
  /// otherwise by then. What takes long asks still_assigned() meanwhile.
  virtual std::expected<bool, std::string> on_assigned() = 0;
  /// Nothing is its own any more: drops what is under way. Called inside a poll of the group; must not throw, and of
  /// the member may use health() alone.
  virtual void on_revoked() = 0;
  /// One step of its work, short enough for the group (seconds). `records`: what the group delivers (nothing before
  /// GroupMember::deliver()). False: it has done all that it was to do, and run() ends. Not called while it owns
  /// nothing that on_assigned() took.
  virtual std::expected<bool, std::string> turn(std::vector<kafka::Message>& records) = 0;
  /// Of each owned partition, the first offset of the topic that is not done: for lag, and for a standstill.
  virtual std::map<int, std::int64_t> positions() const = 0;

  virtual Poll next_poll() const { return {}; }
  /// Records that the group delivered were dropped: of its partitions some may be somebody else's by now.
  virtual void on_dropped() {}
  /// After the lag gauge of the partition was set, about once a second.
  virtual void on_lag(int /*partition*/, std::int64_t /*records*/) {}
  /// run() ends well, and the group is still joined: commits its positions.
  virtual void on_stopped() {}
  /// A LogMismatch was found and is told from now on, before the group is left: lets go of what others may wait for.
  virtual void on_halted() {}
};

struct MemberOptions {
  kafka::Config kafka;
  /// Its name with the topics' prefix. Empty: the member has all partitions, alone.
  std::string group;
  std::string instance;  ///< Stable: one that comes back in time gets its partitions back at once.
  std::string topic;     ///< Whose partitions are shared out.
  /// Others that it reads or writes. All of them must be there before it starts, and stay the same ones.
  std::vector<std::string> other_topics = {};
  int partitions = kafka::kPartitionsDefault;  ///< That each topic must have.
  std::chrono::milliseconds session_timeout{6'000};
  /// Not ready when for so long the loop has not turned, Kafka has not answered, or a partition has records and does
  /// not advance.
  std::chrono::milliseconds stuck_after{5'000};
  /// Not ready when partitions that it had were taken away, and it has had none for longer than this.
  std::chrono::milliseconds assignment_grace{0};
  /// How long run() stays after a LogMismatch, not ready and saying why, before it returns.
  std::chrono::milliseconds halt_linger{0};
  std::string doing;  ///< For /readyz, before "4 partitions": "deciding".
};

/// Membership, assignment, positions of the group, lag, another log, health and the halt: what all workers share. One
/// thread runs it; only health() may be used from others. It holds connections within run() alone.
class GroupMember {
 public:
  GroupMember(MemberOptions options, PartitionMetrics metrics);
  GroupMember(const GroupMember&) = delete;
  GroupMember& operator=(const GroupMember&) = delete;

  /// Waits for Kafka and the topics, starts the worker, joins the group and turns until `stop`, until the worker has
  /// done its work, or until it cannot go on; the error says why. Kafka away is not an end. After a LogMismatch it
  /// leaves the group and stays for halt_linger. Whatever ends it (exceptions of the worker too), the group is left.
  std::expected<void, std::string> run(Worker& worker, const std::stop_token& stop);

  HealthState& health() { return health_; }
  const HealthState& health() const { return health_; }

  // From the worker's calls alone:

  /// The partitions that the group has given, in order.
  const std::vector<kafka::TopicPartition>& assigned() const { return assigned_; }
  /// As it was captured while they were being given: fences a transaction of a member that was replaced.
  const kafka::GroupMetadata& metadata() const { return metadata_; }
  /// How long ago that was.
  std::chrono::duration<double> since_assigned() const;
  /// The topic as it is known since the start.
  std::string topic_id(const std::string& topic) const { return watch_->id(topic).value_or(""); }

  /// Within on_start(): waits until the group has a position of every partition, which `parley topics` writes only
  /// while it has no members. False: it was told to stop. Throws LogMismatch when one is missing.
  std::expected<bool, std::string> await_positions(const std::stop_token& stop);
  /// The group's position of each assigned partition; nothing: not now (an earlier owner's transaction may be under
  /// way). Throws LogMismatch when one is missing.
  std::expected<std::optional<std::map<int, std::int64_t>>, std::string> committed();
  /// Commits those that have changed, outside of any transaction: once a second at most, or `at_once`. What cannot be
  /// committed is logged and goes along with the next.
  void commit(const std::map<int, std::int64_t>& positions, bool at_once = false);
  /// From now on records come to turn(), from the group's positions on.
  std::expected<void, std::string> deliver();

  /// For what takes long within on_assigned(): beats and serves the group. False: give up and return (false, say), the
  /// assignment is another, or the loop ends.
  bool still_assigned();
  /// on_assigned() is called once more, as after a new assignment.
  void take_over_again();
  /// A transaction was fenced: the group has moved on, nothing is owned before it says who owns what. Ends the loop
  /// when it does not.
  void await_rebalance();
  bool awaits_rebalance() const { return fenced_at_.has_value(); }

 private:
  std::expected<void, std::string> work();
  std::expected<bool, std::string> start();
  std::expected<void, std::string> join();
  std::expected<void, std::string> poll(std::vector<kafka::Message>& records, Worker::Poll how);
  std::expected<void, std::string> take_over();
  void check_watch();
  void look();
  void disown();
  void halt(const std::string& why);
  std::uint64_t generation() const { return consumer_ ? consumer_->generation() : 0; }
  void expect_position(const kafka::PartitionOffset& one) const;

  const MemberOptions options_;
  PartitionMetrics metrics_;
  HealthState health_;

  Worker* worker_ = nullptr;
  std::stop_token stop_;
  Opened<kafka::TopicWatch> watch_;
  std::vector<kafka::TopicPartition> assigned_;
  kafka::GroupMetadata metadata_;
  HealthState::Clock::time_point assigned_at_;
  bool assignment_is_new_ = false;
  std::uint64_t taking_over_ = 0;  ///< The generation that on_assigned() was called for.
  bool owns_ = false;              ///< on_assigned() took the partitions.
  bool was_owner_ = false;         ///< Once at least.
  bool delivers_ = false;
  std::optional<HealthState::Clock::time_point> fenced_at_;
  std::optional<std::string> fault_;  ///< Of the group, seen by still_assigned().
  std::map<int, std::int64_t> committed_;
  HealthState::Clock::time_point committed_at_;
  std::shared_ptr<const kafka::TopicWatch::Ends> ends_;  ///< The last that were looked at.
  Standstill standstill_;
  Opened<kafka::GroupConsumer> consumer_;  ///< Calls back into the members above until it is gone.
};

}  // namespace parley::runtime
