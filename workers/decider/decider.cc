#include "workers/decider/decider.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "platform/invariant.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/group_consumer.h"
#include "platform/kafka/topic_watch.h"
#include "platform/kafka/transactional_producer.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "platform/process/process.h"
#include "platform/store/store.h"
#include "workers/decider/batch.h"
#include "workers/decider/crash_marker.h"
#include "workers/decider/partition_store.h"
#include "workers/decider/restore.h"
#include "workers/decider/seal.h"

namespace parley::decider {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kCollectWait{100};
constexpr milliseconds kCommittedWait{800};
constexpr milliseconds kStartWait{10'000};  // of one attempt to reach the broker
constexpr milliseconds kStartPause{200};
constexpr milliseconds kFlushWait{10'000};
constexpr milliseconds kOffsetsWait{10'000};  // not resumable, so generous
constexpr milliseconds kCommitWait{15'000};
constexpr milliseconds kAbortWait{10'000};
constexpr milliseconds kRebalanceWait{30'000};  // after a fenced transaction, until the group says who owns what
constexpr milliseconds kSealsLookedAtEvery{1'000};
constexpr std::array<kafka::Header, 1> kJsonHeaders{{{"content-type", schema::kJson}}};
constexpr milliseconds kMeasureEvery{10'000};
constexpr milliseconds kLagWait{500};
constexpr std::size_t kReasonsMax = 3;  // of parked streams, in /readyz

enum class Phase { starting, waiting, restoring, deciding, standby, halted };

constexpr std::array kVerdicts{
    std::pair{Verdict::accepted, "accepted"}, std::pair{Verdict::refused, "refused"},
    std::pair{Verdict::repeated, "repeated"}, std::pair{Verdict::reused, "key_reused"},
    std::pair{Verdict::expired, "expired"},   std::pair{Verdict::parked, "parked"},
    std::pair{Verdict::dead, "dead"},         std::pair{Verdict::parks, "parks"},
    std::pair{Verdict::skipped, "skipped"},
};

constexpr const char* kParkings = "Commands that stopped their stream, by what happened when they were decided";

metrics::Counter transactions(const char* outcome) {
  return metrics::counter("parley_decider_transactions_total",
                          "Transactions by their end; one without a known end ends the process",
                          {{"outcome", outcome}});
}

/// Of one partition.
struct PartitionMetrics {
  explicit PartitionMetrics(int partition)
      : PartitionMetrics(metrics::Labels{{"partition", std::to_string(partition)}}) {}
  explicit PartitionMetrics(const metrics::Labels& labels)
      : owned(metrics::gauge("parley_decider_owned", "Whether this process decides the partition", labels)),
        lag(metrics::gauge("parley_decider_lag_commands", "Commands not decided yet", labels)) {}

  metrics::Gauge owned;
  metrics::Gauge lag;
};

struct Metrics {
  explicit Metrics(int partitions) {
    for (int partition = 0; partition < partitions; ++partition) by_partition.emplace_back(partition);
  }

  std::vector<metrics::Counter> commands = [] {
    std::vector<metrics::Counter> out;
    for (const auto& [verdict, name] : kVerdicts) {
      out.push_back(
          metrics::counter("parley_decider_commands_total", "Commands by what became of them", {{"outcome", name}}));
    }
    return out;
  }();
  metrics::Counter events = metrics::counter("parley_decider_events_total", "Events committed");
  metrics::Counter seals = metrics::counter("parley_decider_seals_total", "Seals committed");
  metrics::Gauge unsealed = metrics::gauge("parley_decider_unsealed_seconds",
                                           "Age of the oldest event of the owned partitions that no seal is over");
  metrics::Counter committed = transactions("committed");
  metrics::Counter aborted = transactions("aborted");
  metrics::Counter dropped =
      metrics::counter("parley_decider_dropped_batches_total", "Batches dropped whole because of a rebalance");
  metrics::Histogram batch = metrics::histogram("parley_decider_batch_commands", "Commands in one transaction", {},
                                                {1, 2, 5, 10, 20, 50, 100, 200, 500, 1'000});
  metrics::Histogram transaction =
      metrics::histogram("parley_decider_transaction_seconds", "From deciding to the end of the commit");
  metrics::Histogram restore =
      metrics::histogram("parley_decider_restore_seconds", "From an assignment to the first command", {},
                         {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300});
  metrics::Gauge parked = metrics::gauge("parley_decider_parked_streams",
                                         "Streams of the owned partitions that stand still and refuse commands");
  metrics::Counter parked_by_exception =
      metrics::counter("parley_decider_parkings_total", kParkings, {{"cause", "exception"}});
  metrics::Counter parked_by_crash = metrics::counter("parley_decider_parkings_total", kParkings, {{"cause", "crash"}});
  metrics::Gauge owned = metrics::gauge("parley_decider_partitions", "Partitions owned and restored");
  metrics::Gauge store_bytes = metrics::gauge(
      "parley_decider_store_bytes", "What the states of the owned partitions take, on the disk and in memory");
  std::vector<PartitionMetrics> by_partition;

  PartitionMetrics& of(int partition) { return by_partition.at(static_cast<std::size_t>(partition)); }
  void set_owned(const std::vector<kafka::TopicPartition>& partitions) {
    owned.set(static_cast<double>(partitions.size()));
    for (auto& one : by_partition) one.owned.set(0), one.lag.set(0);
    for (const auto& one : partitions) of(one.partition).owned.set(1);
  }
};

std::vector<kafka::Header> views(const schema::Headers& headers) {
  std::vector<kafka::Header> out;
  out.reserve(headers.size());
  for (const auto& [name, value] : headers) out.push_back({name, value});
  return out;
}

CommandInput input_of(const kafka::Message& message) {
  CommandInput input;
  input.key = message.key();
  input.value = message.value();
  input.offset = message.offset();
  for (const auto& header : message.headers()) input.headers.emplace_back(header.name, header.value);
  input.header = [&message](std::string_view name) { return message.header(std::string(name).c_str()); };
  return input;
}

}  // namespace

struct Decider::Impl {
  explicit Impl(Options o) : options(std::move(o)), metrics(options.partitions) {
    if (!options.clock) {
      options.clock = [] { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); };
    }
    beat();
  }

  std::string topic(std::string_view name) const { return options.topic_prefix + "." + std::string(name); }
  std::vector<std::string> topics() const {
    return {topic("events"), topic("commands"), topic("replies"), topic("directory"), topic("dead-letters")};
  }
  /// Of the topics whose offsets its state speaks of.
  std::string log_identity() const {
    return "events " + topic_ids.at(topic("events")) + ", commands " + topic_ids.at(topic("commands"));
  }
  void beat() { last_beat.store(SteadyClock::now().time_since_epoch().count(), std::memory_order_relaxed); }
  void enter(Phase next) { phase.store(next, std::memory_order_relaxed); }
  void observe(Step step) const {
    if (options.observer) options.observer(step);
  }
  std::expected<void, std::string> run(const std::stop_token& stop);
  std::expected<bool, std::string> start(const std::stop_token& stop);
  std::expected<bool, std::string> check_topics(const std::stop_token& stop);
  bool same_topics(const std::function<bool()>& go_on);
  void tell_of_positions() const;
  void look_outside();
  void halt(const std::string& reason, const std::stop_token& stop);
  std::expected<void, std::string> take_over(const std::stop_token& stop);
  std::expected<void, std::string> decide(const std::vector<kafka::Message>& commands);
  std::expected<void, std::string> announce_parked();
  std::expected<void, std::string> seal();
  std::vector<int> to_be_sealed(Timestamp now);
  std::expected<void, kafka::TransactionError> write_seals(std::map<int, Seal>& seals,
                                                           std::map<int, std::int64_t>& offsets);
  std::expected<void, kafka::TransactionError> finish(const std::vector<kafka::PartitionOffset>& positions);
  std::string source() const { return "/parley/decider/" + options.instance; }
  std::expected<void, std::string> drop(const kafka::TransactionError& failed);
  void note_parked();
  bool is_condemned(int partition, std::int64_t offset) const;
  std::size_t commands_at_once() const;
  void report(const kafka::Message& command, Verdict verdict);
  std::expected<void, std::string> check_commands(const std::vector<kafka::TopicPartition>& partitions,
                                                  const std::function<bool()>& go_on) const;
  std::expected<void, kafka::TransactionError> write(std::map<int, Batch>& batches,
                                                     std::vector<std::pair<int, Changes>>& changes,
                                                     const std::vector<kafka::PartitionOffset>& positions);
  void measure();

  Options options;
  Metrics metrics;
  store::Memory memory{store::Memory::Budget{}};

  // Owned by the thread in run().
  std::optional<kafka::Admin> admin;
  std::map<std::string, std::string> topic_ids;
  std::optional<kafka::TopicWatch> watch;
  std::optional<kafka::TransactionalProducer> producer;
  std::optional<kafka::Consumer> reader;
  std::optional<CrashMarker> marker;
  std::map<int, PartitionStore> stores;
  std::vector<kafka::TopicPartition> assigned;
  kafka::GroupMetadata metadata;  // captured while the partitions were being given
  bool assignment_is_new = false;
  std::map<int, std::int64_t> next_command;  // the position that goes into the next transaction
  std::optional<std::uint64_t> fenced_generation;
  SteadyClock::time_point fenced_since;
  SteadyClock::time_point measured_at;
  SteadyClock::time_point seals_looked_at;
  std::shared_ptr<const kafka::TopicWatch::Ends> ends;  // the last that were looked at
  struct Waiting {
    std::int64_t next;
    SteadyClock::time_point since;
  };
  std::map<int, Waiting> waiting;  // partitions whose commands were not decided to the end

  mutable std::mutex impediment_mutex;
  std::string impediment;  // why it cannot work although its loop turns; for verdict()

  std::atomic<Phase> phase = Phase::starting;
  std::atomic<int> owned = 0;
  std::atomic<SteadyClock::rep> last_beat = 0;
  mutable std::mutex reasons_mutex;
  std::vector<std::string> parked_reasons;  // guarded, for verdict()

  std::optional<kafka::GroupConsumer> consumer;  // declared last: its destructor calls back into the members above
};

std::expected<bool, std::string> Decider::Impl::check_topics(const std::stop_token& stop) {
  auto opened = kafka::Admin::open(options.kafka);
  if (!opened) return std::unexpected(opened.error().text);
  admin.emplace(std::move(*opened));
  const auto names = topics();
  std::string last_trouble;
  while (true) {
    beat();
    const auto described_topics = admin->describe_topics(names);
    std::string trouble;
    if (!described_topics) {
      if (!described_topics.error().retryable) return std::unexpected(described_topics.error().text);
      trouble = described_topics.error().text;
    } else {
      for (std::size_t i = 0; i < names.size(); ++i) {
        const auto& one = (*described_topics)[i];
        if (!one) {
          trouble = kafka::no_topic(names[i]).text;
        } else if (const auto wrong = kafka::wrong_partitions(*one, options.partitions)) {
          throw Halt(*wrong);
        }
      }
      if (trouble.empty()) {
        for (const auto& one : *described_topics) topic_ids.emplace(one->name, one->id);
        watch.emplace(kafka::TopicWatch::Options{
            .kafka = options.kafka, .topics = names, .partitions = options.partitions, .ids = topic_ids});
        return true;
      }
    }
    if (trouble != last_trouble) log::warn("waiting for Kafka", {{"reason", trouble}});
    last_trouble = trouble;
    if (!process::pause(stop, kStartPause)) return false;
  }
}

std::expected<bool, std::string> Decider::Impl::start(const std::stop_token& stop) {
  if (auto checked = check_topics(stop); !checked || !*checked) return checked;
  // Before it joins the group: partitions go to a decider that has room.
  if (auto room = store::check_room(options.state_dir); !room) return std::unexpected(std::move(room.error()));
  const auto folder = std::filesystem::path(options.state_dir) / options.instance;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return std::unexpected(folder.string() + ": " + failed.message());
  auto opened_marker = CrashMarker::open((folder / "deciding").string());
  if (!opened_marker) return std::unexpected(std::move(opened_marker.error()));
  marker.emplace(std::move(*opened_marker));
  if (const auto& suspect = marker->suspect()) {
    log::warn("a process of this name has died deciding",
              {{"partition", suspect->partition}, {"offset", suspect->offset}, {"times", suspect->crashes}});
  }
  // First of all: fences an earlier process of this name and ends its open transaction.
  while (true) {
    beat();
    auto opened = kafka::TransactionalProducer::open(options.kafka,
                                                     {.transactional_id = topic("decider") + "." + options.instance,
                                                      .transaction_timeout = options.transaction_timeout});
    if (!opened) return std::unexpected(described(opened.error()));
    const auto ready = opened->init(kStartWait);
    if (ready) {
      producer.emplace(std::move(*opened));
      break;
    }
    const auto kind = ready.error().error.kind;
    if (kind != kafka::Kind::timeout && kind != kafka::Kind::unavailable)
      return std::unexpected(described(ready.error().error));
    log::warn("waiting for Kafka", {{"reason", ready.error().error.text}});
    if (!process::pause(stop, kStartPause)) return false;
  }
  auto opened_reader = kafka::Consumer::open(options.kafka, {});
  if (!opened_reader) return std::unexpected(described(opened_reader.error()));
  reader.emplace(std::move(*opened_reader));
  auto joined = kafka::GroupConsumer::open(
      options.kafka,
      {.group = topic("decider"),
       .instance = options.instance,
       .topics = {topic("commands")},
       .session_timeout = options.session_timeout},
      {.on_assign =
           [this](const std::vector<kafka::TopicPartition>& partitions, kafka::GroupMetadata captured) {
             assigned = partitions;
             metadata = std::move(captured);
             assignment_is_new = true;
           },
       .on_revoke =
           [this](const std::vector<kafka::TopicPartition>& partitions, bool lost) {
             log::info("partitions revoked", {{"count", partitions.size()}, {"lost", lost}});
             assigned.clear();
             metadata = {};
             assignment_is_new = false;
             owned.store(0, std::memory_order_relaxed);
             metrics.set_owned({});
             note_parked();
             enter(Phase::waiting);
           }});
  if (!joined) return std::unexpected(described(joined.error()));
  consumer.emplace(std::move(*joined));
  enter(Phase::waiting);
  return true;
}

/// After an assignment, in this order: committed offsets, ends of the log, fold, begin. Comes back early when the group
/// changes its mind meanwhile.
std::expected<void, std::string> Decider::Impl::take_over(const std::stop_token& stop) {
  assignment_is_new = false;
  fenced_generation.reset();
  const auto generation = consumer->generation();
  const auto began = SteadyClock::now();
  std::string trouble;
  const auto go_on = [&] {
    beat();
    std::vector<kafka::Message> none;  // every partition is paused
    const auto served = consumer->poll(none, 1, milliseconds(0));
    if (!served && !passes(served.error()) && served.error().kind != kafka::Kind::no_offset)
      trouble = described(served.error());
    return trouble.empty() && !stop.stop_requested() && consumer->generation() == generation;
  };
  std::erase_if(stores, [&](const auto& one) {
    return std::ranges::none_of(assigned, [&](const auto& partition) { return partition.partition == one.first; });
  });
  if (assigned.empty()) {
    enter(Phase::standby);
    log::info("standing by: other members own all partitions");
    return {};
  }
  enter(Phase::restoring);

  const auto partitions = assigned;
  next_command.clear();
  waiting.clear();
  if (!same_topics(go_on)) return trouble.empty() ? std::expected<void, std::string>{} : std::unexpected(trouble);
  while (next_command.empty()) {
    if (!go_on()) return trouble.empty() ? std::expected<void, std::string>{} : std::unexpected(trouble);
    const auto committed = consumer->committed(partitions, kCommittedWait);
    if (!committed && !committed.error().retryable && !passes(committed.error()))
      return std::unexpected(described(committed.error()));
    if (!committed) continue;  // an earlier owner's transaction may still be under way
    for (const auto& position : *committed) {
      if (position.offset < 0) {
        throw Halt("the group " + topic("decider") + " has no position in " + position.where.topic + " " +
                   std::to_string(position.where.partition) +
                   " (`parley topics` writes the first ones; commands that were decided are passed over)");
      }
      next_command[position.where.partition] = position.offset;
    }
  }
  for (const auto& [partition, offset] : next_command) {
    if (stores.contains(partition)) continue;
    auto opened = PartitionStore::open(
        (std::filesystem::path(options.state_dir) / options.instance / std::to_string(partition)).string(), memory,
        log_identity());
    if (!opened) return std::unexpected(std::move(opened.error()));
    stores.emplace(partition, std::move(*opened));
  }
  const auto restored = restore(*reader, {topic("events"), topic("replies")}, stores, go_on, options.forget_outcomes);
  if (!restored) return std::unexpected(restored.error());
  if (!trouble.empty()) return std::unexpected(trouble);
  if (!*restored || consumer->generation() != generation) return {};
  if (auto same = check_commands(partitions, go_on); !same) return same;
  if (!trouble.empty()) return std::unexpected(trouble);
  tell_of_positions();
  if (stop.stop_requested() || consumer->generation() != generation) return {};
  for (const auto& [partition, next] : next_command) marker->passed(partition, next);
  if (auto announced = announce_parked(); !announced || fenced_generation) return announced;
  if (auto resumed = consumer->resume(partitions); !resumed) return std::unexpected(described(resumed.error()));
  const std::chrono::duration<double> took = SteadyClock::now() - began;
  metrics.restore.observe(took.count());
  metrics.set_owned(partitions);
  owned.store(static_cast<int>(partitions.size()), std::memory_order_relaxed);
  note_parked();
  enter(Phase::deciding);
  log::info("deciding", {{"partitions", partitions.size()}, {"restore_seconds", took.count()}});
  return {};
}

/// Before anything is read of them: whoever gives partitions may be another Kafka than the one that this process began
/// with. False when it was told to stop.
bool Decider::Impl::same_topics(const std::function<bool()>& go_on) {
  const auto names = topics();
  while (go_on()) {
    const auto found = admin->describe_topics(names, kCommittedWait);
    if (!found || !std::ranges::all_of(*found, [](const auto& one) { return one.has_value(); })) continue;
    for (const auto& one : *found) {
      if (const auto wrong = kafka::wrong_partitions(*one, options.partitions)) throw Halt(*wrong);
      if (one->id != topic_ids.at(one->name))
        throw Halt("another log: " + one->name + " is another topic of the same name");
    }
    return true;
  }
  return false;
}

/// Where the group's positions do not follow what is known to be decided: somebody has lost or moved them.
void Decider::Impl::tell_of_positions() const {
  for (const auto& [partition, next] : next_command) {
    const auto decided = stores.at(partition).progress().last_command;
    if (next <= decided) {
      log::warn("the group's position is behind what was decided: commands up to there are passed over",
                {{"partition", partition}, {"position", next}, {"decided_to", decided}});
    } else if (decided >= 0 && next > decided + 1) {
      log::warn("the group's position is past what is known to be decided: commands between are not looked at",
                {{"partition", partition}, {"position", next}, {"decided_to", decided}});
    }
  }
}

/// What the watch has seen since the last time; it costs nothing when that is nothing.
void Decider::Impl::look_outside() {
  if (const auto another = watch->another_log()) throw Halt("another log: " + *another);
  std::string now;
  const auto silent = SteadyClock::now() - watch->answered_at();
  if (silent > options.stuck_after) {
    now = "Kafka has not answered for " +
          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(silent).count()) + " s: " + watch->trouble();
  } else if (const auto fresh = watch->ends(); fresh != ends) {
    ends = fresh;
    for (const auto& [partition, next] : next_command) {
      const auto end = ends->offsets.find({topic("commands"), partition});
      if (end == ends->offsets.end() || end->second <= next) {
        waiting.erase(partition);
        continue;
      }
      auto& waits = waiting.try_emplace(partition, next, ends->asked_at).first->second;
      if (waits.next != next) waits = {next, ends->asked_at};
    }
  }
  if (now.empty() && phase.load(std::memory_order_relaxed) == Phase::deciding) {
    const auto stuck = std::ranges::find_if(
        waiting, [&](const auto& one) { return SteadyClock::now() - one.second.since > options.stuck_after; });
    if (stuck != waiting.end())
      now = "commands of partition " + std::to_string(stuck->first) + " wait and none is decided";
  }
  const std::lock_guard lock(impediment_mutex);
  impediment = std::move(now);
}

/// Stays for a while, so that whoever asks is told why.
void Decider::Impl::halt(const std::string& reason, const std::stop_token& stop) {
  log::error("halted: the log does not match the local state; an operator must look before anything is decided",
             {{"reason", reason}});
  {
    const std::lock_guard lock(impediment_mutex);
    impediment = reason;
  }
  enter(Phase::halted);
  producer.reset();
  consumer.reset();  // leaves the group
  enter(Phase::halted);
  process::pause(stop, options.say_why_for);
}

/// A command that was decided must be in the log still: if the log ends before it, these are the commands of another
/// log (or of one that lost its tail), and passing over offsets that were decided would pass over commands that were
/// not.
std::expected<void, std::string> Decider::Impl::check_commands(const std::vector<kafka::TopicPartition>& partitions,
                                                               const std::function<bool()>& go_on) const {
  while (go_on()) {
    const auto ends = reader->end(partitions, kafka::Isolation::read_uncommitted, kCommittedWait);
    if (!ends && !ends.error().retryable) return std::unexpected(described(ends.error()));
    if (!ends) continue;
    for (const auto& end : *ends) {
      const auto decided = stores.at(end.where.partition).progress().last_command;
      if (decided >= end.offset) {
        throw Halt("another log: " + end.where.topic + " " + std::to_string(end.where.partition) + " ends at " +
                   std::to_string(end.offset) + ", but its command " + std::to_string(decided) + " was decided");
      }
    }
    break;
  }
  return {};
}

std::expected<void, std::string> Decider::Impl::run(const std::stop_token& stop) {
  if (auto started = start(stop); !started || !*started) {
    return started ? std::expected<void, std::string>{} : std::unexpected(std::move(started.error()));
  }
  std::vector<kafka::Message> commands;
  while (!stop.stop_requested()) {
    beat();
    commands.clear();
    const auto generation = consumer->generation();
    const auto polled = consumer->poll(commands, commands_at_once(), kCollectWait);
    look_outside();
    const bool no_offset = !polled && polled.error().kind == kafka::Kind::no_offset;
    if (no_offset && phase.load(std::memory_order_relaxed) == Phase::deciding) {
      throw Halt("another log: " + topic("commands") + " does not hold what comes next any more (" +
                 polled.error().text + ")");
    }
    // Before that the group has no position, which is said when partitions are taken over.
    if (!polled && !no_offset && !passes(polled.error())) return std::unexpected(described(polled.error()));
    if (!polled) log::warn("reading commands", {{"reason", polled.error().text}});
    if (consumer->generation() != generation) {
      // Some of what was collected may belong to somebody else now; what is still ours is delivered again after the
      // restore.
      if (!commands.empty()) metrics.dropped.add();
      commands.clear();
    }
    if (assignment_is_new) {
      if (auto taken = take_over(stop); !taken) return taken;
      continue;
    }
    if (fenced_generation == consumer->generation()) {
      if (!commands.empty()) metrics.dropped.add();
      if (SteadyClock::now() - fenced_since > kRebalanceWait)
        return std::unexpected("fenced, and no new assignment came");
      continue;
    }
    if (!commands.empty()) {
      observe(Step::collected);
      if (auto decided = decide(commands); !decided) return decided;
    }
    if (auto sealed = seal(); !sealed) return sealed;
    measure();
  }
  commands.clear();
  consumer->close();
  return {};
}

std::expected<void, std::string> Decider::Impl::decide(const std::vector<kafka::Message>& commands) {
  const auto began = SteadyClock::now();
  std::map<int, Batch> batches;
  std::map<int, std::int64_t> next = next_command;
  std::vector<Verdict> verdicts;
  verdicts.reserve(commands.size());
  for (const auto& command : commands) {
    const int partition = command.partition();
    const auto store = stores.find(partition);
    const auto expected = next.find(partition);
    if (phase.load(std::memory_order_relaxed) != Phase::deciding || store == stores.end() || expected == next.end() ||
        command.offset() < expected->second) {
      return std::unexpected("a command of a partition or position that is not ours: " + std::to_string(partition) +
                             ":" + std::to_string(command.offset()));
    }
    expected->second = command.offset() + 1;
    auto& batch = batches.try_emplace(partition, store->second, partition, options.partitions, source(), options.decide)
                      .first->second;
    const auto now = options.clock();
    if (is_condemned(partition, command.offset())) {
      verdicts.push_back(
          batch.park(input_of(command), now, "the process died each time that this command was decided"));
      continue;
    }
    const auto deciding = marker->deciding(partition, command.offset());
    verdicts.push_back(batch.decide(input_of(command), now));
  }
  std::vector<kafka::PartitionOffset> positions;
  for (const auto& [partition, batch] : batches)
    positions.push_back({{topic("commands"), partition}, next.at(partition)});

  std::vector<std::pair<int, Changes>> changes;
  if (const auto written = write(batches, changes, positions); !written) {
    return drop(written.error());
  }
  for (const auto& [partition, changed] : changes) {
    auto& store = stores.at(partition);
    store.write(changed);
    invariant(store.progress().last_command >= next.at(partition) - 1,
              "a store reflects every command whose position was committed");
  }
  next_command = std::move(next);
  for (std::size_t i = 0; i < commands.size(); ++i) report(commands[i], verdicts[i]);
  if (std::ranges::any_of(batches, [](const auto& one) { return one.second.changes_parked(); })) note_parked();
  for (const auto& position : positions) marker->passed(position.where.partition, position.offset);
  metrics.batch.observe(static_cast<double>(commands.size()));
  metrics.transaction.observe(std::chrono::duration<double>(SteadyClock::now() - began).count());
  return {};
}

/// After a transaction that failed: nothing of it is visible or kept. The error is why the process must end.
std::expected<void, std::string> Decider::Impl::drop(const kafka::TransactionError& failed) {
  if (failed.severity != kafka::Severity::abort_required || failed.error.kind != kafka::Kind::rebalanced) {
    return std::unexpected(described(failed.error));
  }
  // The group has moved on; poll() will say where to.
  log::warn("a transaction is dropped: the group rebalances", {{"reason", failed.error.text}});
  metrics.dropped.add();
  if (const auto aborted = producer->abort(kAbortWait); !aborted)
    return std::unexpected(described(aborted.error().error));
  metrics.aborted.add();
  fenced_generation = consumer->generation();
  fenced_since = SteadyClock::now();
  owned.store(0, std::memory_order_relaxed);
  metrics.set_owned({});
  enter(Phase::waiting);
  return {};
}

/// What stands still, in the directory, each time that partitions are taken over: an owner of another build may have
/// known other types of events. The positions go along, so that a decider that was replaced meanwhile is fenced here
/// too.
std::expected<void, std::string> Decider::Impl::announce_parked() {
  std::vector<kafka::PartitionOffset> positions;
  const auto write = [&]() -> std::expected<void, kafka::TransactionError> {
    if (auto begun = producer->begin(); !begun) return begun;
    const auto directory = topic("directory");
    for (const auto& [partition, next] : next_command) {
      positions.push_back({{topic("commands"), partition}, next});
      const auto record = schema::parked_record(partition, parked_entry(stores.at(partition)));
      auto number = producer->produce({.topic = directory,
                                       .partition = partition,
                                       .key = record.key,
                                       .value = record.value,
                                       .headers = kJsonHeaders,
                                       .time = std::nullopt});
      if (!number) return std::unexpected(std::move(number.error()));
    }
    if (auto flushed = producer->flush(kFlushWait); !flushed) return flushed;
    return finish(positions);
  };
  if (const auto written = write(); !written) return drop(written.error());
  return {};
}

/// The owned partitions with something to sign, once one of them is due: they share a transaction. Looks once in a
/// while.
std::vector<int> Decider::Impl::to_be_sealed(Timestamp now) {
  if (phase.load(std::memory_order_relaxed) != Phase::deciding ||
      SteadyClock::now() - seals_looked_at < kSealsLookedAtEvery)
    return {};
  seals_looked_at = SteadyClock::now();
  std::vector<int> unsealed;
  bool is_due = false;
  milliseconds oldest{0};
  for (const auto& [partition, next] : next_command) {
    const auto& sealing = stores.at(partition).progress().sealing;
    if (sealing.events == sealing.sealed) continue;
    unsealed.push_back(partition);
    oldest = std::max<milliseconds>(oldest, now - sealing.unsealed_since);
    is_due = is_due || sealing.events - sealing.sealed >= options.seal_events_max;
  }
  metrics.unsealed.set(std::chrono::duration<double>(oldest).count());
  if (!is_due && oldest < options.seal_within) return {};
  return unsealed;
}

/// Signs what is due, in a transaction of its own.
std::expected<void, std::string> Decider::Impl::seal() {
  if (!options.seal_key) return {};
  const auto now = options.clock();
  std::map<int, Seal> seals;
  for (const int partition : to_be_sealed(now))
    seals.try_emplace(partition, stores.at(partition), partition, source(), *options.seal_key, now);
  if (seals.empty()) return {};
  std::map<int, std::int64_t> offsets;
  if (const auto written = write_seals(seals, offsets); !written) return drop(written.error());
  for (auto& [partition, made] : seals) stores.at(partition).write(std::move(made).finish(offsets.at(partition)));
  metrics.seals.add(static_cast<double>(seals.size()));
  return {};
}

std::expected<void, kafka::TransactionError> Decider::Impl::write_seals(std::map<int, Seal>& seals,
                                                                        std::map<int, std::int64_t>& offsets) {
  if (auto begun = producer->begin(); !begun) return begun;
  const auto events = topic("events");
  std::map<int, std::size_t> numbers;
  std::vector<kafka::PartitionOffset> positions;
  for (const auto& [partition, made] : seals) {
    const auto headers = views(made.event().headers);
    const auto number = producer->produce({.topic = events,
                                           .partition = partition,
                                           .key = made.event().key,
                                           .value = made.event().value,
                                           .headers = headers,
                                           .time = std::nullopt});
    if (!number) return std::unexpected(number.error());
    numbers.emplace(partition, *number);
    positions.push_back({{topic("commands"), partition}, next_command.at(partition)});
  }
  if (auto flushed = producer->flush(kFlushWait); !flushed) return flushed;
  for (const auto& [partition, number] : numbers) offsets.emplace(partition, producer->offset_of(number));
  return finish(positions);
}

/// The end of every transaction. Positions go along even where none moves, so that a decider that was replaced
/// meanwhile is fenced.
std::expected<void, kafka::TransactionError> Decider::Impl::finish(
    const std::vector<kafka::PartitionOffset>& positions) {
  if (auto sent = producer->send_offsets(positions, metadata, kOffsetsWait); !sent) return sent;
  observe(Step::offsets_sent);
  auto committed = producer->commit(kCommitWait);
  if (committed) {
    metrics.committed.add();
  } else {
    committed.error().severity =
        kafka::Severity::fatal;  // crash-only: what a late end of this transaction would hit is not to be found out
  }
  return committed;
}

/// The parked streams of the owned partitions, for metrics and health.
void Decider::Impl::note_parked() {
  std::int64_t total = 0;
  std::vector<std::string> reasons;
  for (const auto& [where, partition] : assigned) {
    const auto store = stores.find(partition);
    if (store == stores.end()) continue;
    const auto entry = parked_entry(store->second);
    total += entry.total;
    for (const auto& one : entry.streams) {
      if (reasons.size() < kReasonsMax) reasons.push_back("parked: " + one.stream + ": " + one.reason);
    }
  }
  if (total > static_cast<std::int64_t>(reasons.size())) {
    reasons.push_back("parked: " + std::to_string(total - static_cast<std::int64_t>(reasons.size())) + " more streams");
  }
  metrics.parked.set(static_cast<double>(total));
  const std::lock_guard lock(reasons_mutex);
  parked_reasons = std::move(reasons);
}

bool Decider::Impl::is_condemned(int partition, std::int64_t offset) const {
  const auto& suspect = marker->suspect();
  return suspect && suspect->partition == partition && suspect->offset == offset &&
         suspect->crashes >= kParkAfterCrashes;
}

/// One, while a command that killed the process may be the next: what is decided before it is committed before it, and
/// it is the one to blame.
std::size_t Decider::Impl::commands_at_once() const {
  const auto& suspect = marker->suspect();
  const bool cautious =
      suspect && suspect->crashes >= kCautiousAfterCrashes && next_command.contains(suspect->partition);
  return cautious ? 1 : options.batch_commands_max;
}

/// One line for each command, so that a request can be followed by its correlation id.
void Decider::Impl::report(const kafka::Message& command, Verdict verdict) {
  metrics.commands[static_cast<std::size_t>(verdict)].add();
  if (verdict == Verdict::parks) {
    (is_condemned(command.partition(), command.offset()) ? metrics.parked_by_crash : metrics.parked_by_exception).add();
  }
  log::write(verdict == Verdict::dead || verdict == Verdict::parks ? log::Level::error : log::Level::info, "command",
             {{"correlation_id", command.header("correlation_id").value_or("")},
              {"outcome", kVerdicts[static_cast<std::size_t>(verdict)].second},
              {"partition", command.partition()},
              {"offset", command.offset()}});
}

/// The transaction, in the order that README.md explains. On an error nothing was committed, or whether it was is
/// unknown and the severity is fatal.
std::expected<void, kafka::TransactionError> Decider::Impl::write(
    std::map<int, Batch>& batches, std::vector<std::pair<int, Changes>>& changes,
    const std::vector<kafka::PartitionOffset>& positions) {
  const auto events_topic = topic("events"), replies_topic = topic("replies"), directory_topic = topic("directory"),
             dead_topic = topic("dead-letters");
  const auto produce = [&](const std::string& to, int partition, const StagedRecord& record) {
    const auto headers = views(record.headers);
    return producer->produce({.topic = to,
                              .partition = partition,
                              .key = record.key,
                              .value = record.value,
                              .headers = headers,
                              .time = std::nullopt});
  };
  if (auto begun = producer->begin(); !begun) return begun;
  std::map<int, std::vector<std::size_t>> event_numbers, reply_numbers;
  for (const auto& [partition, batch] : batches) {
    for (const auto& event : batch.events()) {
      auto number = produce(events_topic, partition, event);
      if (!number) return std::unexpected(std::move(number.error()));
      event_numbers[partition].push_back(*number);
    }
  }
  if (!event_numbers.empty()) {
    if (auto flushed = producer->flush(kFlushWait); !flushed) return flushed;
  }
  observe(Step::events_written);
  for (const auto& [partition, numbers] : event_numbers) {
    const auto last = stores.at(partition).progress().last_event;
    if (const auto first = producer->offset_of(numbers.front()); first <= last) {
      throw Halt("another log: " + events_topic + " " + std::to_string(partition) + " goes on at " +
                 std::to_string(first) + ", but its event at " + std::to_string(last) + " was folded");
    }
  }
  const auto offsets_of = [&](const std::vector<std::size_t>& numbers) {
    std::vector<std::int64_t> offsets;
    for (const auto number : numbers) offsets.push_back(producer->offset_of(number));
    return offsets;
  };
  for (auto& [partition, batch] : batches) {
    for (const auto& reply : batch.finish_replies(offsets_of(event_numbers[partition]))) {
      auto number = produce(replies_topic, partition, reply);
      if (!number) return std::unexpected(std::move(number.error()));
      reply_numbers[partition].push_back(*number);
    }
    for (const auto& entry : batch.directory()) {
      auto number = producer->produce({.topic = directory_topic,
                                       .partition = partition,
                                       .key = entry.key,
                                       .value = entry.value,
                                       .headers = kJsonHeaders,
                                       .time = std::nullopt});
      if (!number) return std::unexpected(std::move(number.error()));
    }
    for (const auto& letter : batch.dead_letters()) {
      if (auto number = produce(dead_topic, partition, letter); !number)
        return std::unexpected(std::move(number.error()));
    }
  }
  // Nothing may be on its way when offsets become pending: a producer paused after this has nothing left to write but
  // the end of its transaction.
  if (auto flushed = producer->flush(kFlushWait); !flushed) return flushed;
  observe(Step::replies_written);
  if (auto committed = finish(positions); !committed) return committed;
  observe(Step::committed);
  for (auto& [partition, batch] : batches) {
    metrics.events.add(static_cast<double>(batch.events().size()));
    changes.emplace_back(partition, std::move(batch).finish(offsets_of(reply_numbers[partition])));
  }
  return {};
}

/// How far behind and how large it is, once in a while.
void Decider::Impl::measure() {
  const auto now = SteadyClock::now();
  if (now - measured_at < kMeasureEvery) return;
  measured_at = now;
  std::size_t bytes = 0;
  for (const auto& [partition, store] : stores) bytes += store.bytes();
  metrics.store_bytes.set(static_cast<double>(bytes));
  if (assigned.empty()) return;
  const auto ends = reader->end(assigned, kafka::Isolation::read_uncommitted, kLagWait);
  if (!ends) return;
  for (const auto& end : *ends) {
    if (const auto next = next_command.find(end.where.partition); next != next_command.end()) {
      metrics.of(end.where.partition)
          .lag.set(static_cast<double>(std::max<std::int64_t>(0, end.offset - next->second)));
    }
  }
}

Decider::Decider(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Decider::~Decider() = default;

std::expected<void, std::string> Decider::run(const std::stop_token& stop) {
  try {
    return impl_->run(stop);
  } catch (const StateDiskFull& full) {
    return std::unexpected(full.what());
  } catch (const Halt& halt) {
    impl_->halt(halt.what(), stop);
    return std::unexpected(halt.what());
  } catch (const StateUnavailable& broken) {
    // The next start folds the log again.
    impl_->stores.clear();
    std::error_code ignored;
    std::filesystem::remove_all(std::filesystem::path(impl_->options.state_dir) / impl_->options.instance, ignored);
    return std::unexpected("the state on disk is broken and was discarded: " + std::string(broken.what()));
  }
}

std::int64_t Decider::sign_of_life() const { return impl_->last_beat.load(std::memory_order_relaxed); }

health::Verdict Decider::verdict() const {
  using health::Readiness;
  const SteadyClock::time_point beat{SteadyClock::duration(impl_->last_beat.load(std::memory_order_relaxed))};
  const auto silent = SteadyClock::now() - beat;
  std::string impediment;
  {
    const std::lock_guard lock(impl_->impediment_mutex);
    impediment = impl_->impediment;
  }
  health::Verdict out;
  switch (impl_->phase.load(std::memory_order_relaxed)) {
    case Phase::starting:
      return {Readiness::not_ready, {"starting: waiting for Kafka"}};
    case Phase::waiting:
      return {Readiness::not_ready, {"waiting for an assignment of partitions"}};
    case Phase::restoring:
      return {Readiness::not_ready, {"restoring state from the log"}};
    case Phase::standby:
      out = {Readiness::ready, {"standing by: other members own all partitions"}};
      break;
    case Phase::deciding:
      out = {Readiness::ready,
             {"deciding " + std::to_string(impl_->owned.load(std::memory_order_relaxed)) + " partitions"}};
      break;
    case Phase::halted:
      return {Readiness::not_ready, {impediment}};
  }
  {
    const std::lock_guard lock(impl_->reasons_mutex);
    if (!impl_->parked_reasons.empty())
      out = health::worse(std::move(out), {Readiness::degraded, impl_->parked_reasons});
  }
  if (silent > impl_->options.stuck_after) {
    return {Readiness::not_ready,
            {"the loop has not turned for " +
             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(silent).count()) + " s"}};
  }
  if (!impediment.empty()) return {Readiness::not_ready, {impediment}};
  return out;
}

}  // namespace parley::decider
