#include "workers/decider/decider.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "platform/invariant.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/transactional_producer.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "platform/store/store.h"
#include "workers/decider/batch.h"
#include "workers/decider/crash_marker.h"
#include "workers/decider/partition_store.h"
#include "workers/decider/restore.h"
#include "workers/decider/seal.h"
#include "workers/runtime/group_member.h"
#include "workers/runtime/log_mismatch.h"
#include "workers/runtime/wait_for_kafka.h"

namespace parley::decider {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kCollectWait{100};
constexpr milliseconds kRequestWait{800};
constexpr milliseconds kStartWait{10'000};  // of one attempt to reach the broker
constexpr milliseconds kFlushWait{10'000};
constexpr milliseconds kOffsetsWait{10'000};  // not resumable, so generous
constexpr milliseconds kCommitWait{15'000};
constexpr milliseconds kAbortWait{10'000};
constexpr milliseconds kSealsLookedAtEvery{1'000};
constexpr std::array<kafka::Header, 1> kJsonHeaders{{{"content-type", schema::kJson}}};
constexpr milliseconds kMeasureEvery{10'000};
constexpr std::size_t kReasonsMax = 3;  // of parked streams, in /readyz

constexpr std::string_view kRestore = "restore";  // impedes it, beside what the runtime sees

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

struct Metrics {
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
};

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

struct Decider::Impl final : runtime::Worker {
  explicit Impl(Options o)
      : options(std::move(o)),
        member({.kafka = options.kafka,
                .group = topic("decider"),
                .instance = options.instance,
                .topic = topic("commands"),
                .other_topics = {topic("events"), topic("replies"), topic("directory"), topic("dead-letters")},
                .partitions = options.partitions,
                .session_timeout = options.session_timeout,
                .stuck_after = options.stuck_after,
                .halt_linger = options.halt_linger,
                .doing = "deciding"},
               {{"parley_decider_owned", "Whether this process decides the partition"},
                {"parley_decider_lag_commands", "Commands not decided yet"},
                options.partitions}) {
    if (!options.clock) {
      options.clock = [] { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); };
    }
  }

  std::string topic(std::string_view name) const { return options.topic_prefix + "." + std::string(name); }
  std::vector<std::string> topics() const {
    return {topic("events"), topic("commands"), topic("replies"), topic("directory"), topic("dead-letters")};
  }
  /// Of the topics whose offsets its state speaks of.
  std::string log_identity() const {
    return "events " + member.topic_id(topic("events")) + ", commands " + member.topic_id(topic("commands"));
  }
  void observe(Step step) const {
    if (options.observer) options.observer(step);
  }
  std::expected<bool, std::string> on_start(const std::stop_token& stop) override;
  std::expected<bool, std::string> on_assigned() override;
  void on_revoked() override;
  std::expected<bool, std::string> turn(std::vector<kafka::Message>& commands) override;
  std::map<int, std::int64_t> positions() const override { return next_command; }
  Poll next_poll() const override { return {.wait = kCollectWait, .records_max = commands_at_once()}; }
  void on_dropped() override { metrics.dropped.add(); }
  void on_halted() override { producer.reset(); }  // with its transaction

  std::expected<bool, std::string> open_producer(const std::stop_token& stop);
  bool same_topics();
  std::expected<bool, std::string> check_commands() const;
  void warn_position_mismatch() const;
  std::expected<void, std::string> decide(const std::vector<kafka::Message>& commands);
  std::expected<void, std::string> announce_parked();
  std::expected<void, std::string> seal();
  std::vector<int> to_be_sealed(Timestamp now);
  std::expected<void, kafka::TransactionError> write_seals(std::map<int, Seal>& seals,
                                                           std::map<int, std::int64_t>& offsets);
  std::expected<void, kafka::TransactionError> finish(const std::vector<kafka::PartitionOffset>& positions);
  std::string source() const { return "/parley/decider/" + options.instance; }
  std::expected<void, std::string> abort_or_fail(const kafka::TransactionError& failed);
  void note_parked();
  bool must_park(int partition, std::int64_t offset) const;
  std::size_t commands_at_once() const;
  void report(const kafka::Message& command, Verdict verdict);
  std::expected<void, kafka::TransactionError> write(std::map<int, Batch>& batches,
                                                     std::vector<std::pair<int, Changes>>& changes,
                                                     const std::vector<kafka::PartitionOffset>& positions);
  void measure();

  Options options;
  Metrics metrics = {};
  store::Memory memory{store::Memory::Budget{}};

  runtime::GroupMember member;

  // Owned by the thread in run().
  std::optional<kafka::Admin> admin;
  std::optional<kafka::TransactionalProducer> producer;
  std::optional<kafka::Consumer> reader;
  std::optional<CrashMarker> marker;
  std::map<int, PartitionStore> stores;      // kept while their partitions are away for a moment
  std::map<int, std::int64_t> next_command;  // of the owned partitions: the position in the next transaction
  SteadyClock::time_point measured_at;
  SteadyClock::time_point seals_looked_at;
};

std::expected<bool, std::string> Decider::Impl::on_start(const std::stop_token& stop) {
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
  if (auto opened = open_producer(stop); !opened || !*opened) return opened;
  auto opened_admin = kafka::Admin::open(options.kafka);
  if (!opened_admin) return std::unexpected(described(opened_admin.error()));
  admin.emplace(std::move(*opened_admin));
  auto opened_reader = kafka::Consumer::open(options.kafka, {});
  if (!opened_reader) return std::unexpected(described(opened_reader.error()));
  reader.emplace(std::move(*opened_reader));
  return true;
}

/// Fences an earlier process of this name and ends its open transaction: before anything is read.
std::expected<bool, std::string> Decider::Impl::open_producer(const std::stop_token& stop) {
  std::optional<std::string> fault;
  const bool answered = runtime::wait_for_kafka(stop, member.health(), [&]() -> std::optional<std::string> {
    auto opened = kafka::TransactionalProducer::open(options.kafka,
                                                     {.transactional_id = topic("decider") + "." + options.instance,
                                                      .transaction_timeout = options.transaction_timeout});
    if (!opened) {
      fault = described(opened.error());
      return std::nullopt;
    }
    if (const auto ready = opened->init(kStartWait); !ready) {
      const auto& error = ready.error().error;
      if (error.kind == kafka::Kind::timeout || error.kind == kafka::Kind::unavailable) return error.text;
      fault = described(error);
      return std::nullopt;
    }
    producer.emplace(std::move(*opened));
    return std::nullopt;
  });
  if (fault) return std::unexpected(*fault);
  return answered;
}

void Decider::Impl::on_revoked() {
  next_command.clear();
  metrics.owned.set(0);
  note_parked();
}

/// In this order: committed offsets, ends of the log, fold, begin.
std::expected<bool, std::string> Decider::Impl::on_assigned() {
  const auto& partitions = member.assigned();
  std::erase_if(stores, [&](const auto& one) {
    return std::ranges::none_of(partitions, [&](const auto& partition) { return partition.partition == one.first; });
  });
  on_revoked();
  if (partitions.empty()) return true;
  if (!same_topics()) return false;
  while (next_command.empty()) {
    if (!member.still_assigned()) return false;
    auto committed = member.committed();
    if (!committed) return std::unexpected(std::move(committed.error()));
    if (*committed) next_command = std::move(**committed);  // else an earlier owner's transaction is under way
  }
  for (const auto& [partition, offset] : next_command) {
    if (stores.contains(partition)) continue;
    auto opened = PartitionStore::open(
        (std::filesystem::path(options.state_dir) / options.instance / std::to_string(partition)).string(), memory,
        log_identity());
    if (!opened) return std::unexpected(std::move(opened.error()));
    stores.emplace(partition, std::move(*opened));
  }
  member.health().impede(kRestore, {"restoring state from the log"});
  const auto restored = restore(
      *reader, {topic("events"), topic("replies")}, stores, [this] { return member.still_assigned(); },
      options.forget_outcomes);
  member.health().clear(kRestore);
  if (!restored || !*restored) return restored;
  if (auto checked = check_commands(); !checked || !*checked) return checked;
  warn_position_mismatch();
  for (const auto& [partition, next] : next_command) marker->passed(partition, next);
  if (auto announced = announce_parked(); !announced) return std::unexpected(std::move(announced.error()));
  if (member.awaits_rebalance()) return false;
  if (auto delivering = member.deliver(); !delivering) return std::unexpected(std::move(delivering.error()));
  metrics.restore.observe(member.since_assigned().count());
  metrics.owned.set(static_cast<double>(partitions.size()));
  note_parked();
  return true;
}

/// Before anything is read of them: whoever gives partitions may be another Kafka than the one that this process began
/// with. False: it does not answer just now.
bool Decider::Impl::same_topics() {
  const auto names = topics();
  const auto found = admin->describe_topics(names, kRequestWait);
  if (!found || !std::ranges::all_of(*found, [](const auto& one) { return one.has_value(); })) return false;
  for (const auto& one : *found) {
    if (const auto wrong = kafka::wrong_partitions(*one, options.partitions)) throw runtime::another_log(*wrong);
    if (one->id != member.topic_id(one->name))
      throw runtime::another_log(one->name + " is another topic of the same name");
  }
  return true;
}

/// Where the group's positions do not follow what is known to be decided: somebody has lost or moved them.
void Decider::Impl::warn_position_mismatch() const {
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

/// A command that was decided must be in the log still: if the log ends before it, these are the commands of another
/// log (or of one that lost its tail), and passing over offsets that were decided would pass over commands that were
/// not. False: Kafka does not answer just now.
std::expected<bool, std::string> Decider::Impl::check_commands() const {
  const auto ends = reader->end(member.assigned(), kafka::Isolation::read_uncommitted, kRequestWait);
  if (!ends && !ends.error().retryable) return std::unexpected(described(ends.error()));
  if (!ends) return false;
  for (const auto& end : *ends) {
    const auto decided = stores.at(end.where.partition).progress().last_command;
    if (decided >= end.offset) {
      throw runtime::another_log(end.where.topic + " " + std::to_string(end.where.partition) + " ends at " +
                                 std::to_string(end.offset) + ", but its command " + std::to_string(decided) +
                                 " was decided");
    }
  }
  return true;
}

std::expected<bool, std::string> Decider::Impl::turn(std::vector<kafka::Message>& commands) {
  if (!commands.empty()) {
    observe(Step::collected);
    if (auto decided = decide(commands); !decided) return std::unexpected(std::move(decided.error()));
  }
  if (!member.awaits_rebalance()) {
    if (auto sealed = seal(); !sealed) return std::unexpected(std::move(sealed.error()));
  }
  measure();
  return true;
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
    if (store == stores.end() || expected == next.end() || command.offset() < expected->second) {
      return std::unexpected("a command of a partition or position that is not ours: " + std::to_string(partition) +
                             ":" + std::to_string(command.offset()));
    }
    expected->second = command.offset() + 1;
    auto& batch = batches.try_emplace(partition, store->second, partition, options.partitions, source(), options.decide)
                      .first->second;
    const auto now = options.clock();
    if (must_park(partition, command.offset())) {
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
    return abort_or_fail(written.error());
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
std::expected<void, std::string> Decider::Impl::abort_or_fail(const kafka::TransactionError& failed) {
  if (failed.severity != kafka::Severity::abort_required || failed.error.kind != kafka::Kind::rebalanced) {
    return std::unexpected(described(failed.error));
  }
  // The group has moved on; poll() will say where to.
  log::warn("a transaction is dropped: the group rebalances", {{"reason", failed.error.text}});
  metrics.dropped.add();
  if (const auto aborted = producer->abort(kAbortWait); !aborted)
    return std::unexpected(described(aborted.error().error));
  metrics.aborted.add();
  metrics.owned.set(0);
  member.await_rebalance();
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
  if (const auto written = write(); !written) return abort_or_fail(written.error());
  return {};
}

/// The owned partitions with something to sign, once one of them is due: they share a transaction. Looks once in a
/// while.
std::vector<int> Decider::Impl::to_be_sealed(Timestamp now) {
  if (SteadyClock::now() - seals_looked_at < kSealsLookedAtEvery) return {};
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
  if (const auto written = write_seals(seals, offsets); !written) return abort_or_fail(written.error());
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
    const auto headers = kafka::header_views(made.event().headers);
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
  if (auto sent = producer->send_offsets(positions, member.metadata(), kOffsetsWait); !sent) return sent;
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
  for (const auto& [partition, next] : next_command) {
    const auto entry = parked_entry(stores.at(partition));
    total += entry.total;
    for (const auto& one : entry.streams) {
      if (reasons.size() < kReasonsMax) reasons.push_back("parked: " + one.stream + ": " + one.reason);
    }
  }
  if (total > static_cast<std::int64_t>(reasons.size())) {
    reasons.push_back("parked: " + std::to_string(total - static_cast<std::int64_t>(reasons.size())) + " more streams");
  }
  metrics.parked.set(static_cast<double>(total));
  member.health().degrade(std::move(reasons));
}

bool Decider::Impl::must_park(int partition, std::int64_t offset) const {
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
    (must_park(command.partition(), command.offset()) ? metrics.parked_by_crash : metrics.parked_by_exception).add();
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
    const auto headers = kafka::header_views(record.headers);
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
      throw runtime::another_log(events_topic + " " + std::to_string(partition) + " goes on at " +
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

/// How large it is, once in a while.
void Decider::Impl::measure() {
  const auto now = SteadyClock::now();
  if (now - measured_at < kMeasureEvery) return;
  measured_at = now;
  std::size_t bytes = 0;
  for (const auto& [partition, store] : stores) bytes += store.bytes();
  metrics.store_bytes.set(static_cast<double>(bytes));
}

Decider::Decider(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Decider::~Decider() = default;

std::expected<void, std::string> Decider::run(const std::stop_token& stop) {
  try {
    return impl_->member.run(*impl_, stop);
  } catch (const StateDiskFull& full) {
    return std::unexpected(full.what());
  } catch (const StateUnavailable& broken) {
    // The next start folds the log again.
    impl_->stores.clear();
    std::error_code ignored;
    std::filesystem::remove_all(std::filesystem::path(impl_->options.state_dir) / impl_->options.instance, ignored);
    return std::unexpected("the state on disk is broken and was discarded: " + std::string(broken.what()));
  }
}

std::int64_t Decider::sign_of_life() const { return impl_->member.health().heartbeat(); }
health::Verdict Decider::verdict() const { return impl_->member.health().verdict(); }

}  // namespace parley::decider
