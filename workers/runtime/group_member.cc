#include "workers/runtime/group_member.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "platform/kafka/admin.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/process/process.h"
#include "workers/runtime/log_mismatch.h"
#include "workers/runtime/wait_for_kafka.h"

namespace parley::runtime {
namespace {

using Clock = HealthState::Clock;
using std::chrono::milliseconds;

constexpr milliseconds kRequestWait{800};
/// Of a poll while nothing is owned.
constexpr milliseconds kIdleWait{50};
constexpr milliseconds kCommitEvery{1'000};
/// A first answer that comes within this is not worth a line in the log.
constexpr milliseconds kFirstAnswerWait{1'000};
/// After a fenced transaction, until the group says who owns what.
constexpr milliseconds kRebalanceWait{30'000};

// What impedes a worker, as HealthState knows it.
constexpr std::string_view kStart = "start";
constexpr std::string_view kAssignment = "assignment";
constexpr std::string_view kKafka = "kafka";
constexpr std::string_view kStandstill = "standstill";

}  // namespace

GroupMember::GroupMember(MemberOptions options, PartitionMetrics metrics)
    : options_(std::move(options)), metrics_(std::move(metrics)), health_(options_.stuck_after) {
  health_.impede(kStart, {"starting: waiting for Kafka"});
}

std::expected<void, std::string> GroupMember::run(Worker& worker, const std::stop_token& stop) {
  worker_ = &worker;
  stop_ = stop;
  struct Leaving {
    GroupMember& member;
    ~Leaving() {
      member.consumer_.reset();
      member.watch_.reset();
    }
  } const leaving{*this};
  try {
    return work();
  } catch (const LogMismatch& mismatch) {
    halt(mismatch.what());
    return std::unexpected(mismatch.what());
  }
}

/// Stays for a while, so that an operator who asks is told why.
void GroupMember::halt(const std::string& why) {
  log::error("halted: the log does not match what is known of it; an operator must look before it goes on",
             {{"reason", why}});
  health_.halt(why);
  worker_->on_halted();
  consumer_.reset();  // leaves the group
  process::pause(stop_, options_.halt_linger);
}

std::expected<void, std::string> GroupMember::work() {
  if (auto started = start(); !started || !*started) {
    return started ? std::expected<void, std::string>{} : std::unexpected(std::move(started.error()));
  }
  std::vector<kafka::Message> records;
  while (!stop_.stop_requested()) {
    health_.beat();
    records.clear();
    const auto before = generation();
    if (auto polled = poll(records, owns_ ? worker_->next_poll() : Worker::Poll{kIdleWait, 1}); !polled) return polled;
    check_watch();
    // Some of what was collected may belong to another member now; what is still its own is delivered again.
    if (!records.empty() && (generation() != before || !owns_)) {
      worker_->on_dropped();
      records.clear();
    }
    if (assignment_is_new_) {
      if (auto taken = take_over(); !taken) return taken;
      continue;
    }
    if (fenced_at_ && Clock::now() - *fenced_at_ > kRebalanceWait)
      return std::unexpected("fenced, and no new assignment came");
    if (!owns_) continue;
    const auto turned = worker_->turn(records);
    if (!turned) return std::unexpected(turned.error());
    if (!*turned) break;
    look();
  }
  records.clear();
  worker_->on_stopped();
  if (consumer_) consumer_->close();
  return {};
}

std::expected<bool, std::string> GroupMember::start() {
  auto topics = options_.other_topics;
  topics.push_back(options_.topic);
  watch_.emplace(kafka::TopicWatch::Options{
      .kafka = options_.kafka, .topics = std::move(topics), .partitions = options_.partitions, .ids = {}});
  const bool answered = wait_for_kafka(stop_, health_, [&]() -> std::optional<std::string> {
    check_watch();
    if (watch_->ends() != nullptr) return std::nullopt;  // from then on it knows which topics these are
    return Clock::now() - watch_->answered_at() < kFirstAnswerWait ? "" : watch_->trouble();
  });
  if (!answered) return false;
  if (auto started = worker_->on_start(stop_); !started || !*started) return started;
  health_.impede(kAssignment, {"waiting for an assignment of partitions"});
  if (auto joined = join(); !joined) return std::unexpected(std::move(joined.error()));
  health_.clear(kStart);
  return true;
}

std::expected<void, std::string> GroupMember::join() {
  if (options_.group.empty()) {
    assigned_ = kafka::every_partition(options_.topic, options_.partitions);
    assigned_at_ = Clock::now();
    assignment_is_new_ = true;
    return {};
  }
  auto joined = kafka::GroupConsumer::open(
      options_.kafka,
      {.group = options_.group,
       .instance = options_.instance,
       .topics = {options_.topic},
       .session_timeout = options_.session_timeout},
      {.on_assign =
           [this](const std::vector<kafka::TopicPartition>& partitions, kafka::GroupMetadata captured) {
             assigned_ = partitions;
             std::ranges::sort(assigned_);
             metadata_ = std::move(captured);
             assigned_at_ = Clock::now();
             assignment_is_new_ = true;
             disown();
           },
       .on_revoke =
           [this](const std::vector<kafka::TopicPartition>& partitions, bool lost) {
             log::info("partitions revoked", {{"count", partitions.size()}, {"lost", lost}});
             assigned_.clear();
             metadata_ = {};
             assignment_is_new_ = false;
             disown();
             worker_->on_revoked();
           }});
  if (!joined) return std::unexpected(described(joined.error()));
  consumer_.emplace(std::move(*joined));
  return {};
}

std::expected<void, std::string> GroupMember::poll(std::vector<kafka::Message>& records, Worker::Poll how) {
  if (!consumer_) {
    process::pause(stop_, how.wait);
    return {};
  }
  // Of each partition whose position the group does not know it says so once.
  for (int i = 0; i <= options_.partitions; ++i) {
    const auto polled = consumer_->poll(records, how.records_max, how.wait);
    if (polled) return {};
    if (polled.error().kind != kafka::Kind::no_offset) {
      if (!is_transient(polled.error())) return std::unexpected(described(polled.error()));
      log::warn("reading from the group", {{"group", options_.group}, {"reason", polled.error().text}});
      return {};
    }
    if (delivers_)
      throw another_log(
          fmt::format("{} does not hold what comes next any more ({})", options_.topic, polled.error().text));
  }
  return {};
}

std::expected<void, std::string> GroupMember::take_over() {
  disown();
  health_.impede(kAssignment, {fmt::format("taking over {} partitions", assigned_.size())},
                 was_owner_ ? options_.assignment_grace : milliseconds(0));
  taking_over_ = generation();
  const auto taken = worker_->on_assigned();
  if (fault_) return std::unexpected(*fault_);
  if (!taken) return std::unexpected(taken.error());
  if (fenced_at_) assignment_is_new_ = false;  // nor is there a newer one: that would have ended the waiting
  if (fenced_at_ || !*taken || generation() != taking_over_) return {};
  assignment_is_new_ = false;
  owns_ = true;
  was_owner_ = true;
  metrics_.own(assigned_);
  health_.doing(assigned_.empty() ? "standing by: other members own all partitions"
                                  : fmt::format("{} {} partitions", options_.doing, assigned_.size()));
  health_.clear(kAssignment);
  log::info("partitions taken over", {{"count", assigned_.size()}, {"seconds", since_assigned().count()}});
  return {};
}

/// Whatever was owned is not any more.
void GroupMember::disown() {
  owns_ = false;
  delivers_ = false;
  fenced_at_.reset();
  committed_.clear();
  standstill_.clear();
  metrics_.own({});
  health_.clear(kStandstill);
  health_.impede(kAssignment, {"waiting for an assignment of partitions"},
                 was_owner_ ? options_.assignment_grace : milliseconds(0));
}

void GroupMember::check_watch() {
  if (const auto another = watch_->another_log()) throw another_log(*another);
  const auto silent = Clock::now() - watch_->answered_at();
  if (silent > options_.stuck_after) {
    health_.impede(kKafka, {fmt::format("Kafka has not answered for {}: {}", seconds_text(silent), watch_->trouble())});
  } else {
    health_.clear(kKafka);
  }
}

/// Lag and standstill, as often as the watch has news of the ends.
void GroupMember::look() {
  if (!owns_) return;
  const auto now = Clock::now();
  if (auto fresh = watch_->ends(); fresh != ends_) {
    ends_ = std::move(fresh);
    for (const auto& [partition, next] : worker_->positions()) {
      const auto end = ends_->offsets.at({options_.topic, partition});
      const auto behind = std::max<std::int64_t>(0, end - next);
      metrics_.set_lag(partition, behind);
      standstill_.see(partition, next, end, ends_->asked_at);
      worker_->on_lag(partition, behind);
    }
  }
  std::vector<std::string> reasons;
  for (const int partition : standstill_.standing(now, options_.stuck_after))
    reasons.push_back(fmt::format("{} {} has records and does not advance", options_.topic, partition));
  health_.impede(kStandstill, std::move(reasons));
}

std::chrono::duration<double> GroupMember::since_assigned() const { return Clock::now() - assigned_at_; }

/// auto.offset.reset is "error" everywhere: nothing is skipped and nothing begun again in silence.
void GroupMember::expect_position(const kafka::PartitionOffset& one) const {
  if (one.offset >= 0) return;
  throw LogMismatch(fmt::format("the group {} has no position in {} {} (`parley topics` writes those that are missing)",
                                options_.group, one.where.topic, one.where.partition));
}

std::expected<bool, std::string> GroupMember::await_positions(const std::stop_token& stop) {
  auto admin = kafka::Admin::open(options_.kafka);
  if (!admin) return std::unexpected(described(admin.error()));
  std::optional<std::string> fault;
  const bool answered = wait_for_kafka(stop, health_, [&]() -> std::optional<std::string> {
    const auto positions =
        admin->group_offsets(options_.group, kafka::every_partition(options_.topic, options_.partitions), kRequestWait);
    if (positions) {
      for (const auto& one : *positions) expect_position(one);
      return std::nullopt;
    }
    if (is_transient(positions.error())) return positions.error().text;
    fault = described(positions.error());
    return std::nullopt;
  });
  if (fault) return std::unexpected(*fault);
  return answered;
}

std::expected<std::optional<std::map<int, std::int64_t>>, std::string> GroupMember::committed() {
  std::map<int, std::int64_t> out;
  if (!assigned_.empty()) {
    const auto positions = consumer_->committed(assigned_, kRequestWait);
    if (!positions && !is_transient(positions.error())) return std::unexpected(described(positions.error()));
    if (!positions) return std::nullopt;
    for (const auto& one : *positions) {
      expect_position(one);
      out.emplace(one.where.partition, one.offset);
    }
  }
  committed_ = out;
  return out;
}

void GroupMember::commit(const std::map<int, std::int64_t>& positions, bool at_once) {
  const auto now = Clock::now();
  if (!owns_ || (!at_once && now - committed_at_ < kCommitEvery)) return;
  committed_at_ = now;
  std::vector<kafka::PartitionOffset> news;
  for (const auto& [partition, next] : positions) {
    if (committed_.at(partition) != next) news.push_back({{options_.topic, partition}, next});
  }
  if (news.empty()) return;
  if (const auto done = consumer_->commit(news, kRequestWait); done) {
    committed_ = positions;
  } else if (done.error().kind != kafka::Kind::rebalanced) {  // the next owner then reads a little again
    log::warn("positions are not committed", {{"reason", done.error().text}});
  }
}

std::expected<void, std::string> GroupMember::deliver() {
  if (const auto resumed = consumer_->resume(assigned_); !resumed) return std::unexpected(described(resumed.error()));
  delivers_ = true;
  return {};
}

bool GroupMember::still_assigned() {
  health_.beat();
  std::vector<kafka::Message> none;  // every partition is paused
  if (auto polled = poll(none, {milliseconds(0), 1}); !polled) fault_ = std::move(polled.error());
  return !fault_ && !stop_.stop_requested() && generation() == taking_over_;
}

void GroupMember::take_over_again() {
  disown();
  assignment_is_new_ = true;
}

void GroupMember::await_rebalance() {
  disown();
  fenced_at_ = Clock::now();
}

}  // namespace parley::runtime
