#include "workers/decider/decider.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "platform/invariant.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/log/log.h"
#include "platform/opened.h"
#include "platform/store/store.h"
#include "workers/decider/batch.h"
#include "workers/decider/crash_marker.h"
#include "workers/decider/metrics.h"
#include "workers/decider/partition_store.h"
#include "workers/decider/restore.h"
#include "workers/decider/seal.h"
#include "workers/decider/transactions.h"
#include "workers/runtime/group_member.h"
#include "workers/runtime/log_mismatch.h"

namespace parley::decider {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kCollectWait{100};
constexpr milliseconds kRequestWait{800};
constexpr milliseconds kSealsLookedAtEvery{1'000};
constexpr milliseconds kMeasureEvery{10'000};
constexpr std::size_t kReasonsMax = 3;  // of parked streams, in /readyz

constexpr std::string_view kRestore = "restore";  // impedes it, beside what the runtime sees

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
                options.partitions}),
        transactions(
            {options.kafka, options.topic_prefix, options.instance, options.transaction_timeout, options.observer}) {
    if (!options.clock) {
      options.clock = [] { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); };
    }
  }

  std::string topic(std::string_view name) const { return fmt::format("{}.{}", options.topic_prefix, name); }
  std::vector<std::string> topics() const {
    return {topic("events"), topic("commands"), topic("replies"), topic("directory"), topic("dead-letters")};
  }
  /// Of the topics whose offsets its state speaks of.
  std::string log_identity() const {
    return fmt::format("events {}, commands {}", member.topic_id(topic("events")), member.topic_id(topic("commands")));
  }
  std::expected<bool, std::string> on_start(const std::stop_token& stop) override;
  std::expected<bool, std::string> on_assigned() override;
  void on_revoked() override;
  std::expected<bool, std::string> turn(std::vector<kafka::Message>& commands) override;
  std::map<int, std::int64_t> positions() const override { return next_command; }
  Poll next_poll() const override { return {.wait = kCollectWait, .records_max = commands_at_once()}; }
  void on_dropped() override { metrics.dropped.add(); }
  void on_halted() override { transactions.close(); }

  bool same_topics();
  std::expected<bool, std::string> check_commands() const;
  void warn_position_mismatch() const;
  std::expected<void, std::string> decide(const std::vector<kafka::Message>& commands);
  std::expected<void, std::string> seal();
  std::vector<int> to_be_sealed(Timestamp now);
  std::string source() const { return "/parley/decider/" + options.instance; }
  std::expected<void, std::string> abort_or_fail(const kafka::TransactionError& failed);
  void note_parked();
  bool must_park(int partition, std::int64_t offset) const;
  std::size_t commands_at_once() const;
  void report(const kafka::Message& command, Verdict verdict);
  void measure();

  Options options;
  Metrics metrics = {};
  store::Memory memory{store::Memory::Budget{}};

  runtime::GroupMember member;

  // Owned by the thread in run().
  Opened<kafka::Admin> admin;
  Transactions transactions;
  Opened<kafka::Consumer> reader;
  Opened<CrashMarker> marker;
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
  if (auto opened = transactions.open(stop, member.health()); !opened || !*opened) return opened;
  auto opened_admin = kafka::Admin::open(options.kafka);
  if (!opened_admin) return std::unexpected(described(opened_admin.error()));
  admin.emplace(std::move(*opened_admin));
  auto opened_reader = kafka::Consumer::open(options.kafka, {});
  if (!opened_reader) return std::unexpected(described(opened_reader.error()));
  reader.emplace(std::move(*opened_reader));
  return true;
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
    if (auto& positions = *committed) next_command = std::move(*positions);
    // Else an earlier owner's transaction is under way.
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
  // Each time: an owner of another build may have known other types of events.
  if (const auto announced = transactions.announce_parked(stores, {next_command, member.metadata()}); !announced) {
    if (auto aborted = abort_or_fail(announced.error()); !aborted) return std::unexpected(std::move(aborted.error()));
    return false;
  }
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
  if (!found) return false;
  std::vector<kafka::TopicDescription> described;
  described.reserve(found->size());
  for (const auto& one : *found) {
    if (!one) return false;
    described.push_back(*one);
  }
  for (const auto& one : described) {
    if (const auto wrong = kafka::wrong_partitions(one, options.partitions)) throw runtime::another_log(*wrong);
    if (one.id != member.topic_id(one.name))
      throw runtime::another_log(one.name + " is another topic of the same name");
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
      throw runtime::another_log(fmt::format("{} {} ends at {}, but its command {} was decided", end.where.topic,
                                             end.where.partition, end.offset, decided));
    }
  }
  return true;
}

std::expected<bool, std::string> Decider::Impl::turn(std::vector<kafka::Message>& commands) {
  if (!commands.empty()) {
    if (options.observer) options.observer(Step::collected);
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
      return std::unexpected(
          fmt::format("a command of a partition or position that is not ours: {}:{}", partition, command.offset()));
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
  std::size_t events = 0;
  for (const auto& [partition, batch] : batches) events += batch.events().size();

  const auto changes = transactions.write(batches, stores, {next, member.metadata()});
  if (!changes) return abort_or_fail(changes.error());
  for (const auto& [partition, changed] : *changes) {
    auto& store = stores.at(partition);
    store.write(changed);
    invariant(store.progress().last_command >= next.at(partition) - 1,
              "a store reflects every command whose position was committed");
  }
  next_command = std::move(next);
  metrics.events.add(static_cast<double>(events));
  for (std::size_t i = 0; i < commands.size(); ++i) report(commands[i], verdicts[i]);
  if (std::ranges::any_of(batches, [](const auto& one) { return one.second.changes_parked(); })) note_parked();
  for (const auto& [partition, changed] : *changes) marker->passed(partition, next_command.at(partition));
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
  if (const auto aborted = transactions.abort(); !aborted) return std::unexpected(described(aborted.error().error));
  metrics.owned.set(0);
  member.await_rebalance();
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
  const auto offsets = transactions.write_seals(seals, {next_command, member.metadata()});
  if (!offsets) return abort_or_fail(offsets.error());
  for (auto& [partition, made] : seals) stores.at(partition).write(std::move(made).finish(offsets->at(partition)));
  metrics.seals.add(static_cast<double>(seals.size()));
  return {};
}

/// The parked streams of the owned partitions, for metrics and health.
void Decider::Impl::note_parked() {
  std::int64_t total = 0;
  std::vector<std::string> reasons;
  for (const auto& [partition, next] : next_command) {
    const auto entry = parked_entry(stores.at(partition));
    total += entry.total;
    for (const auto& one : entry.streams) {
      if (reasons.size() < kReasonsMax) reasons.push_back(fmt::format("parked: {}: {}", one.stream, one.reason));
    }
  }
  if (total > static_cast<std::int64_t>(reasons.size())) {
    reasons.push_back(fmt::format("parked: {} more streams", total - static_cast<std::int64_t>(reasons.size())));
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

/// A line for each command, so that a request can be followed by its correlation id. What nobody must look after is
/// told at the lowest level: the API has a line for each request, and a line costs as much as the rules of a message.
void Decider::Impl::report(const kafka::Message& command, Verdict verdict) {
  metrics.commands[static_cast<std::size_t>(verdict)].add();
  if (verdict == Verdict::parks) {
    (must_park(command.partition(), command.offset()) ? metrics.parked_by_crash : metrics.parked_by_exception).add();
  }
  log::write(verdict == Verdict::dead || verdict == Verdict::parks ? log::Level::error : log::Level::debug, "command",
             {{"correlation_id", command.header("correlation_id").value_or("")},
              {"outcome", kVerdicts[static_cast<std::size_t>(verdict)].second},
              {"partition", command.partition()},
              {"offset", command.offset()}});
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
