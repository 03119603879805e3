#include "workers/projector/projector.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/group_consumer.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "platform/postgres/migrator.h"
#include "platform/postgres/pool.h"
#include "projections/batch.h"
#include "projections/checkpoints.h"
#include "projections/schema.h"
#include "schemas/envelope.h"

namespace parley::projector {

namespace {

using Clock = std::chrono::steady_clock;
using projections::Advance;
using projections::Checkpoint;
using namespace std::chrono_literals;

// How long one look for records waits. It delays rebalances and the end, not records: those wake it.
constexpr auto kPollWait = 50ms;
// How often the end of the log is asked for, for lag and health.
constexpr auto kEndsEvery = 2s;
constexpr auto kEndsTimeout = 1s;
constexpr auto kLeaseWait = 5s;
// Compare-and-sets that miss one after another before the process gives up and is started anew.
constexpr int kMissesMax = 20;

struct Metrics {
  metrics::Counter events = metrics::counter("parley_projector_events_total", "Events written into the read models");
  metrics::Counter misses =
      metrics::counter("parley_projector_checkpoint_misses_total", "Transactions rolled back because a checkpoint was not where it must be");
  metrics::Counter retries = metrics::counter("parley_projector_retries_total", "Transactions begun again after an error of PostgreSQL");
  metrics::Histogram batch_events =
      metrics::histogram("parley_projector_batch_events", "Events per transaction", {}, {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000});
  metrics::Histogram transaction_seconds = metrics::histogram("parley_projector_transaction_seconds", "Time of a transaction, commit included");
};

metrics::Gauge partition_gauge(const char* name, const char* help, std::int32_t partition) {
  return metrics::gauge(name, help, {{"partition", std::to_string(partition)}});
}

/// One partition that this process reads.
struct Owned {
  std::int64_t next = 0;              ///< The checkpoint as this process knows it.
  std::optional<Checkpoint> witness;  ///< The last event reflected: it is read first, and must be what the checkpoint says.
  Clock::time_point moved_at = Clock::now();
  metrics::Gauge lag;
  metrics::Gauge checkpoint;
  metrics::Gauge owned;

  explicit Owned(std::int32_t partition)
      : lag(partition_gauge("parley_projector_lag", "Offsets (control records among them) between the checkpoint and the log's end", partition)),
        checkpoint(partition_gauge("parley_projector_checkpoint", "The first offset that the read models do not reflect", partition)),
        owned(partition_gauge("parley_projector_owned", "Whether this process projects the partition", partition)) {}
};

/// Records that were folded and where they move the checkpoints. Kept until it is written or dropped.
struct Pending {
  projections::Batch batch;
  std::vector<Advance> advances;
};

enum class Written {
  yes,
  not_now,  ///< PostgreSQL is away or busy: the same again, later.
  reload,   ///< The checkpoints are not where we thought: drop what was read, begin again from them.
};

}  // namespace

struct Projector::Impl {
  explicit Impl(Options o)
      : options(std::move(o)),
        pool({.session = {.connection = options.postgres,
                          .application_name = "parley projector " + options.instance,
                          .schema = options.schema,
                          .statement_timeout = options.statement_timeout,
                          .durable_commit = false},  // README.md says why
              .connections_max = 1}) {}

  const Options options;
  postgres::Pool pool;
  Metrics metrics;
  std::string topic_id;

  std::optional<kafka::GroupConsumer> group;
  std::optional<kafka::Consumer> reader;
  std::set<std::int32_t> assigned;  // by the group
  bool assignment_changed = false;
  std::map<std::int32_t, Owned> owned;  // with a position
  std::optional<Pending> pending;
  bool in_doubt = false;  // the last COMMIT of `pending` may have happened
  int misses = 0;
  std::optional<std::string> failure;  // why the process must end

  std::chrono::milliseconds pause{};  // before PostgreSQL is tried again
  Clock::time_point retry_at{};
  Clock::time_point ends_at{};

  mutable std::mutex status_mutex;  // guards the four below, for verdict()
  bool joined = false;
  std::optional<std::string> postgres_trouble;
  std::optional<std::string> kafka_trouble;
  std::vector<std::int32_t> stuck;
  std::atomic<Clock::rep> looked_at{Clock::now().time_since_epoch().count()};

  std::expected<void, std::string> run(const std::stop_token& stop);
  std::expected<void, std::string> start(const std::stop_token& stop);
  void look();
  void serve_group();
  void drop();
  bool take_over();
  void read();
  bool fold(const std::vector<kafka::Message>& records);
  bool check_witness(Owned& partition, const kafka::Message& record, const schema::Envelope& envelope);
  Written write();
  Written settle(postgres::Lease& lease);
  void written();
  void watch_ends();
  void refuse(std::string why) {
    if (!failure) failure = std::move(why);
  }
  bool trouble(const postgres::Error& error, std::string_view doing);
  void recovered();
  bool waiting() const { return Clock::now() < retry_at; }
  kafka::TopicPartition at(std::int32_t partition) const { return {options.events_topic, partition}; }
};

Projector::Projector(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Projector::~Projector() = default;
std::expected<void, std::string> Projector::run(const std::stop_token& stop) { return impl_->run(stop); }

std::expected<void, std::string> Projector::Impl::run(const std::stop_token& stop) {
  if (auto started = start(stop); !started) return started;
  while (!stop.stop_requested() && !failure) look();
  if (group) group->close();
  if (failure) return std::unexpected(*failure);
  return {};
}

// Is this the topic and the schema that this program knows? Waits for both servers.
std::expected<void, std::string> Projector::Impl::start(const std::stop_token& stop) {
  auto admin = kafka::Admin::open(options.kafka);
  if (!admin) return std::unexpected("Kafka: " + admin.error().text);
  // Nothing is polled yet, so plain waiting is all there is to do.
  std::mutex mutex;
  std::condition_variable_any waiting;
  const auto wait = [&] {
    std::unique_lock lock(mutex);
    waiting.wait_for(lock, stop, options.retry_max / 4, [] { return false; });
    looked_at = Clock::now().time_since_epoch().count();
  };
  while (!stop.stop_requested()) {
    const auto described = admin->describe_topics(std::vector{options.events_topic});
    if (described && described->front()) {
      if (described->front()->partitions != options.partitions) {
        return std::unexpected(options.events_topic + " has " + std::to_string(described->front()->partitions) + " partitions, not " +
                               std::to_string(options.partitions));
      }
      topic_id = described->front()->id;
      break;
    }
    if (!described && !described.error().retryable) return std::unexpected("Kafka: " + described.error().text);
    {
      const std::lock_guard lock(status_mutex);
      kafka_trouble = described ? options.events_topic + " does not exist" : described.error().text;
    }
    wait();
  }
  {
    const std::lock_guard lock(status_mutex);
    kafka_trouble.reset();
  }
  while (!stop.stop_requested()) {
    const auto migrated = postgres::expect_migrated({.connection = options.postgres, .schema = options.schema}, projections::migrations());
    if (migrated) break;
    if (!migrated.error().retryable()) return std::unexpected("PostgreSQL: " + migrated.error().detail);
    trouble(migrated.error(), "start");
    wait();
  }
  recovered();
  auto opened = kafka::Consumer::open(options.kafka, {});
  if (!opened) return std::unexpected("Kafka: " + opened.error().text);
  reader = std::move(*opened);
  auto joining = kafka::GroupConsumer::open(
      options.kafka,
      {.group = options.group, .instance = options.instance, .topics = {options.events_topic}, .session_timeout = options.session_timeout},
      {.on_assign =
           [this](const std::vector<kafka::TopicPartition>& partitions, const kafka::GroupMetadata&) {
             assigned.clear();
             for (const auto& p : partitions) assigned.insert(p.partition);
             assignment_changed = true;
             const std::lock_guard lock(status_mutex);
             joined = true;
           },
       .on_revoke =
           [this](const std::vector<kafka::TopicPartition>&, bool) {
             assigned.clear();
             assignment_changed = true;
           }});
  if (!joining) return std::unexpected("Kafka: " + joining.error().text);
  group = std::move(*joining);
  return {};
}

/// One turn: serve the group, take over what it gave, write what is pending, read more. Never longer than the longest statement.
void Projector::Impl::look() {
  looked_at = Clock::now().time_since_epoch().count();
  serve_group();
  if (assignment_changed && !waiting() && !take_over()) return;
  if (pending && !waiting()) {
    switch (write()) {
      case Written::yes:
        written();
        break;
      case Written::not_now:
        break;
      case Written::reload:
        drop();
        assignment_changed = true;
        if (++misses > kMissesMax) refuse("the checkpoints are moved by somebody else all the time");
        return;
    }
  }
  if (!pending && !assignment_changed && !failure) read();
  watch_ends();
}

void Projector::Impl::serve_group() {
  std::vector<kafka::Message> none;  // every partition of the group stays paused: records come through `reader`
  const bool idle = waiting() || (owned.empty() && !assignment_changed);
  for (bool more = true; more;) {
    const auto polled = group->poll(none, 1, idle ? kPollWait : 0ms);
    // The group has no committed offsets, on purpose, and is told so for each partition.
    more = !polled && polled.error().kind == kafka::Kind::no_offset;
    if (!polled && !more && !polled.error().retryable) refuse("Kafka group: " + polled.error().text);
  }
  if (assignment_changed && (pending || !owned.empty())) drop();
}

void Projector::Impl::drop() {
  pending.reset();
  in_doubt = false;
  for (auto& [partition, p] : owned) p.owned.set(0), p.lag.set(0);
  owned.clear();
  if (const auto cleared = reader->assign({}); !cleared) refuse("Kafka: " + cleared.error().text);
}

/// Positions for the partitions that the group gave us. False: not now.
bool Projector::Impl::take_over() {
  if (assigned.empty()) {
    assignment_changed = false;
    return true;
  }
  const std::vector<std::int32_t> partitions(assigned.begin(), assigned.end());
  auto lease = pool.lease(kLeaseWait);
  if (!lease) return trouble(lease.error(), "take over");
  if (const auto started = projections::start_checkpoints(*lease, partitions, topic_id); !started) return trouble(started.error(), "take over");
  const auto rows = projections::checkpoints(*lease);
  if (!rows) return trouble(rows.error(), "take over");
  recovered();
  std::vector<kafka::PartitionOffset> positions;
  for (const auto& row : *rows) {
    if (!assigned.contains(row.partition)) continue;
    if (row.topic_id && *row.topic_id != topic_id) {
      refuse("another log: " + options.events_topic + " is not the topic that the read models were made from");
      return false;
    }
    Owned& p = owned.emplace(row.partition, row.partition).first->second;
    p.next = row.next;
    if (row.last_event_id && row.last_position) p.witness = row;
    p.owned.set(1);
    p.checkpoint.set(static_cast<double>(row.next));
    positions.push_back({at(row.partition), p.witness ? *p.witness->last_position : p.next});
  }
  if (const auto reading = reader->assign(positions); !reading) {
    refuse("Kafka: " + reading.error().text);
    return false;
  }
  assignment_changed = false;
  ends_at = {};
  log::info("projector owns partitions", {{"count", owned.size()}});
  return true;
}

void Projector::Impl::read() {
  if (owned.empty()) return;
  std::vector<kafka::Message> records;
  const auto polled = reader->poll(records, options.batch_events_max, kPollWait);
  if (!polled) {
    if (polled.error().kind == kafka::Kind::no_offset) {
      refuse("another log: it does not reach to the checkpoint (" + polled.error().text + ")");
    } else if (!polled.error().retryable) {
      refuse("Kafka: " + polled.error().text);
    } else {
      log::warn("reading events", {{"error", polled.error().text}});
    }
  }
  if (!failure && !records.empty() && fold(records) && write() == Written::yes) written();
}

/// Folds records into `pending`. False when there is nothing to write.
bool Projector::Impl::fold(const std::vector<kafka::Message>& records) {
  Pending made;
  std::map<std::int32_t, Advance> advances;
  for (const auto& record : records) {
    const auto found = owned.find(record.partition());
    if (found == owned.end()) continue;
    Owned& partition = found->second;
    const auto envelope = schema::read_envelope([&](std::string_view name) { return record.header(std::string(name).c_str()); });
    const auto where = [&] { return " at " + std::to_string(record.partition()) + ":" + std::to_string(record.offset()); };
    if (!envelope) {
      refuse("a record that is no event" + where() + ": " + envelope.error());
      return false;
    }
    if (partition.witness) {
      if (!check_witness(partition, record, *envelope)) return false;
      continue;
    }
    if (record.offset() < partition.next) continue;
    if (const auto added = made.batch.add(*envelope, record.value(), record.partition(), record.offset()); !added) {
      refuse("an event that cannot be applied" + where() + ": " + added.error());
      return false;
    }
    Advance& advance = advances.try_emplace(record.partition(), Advance{.from = partition.next, .to = {}}).first->second;
    advance.to = {.partition = record.partition(),
                  .next = record.offset() + 1,
                  .topic_id = topic_id,
                  .last_event_id = envelope->id,
                  .last_position = record.offset()};
  }
  if (advances.empty()) return false;
  for (auto& [partition, advance] : advances) made.advances.push_back(std::move(advance));
  pending = std::move(made);
  return true;
}

/// The first record after taking over must be the one that the checkpoint names.
bool Projector::Impl::check_witness(Owned& partition, const kafka::Message& record, const schema::Envelope& envelope) {
  if (record.offset() != *partition.witness->last_position || envelope.id != *partition.witness->last_event_id) {
    refuse("another log: partition " + std::to_string(record.partition()) + " has event " + envelope.id + " at " + std::to_string(record.offset()) +
           " where the read models reflect " + *partition.witness->last_event_id + " at " + std::to_string(*partition.witness->last_position));
    return false;
  }
  partition.witness.reset();
  return true;
}

Written Projector::Impl::write() {
  const auto begun = Clock::now();
  const auto later = [this](const postgres::Error& error) {
    trouble(error, "write");
    return Written::not_now;
  };
  auto lease = pool.lease(kLeaseWait);
  if (!lease) return later(lease.error());
  if (in_doubt) {
    const Written settled = settle(*lease);
    if (settled != Written::not_now || in_doubt) return settled;
  }
  auto transaction = lease->transaction();
  if (!transaction) return later(transaction.error());
  // The checkpoints first: their rows are locked, and a batch that belongs to somebody else by now ends here.
  const auto moved = projections::advance(*transaction, pending->advances);
  if (!moved) return later(moved.error());
  if (*moved != pending->advances.size()) {
    metrics.misses.add();
    log::warn("checkpoint is not where it was", {{"partitions", pending->advances.size()}, {"matched", *moved}});
    return Written::reload;
  }
  if (const auto rows = pending->batch.write(*transaction); !rows) return later(rows.error());
  if (const auto told = projections::announce(*transaction, pending->advances); !told) return later(told.error());
  if (const auto committed = transaction->commit(); !committed) {
    in_doubt = committed.error().kind == postgres::ErrorKind::in_doubt;
    return later(committed.error());
  }
  metrics.transaction_seconds.observe(std::chrono::duration<double>(Clock::now() - begun).count());
  recovered();
  return Written::yes;
}

/// After a COMMIT that nobody answered: `yes` it happened, `not_now` with in_doubt cleared: it did not.
Written Projector::Impl::settle(postgres::Lease& lease) {
  const auto rows = projections::checkpoints(lease);
  if (!rows) {
    trouble(rows.error(), "settle");
    return Written::not_now;
  }
  const auto stands = [&](const Advance& advance, std::int64_t next) {
    return std::ranges::any_of(*rows, [&](const Checkpoint& row) { return row.partition == advance.to.partition && row.next == next; });
  };
  in_doubt = false;
  if (std::ranges::all_of(pending->advances, [&](const Advance& a) { return stands(a, a.to.next); })) {
    recovered();
    return Written::yes;
  }
  if (std::ranges::all_of(pending->advances, [&](const Advance& a) { return stands(a, a.from); })) return Written::not_now;
  return Written::reload;
}

void Projector::Impl::written() {
  metrics.events.add(static_cast<double>(pending->batch.events()));
  metrics.batch_events.observe(static_cast<double>(pending->batch.events()));
  for (const auto& advance : pending->advances) {
    const auto found = owned.find(advance.to.partition);
    if (found == owned.end()) continue;
    found->second.next = advance.to.next;
    found->second.moved_at = Clock::now();
    found->second.checkpoint.set(static_cast<double>(advance.to.next));
  }
  pending.reset();
  misses = 0;
}

/// Lag, and whether a partition stands still although it has events.
void Projector::Impl::watch_ends() {
  const auto now = Clock::now();
  if (now < ends_at) return;
  ends_at = now + kEndsEvery;
  std::vector<kafka::TopicPartition> partitions;
  for (const auto& [partition, p] : owned) partitions.push_back(at(partition));
  if (partitions.empty()) partitions.push_back(at(0));  // nothing to do, but is Kafka there?
  const auto ends = reader->end(partitions, kafka::Isolation::read_committed, kEndsTimeout);
  {
    const std::lock_guard lock(status_mutex);
    kafka_trouble.reset();
    if (!ends) kafka_trouble = ends.error().text;
  }
  if (!ends) return;
  if (owned.empty()) {
    const std::lock_guard lock(status_mutex);
    stuck.clear();
    return;
  }
  const auto positions = reader->position();
  if (!positions) return;
  std::map<std::int32_t, std::int64_t> read_to;
  for (const auto& position : *positions) read_to[position.where.partition] = position.offset;
  std::vector<std::int32_t> still;
  for (const auto& end : *ends) {
    Owned& p = owned.at(end.where.partition);
    // Past the last event come control records, which are read but move no checkpoint.
    const bool written_all = !pending && read_to[end.where.partition] >= end.offset;
    p.lag.set(written_all ? 0 : static_cast<double>(std::max<std::int64_t>(0, end.offset - p.next)));
    if (written_all) p.moved_at = now;
    if (now - p.moved_at > options.stuck_after) still.push_back(end.where.partition);
  }
  const std::lock_guard lock(status_mutex);
  stuck = std::move(still);
}

/// Notes that PostgreSQL failed us and when to try again; what trying again cannot change ends the process. Returns false.
bool Projector::Impl::trouble(const postgres::Error& error, std::string_view doing) {
  if (error.kind == postgres::ErrorKind::rejected) {
    refuse("PostgreSQL refused to " + std::string(doing) + ": " + error.detail);
    return false;
  }
  pause = pause.count() == 0 ? options.retry_min : std::min(pause * 2, options.retry_max);
  retry_at = Clock::now() + pause;
  metrics.retries.add();
  log::warn("PostgreSQL is away", {{"step", doing}, {"kind", postgres::name_of(error.kind)}, {"error", error.detail}, {"retry_ms", pause.count()}});
  const std::lock_guard lock(status_mutex);
  postgres_trouble = std::string(postgres::name_of(error.kind)) + ": " + error.detail;
  return false;
}

void Projector::Impl::recovered() {
  pause = {};
  retry_at = {};
  const std::lock_guard lock(status_mutex);
  if (postgres_trouble) log::info("PostgreSQL answers again");
  postgres_trouble.reset();
}

health::Verdict Projector::verdict() const {
  health::Verdict verdict;
  const auto not_ready = [&](std::string why) {
    verdict.readiness = health::Readiness::not_ready;
    verdict.reasons.push_back(std::move(why));
  };
  const Clock::time_point looked{Clock::duration{impl_->looked_at.load()}};
  // A turn may take as long as a statement may.
  if (Clock::now() - looked > impl_->options.statement_timeout + impl_->options.stuck_after) not_ready("the loop does not turn");
  const std::lock_guard lock(impl_->status_mutex);
  if (!impl_->joined) not_ready("no partitions assigned yet");
  if (impl_->postgres_trouble) not_ready("PostgreSQL is away: " + *impl_->postgres_trouble);
  if (impl_->kafka_trouble) not_ready("Kafka is away: " + *impl_->kafka_trouble);
  for (const auto partition : impl_->stuck) not_ready("partition " + std::to_string(partition) + " does not advance");
  return verdict;
}

}  // namespace parley::projector
