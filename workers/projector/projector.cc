#include "workers/projector/projector.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "platform/invariant.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/group_consumer.h"
#include "platform/kafka/topic_watch.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "platform/postgres/migrator.h"
#include "platform/postgres/pool.h"
#include "platform/process/process.h"
#include "projections/engine/batch.h"
#include "projections/engine/checkpoints.h"
#include "projections/engine/parking.h"
#include "projections/record.h"
#include "projections/schema.h"
#include "schemas/contexts/parking.h"
#include "schemas/events.h"

namespace parley::projector {

namespace {

using Clock = std::chrono::steady_clock;
using projections::Advance;
using projections::Checkpoint;
using projections::ParkedEvent;
using projections::ParkedStream;
using projections::Parking;
using projections::place_of;
using projections::read_record;
using namespace std::chrono_literals;

// How long one look for records waits. It delays rebalances and the end, not records: those wake it.
constexpr auto kPollWait = 50ms;
// How often both servers are asked whether they are there: Kafka for the end of the log, PostgreSQL when nothing was
// written meanwhile.
constexpr auto kLookEvery = 2s;
constexpr auto kEndsTimeout = 1s;
// Looks for the log's end that fail one after another before Kafka counts as away.
constexpr int kEndsMissesMax = 2;
constexpr auto kLeaseWait = 5s;
// What is read ahead, in transactions of each writer: as it comes from Kafka, more than one of them may be of one
// partition alone.
constexpr std::size_t kReadAhead = 2;
// Compare-and-sets that miss one after another before the process gives up and is started anew.
constexpr int kMissesMax = 20;
// Events of a parked stream that are read and applied in one transaction.
constexpr std::size_t kReplayEventsMax = 500;
// Reading them takes no longer in one turn; what is not read by then is read in the next.
constexpr auto kReplayReadMax = 2s;
// A parked event that stands further on than this is sought; up to it the log is read on.
constexpr std::int64_t kReplaySeekFrom = 2'000;
constexpr int kReplayPrefetchKib = 1'024;
// Parked streams that /readyz names.
constexpr std::size_t kReasonsMax = 5;

/// What begins so is no matter of this process: starting again changes nothing, and somebody has to look.
constexpr std::string_view kAnotherLog = "another log: ";

struct Metrics {
  metrics::Counter events = metrics::counter("parley_projector_events_total", "Events written into the read models");
  metrics::Counter misses = metrics::counter("parley_projector_checkpoint_misses_total",
                                             "Transactions rolled back because a checkpoint was not where it must be");
  metrics::Counter retries =
      metrics::counter("parley_projector_retries_total", "Transactions begun again after an error of PostgreSQL");
  metrics::Counter parkings = metrics::counter(
      "parley_projector_parkings_total", "Streams that had to be parked because one of their events cannot be applied");
  metrics::Gauge parked_streams =
      metrics::gauge("parley_projector_parked_streams", "Parked streams in the partitions of this process");
  metrics::Histogram batch_events = metrics::histogram("parley_projector_batch_events", "Events per transaction", {},
                                                       {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000});
  metrics::Histogram transaction_seconds =
      metrics::histogram("parley_projector_transaction_seconds", "Time of a transaction, commit included");
};

/// Of one partition.
struct PartitionMetrics {
  explicit PartitionMetrics(std::int32_t partition)
      : PartitionMetrics(metrics::Labels{{"partition", std::to_string(partition)}}) {}
  explicit PartitionMetrics(const metrics::Labels& labels)
      : owned(metrics::gauge("parley_projector_owned", "Whether this process projects the partition", labels)),
        checkpoint(metrics::gauge("parley_projector_checkpoint", "The first offset that the read models do not reflect",
                                  labels)),
        lag_events(metrics::gauge("parley_projector_lag_events",
                                  "Events, and ends of transactions among them, that the read models do not reflect",
                                  labels)),
        lag_seconds(metrics::gauge("parley_projector_lag_seconds",
                                   "For how long the oldest of them has been in the log, or has been known to be",
                                   labels)) {}

  void set_lag(std::int64_t events, std::chrono::duration<double> age) {
    lag_events.set(static_cast<double>(events));
    lag_seconds.set(std::max(0.0, age.count()));
  }

  metrics::Gauge owned;
  metrics::Gauge checkpoint;
  metrics::Gauge lag_events;
  metrics::Gauge lag_seconds;
};

/// The event that lets a stream go on which this projection has parked; nothing when the event is none, or is about
/// something else.
std::optional<parking::Unparked> unparking_of(const projections::Record& record) {
  if (record.envelope.type != schema::type_name<parking::Unparked>) return std::nullopt;
  const auto event = schema::decode_event(record.envelope.type, record.value);
  if (!event || !*event) return std::nullopt;
  const auto* of_parking = (*event)->get_if<parking::Event>();
  const auto* unparked = of_parking == nullptr ? nullptr : std::get_if<parking::Unparked>(of_parking);
  if (unparked == nullptr || unparked->projection != projections::kReadModels) return std::nullopt;
  return *unparked;
}

/// One partition that this process reads.
struct Owned {
  std::int64_t next = 0;              ///< The checkpoint as this process knows it.
  std::optional<std::int64_t> until;  ///< Where it must end.
  std::optional<Checkpoint>
      witness;  ///< The last event reflected: it is read first, and must be what the checkpoint says.
  Clock::time_point moved_at = Clock::now();
  std::optional<Clock::time_point> behind_since;  ///< The look that saw it so first at this checkpoint.
  PartitionMetrics metrics;

  explicit Owned(std::int32_t partition) : metrics(partition) {}

  bool is_done() const { return until && next >= *until; }
};

/// Records that were folded, and where they move the checkpoints: of one transaction. Kept until it is written or
/// dropped.
struct Pending {
  projections::Batch batch;
  std::vector<Advance> advances;
  std::vector<kafka::Message> records;  ///< Those of the batch.
  bool is_apart = false;  ///< One of them at least cannot be applied: the batch is not whole, or the tables refused it.
  std::vector<projections::Waiting> waiting;  ///< Events of streams that were parked before.
  std::optional<parking::Unparked>
      unparking;          ///< `records` is this one event, of a parked stream, which lets the stream go on.
  bool in_doubt = false;  ///< The last COMMIT may have happened.

  // What the transaction under way makes of the parked streams; so once it is committed.
  std::vector<ParkedStream> parked = {};
  std::optional<std::string> unparked = {};

  std::size_t events() const { return records.size() + waiting.size(); }
};

/// Which transaction takes a partition's records: the one that has the fewest when its first one comes.
class Shares {
 public:
  explicit Shares(std::size_t count) : pending_(count) {}

  Pending& of(std::int32_t partition) {
    const auto [found, first] = share_of_.try_emplace(partition, nullptr);
    if (first) found->second = &*std::ranges::min_element(pending_, {}, &Pending::events);
    return *found->second;
  }
  bool empty() const {
    return std::ranges::all_of(pending_, [](const Pending& share) { return share.events() == 0; });
  }
  std::map<std::int32_t, Advance> advances;
  /// What there is to write; with it go the advances.
  std::vector<Pending> take() {
    for (auto& [partition, advance] : advances) of(partition).advances.push_back(std::move(advance));
    std::erase_if(pending_, [](const Pending& share) { return share.advances.empty(); });
    return std::move(pending_);
  }

 private:
  std::vector<Pending> pending_;
  std::map<std::int32_t, Pending*> share_of_;
};

/// From the best to the worst.
enum class Written {
  yes,
  partly,   ///< A part of a parked stream was replayed: there is more.
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
              .connections_max = options.writers,
              .name = "projector"}) {
    for (std::int32_t partition = 0; partition < options.partitions; ++partition)
      static_cast<void>(PartitionMetrics(partition));
  }

  const Options options;
  postgres::Pool pool;
  Metrics metrics;
  std::string topic_id;

  std::optional<kafka::TopicWatch> watch_topic;
  std::optional<kafka::GroupConsumer> group;
  std::optional<kafka::Consumer> reader;
  std::optional<kafka::Consumer> replayer;  // of parked events, while there is something to replay
  std::set<std::int32_t> assigned;          // by the group
  bool assignment_changed = false;
  std::map<std::int32_t, Owned> owned;  // with a position
  std::map<std::string, ParkedStream, std::less<>>
      parked;                          // of the owned partitions, by stream; true at their checkpoints
  std::size_t reading = 0;             // partitions that `reader` has
  std::deque<kafka::Message> backlog;  // read, not folded yet
  std::vector<Pending> pending;        // of different partitions each
  int misses = 0;
  std::optional<std::string> failure;  // why the process must end

  std::chrono::milliseconds pause{};  // before PostgreSQL is tried again
  Clock::time_point retry_at{};
  Clock::time_point look_at{};
  Clock::time_point answered_at{};  // by PostgreSQL
  int ends_misses = 0;

  mutable std::mutex status_mutex;  // guards those below, for verdict()
  std::optional<Clock::time_point> unassigned_since = Clock::time_point{};
  std::optional<Clock::time_point> pending_since;
  std::vector<std::string> parked_reasons;
  std::optional<std::string> halted;
  std::optional<std::string> postgres_trouble;
  std::optional<std::string> kafka_trouble;
  std::vector<std::int32_t> stuck;
  std::atomic<Clock::rep> looked_at{Clock::now().time_since_epoch().count()};
  std::atomic<std::int64_t> events_written{0};

  std::expected<void, std::string> run(const std::stop_token& stop);
  std::expected<void, std::string> start(const std::stop_token& stop);
  void look();
  void serve_group();
  void drop();
  bool take_over();
  std::size_t undone() const;
  bool read_on();
  void read();
  bool fold();
  bool check_witness(Owned& partition, const projections::Record& record);
  Written write();
  postgres::Result<Written> write(Pending& share);
  postgres::Result<Written> write_batch(postgres::Lease& lease, Pending& share);
  postgres::Result<Written> write_replay(postgres::Lease& lease, Pending& share);
  std::optional<std::vector<kafka::Message>> read_parked(std::int32_t partition,
                                                         const std::vector<ParkedEvent>& events);
  postgres::Result<Written> move(postgres::Transaction& transaction, std::span<const Advance> advances);
  postgres::Result<Written> finish(postgres::Transaction& transaction, Pending& share);
  postgres::Result<Written> settle(postgres::Lease& lease, Pending& share);
  void written(Pending& share);
  void show_parked();
  void set_pending(bool is_pending);
  void watch();
  void watch_ends(Clock::time_point now);
  void show_lag(Owned& owned, std::int32_t partition, std::int64_t events);
  bool reaches_to(const std::vector<Checkpoint>& rows);
  void say_why(const std::stop_token& stop);
  void refuse(std::string why) {
    const std::lock_guard lock(status_mutex);  // writers refuse too
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
  if (auto started = start(stop); !started) refuse(std::move(started.error()));
  while (!stop.stop_requested() && !failure && (owned.empty() || undone() > 0)) look();
  if (group) group->close();
  if (failure && failure->starts_with(kAnotherLog)) say_why(stop);
  if (failure) return std::unexpected(*failure);
  return {};
}

/// Stays for a while, so that whoever asks is told why.
void Projector::Impl::say_why(const std::stop_token& stop) {
  log::error("nothing is projected before somebody has looked", {{"reason", *failure}});
  {
    const std::lock_guard lock(status_mutex);
    halted = *failure;
  }
  process::pause(stop, options.say_why_for);
}

/// Whether the log still has what the checkpoints say was read of it. False also when Kafka does not answer just now.
bool Projector::Impl::reaches_to(const std::vector<Checkpoint>& rows) {
  std::vector<kafka::TopicPartition> partitions;
  for (const auto& row : rows) {
    if (assigned.contains(row.partition)) partitions.push_back(at(row.partition));
  }
  const auto ends = reader->end(partitions, kafka::Isolation::read_uncommitted, kEndsTimeout);
  if (!ends) {
    const std::lock_guard lock(status_mutex);
    kafka_trouble = ends.error().text;
    return false;
  }
  for (const auto& end : *ends) {
    const auto row = std::ranges::find(rows, end.where.partition, &Checkpoint::partition);
    if (row->next <= end.offset) continue;
    refuse(std::string(kAnotherLog) + options.events_topic + " " + std::to_string(row->partition) + " ends at " +
           std::to_string(end.offset) + ", but the read models reflect it to " + std::to_string(row->next) +
           ": it has lost its tail");
    return false;
  }
  return true;
}

// Is this the topic and the schema that this program knows? Waits for both servers.
std::expected<void, std::string> Projector::Impl::start(const std::stop_token& stop) {
  auto admin = kafka::Admin::open(options.kafka);
  if (!admin) return std::unexpected("Kafka: " + admin.error().text);
  // Nothing is polled yet, so plain waiting is all there is to do.
  const auto wait = [&] {
    process::pause(stop, options.retry_max / 4);
    looked_at = Clock::now().time_since_epoch().count();
  };
  while (!stop.stop_requested()) {
    const auto topic = admin->describe_topic(options.events_topic);
    if (topic) {
      if (const auto wrong = kafka::wrong_partitions(*topic, options.partitions))
        return std::unexpected(std::string(kAnotherLog) + *wrong);
      topic_id = topic->id;
      watch_topic.emplace(kafka::TopicWatch::Options{.kafka = options.kafka,
                                                     .topics = {options.events_topic},
                                                     .partitions = options.partitions,
                                                     .ids = {{options.events_topic, topic_id}}});
      break;
    }
    if (!topic.error().retryable) return std::unexpected("Kafka: " + topic.error().text);
    {
      const std::lock_guard lock(status_mutex);
      kafka_trouble = topic.error().text;
    }
    wait();
  }
  {
    const std::lock_guard lock(status_mutex);
    kafka_trouble.reset();
  }
  while (!stop.stop_requested()) {
    const auto migrated = postgres::expect_migrated({.connection = options.postgres, .schema = options.schema},
                                                    projections::migrations());
    if (migrated) break;
    if (!migrated.error().retryable()) return std::unexpected("PostgreSQL: " + migrated.error().detail);
    trouble(migrated.error(), "start");
    wait();
  }
  recovered();
  auto opened = kafka::Consumer::open(options.kafka, {});
  if (!opened) return std::unexpected("Kafka: " + opened.error().text);
  reader = std::move(*opened);
  if (options.group.empty()) {
    for (std::int32_t partition = 0; partition < options.partitions; ++partition) assigned.insert(partition);
    assignment_changed = true;
    const std::lock_guard lock(status_mutex);
    unassigned_since.reset();
    return {};
  }
  auto joining = kafka::GroupConsumer::open(
      options.kafka,
      {.group = options.group,
       .instance = options.instance,
       .topics = {options.events_topic},
       .session_timeout = options.session_timeout},
      {.on_assign =
           [this](const std::vector<kafka::TopicPartition>& partitions, const kafka::GroupMetadata&) {
             assigned.clear();
             for (const auto& p : partitions) assigned.insert(p.partition);
             assignment_changed = true;
             const std::lock_guard lock(status_mutex);
             unassigned_since.reset();
           },
       .on_revoke =
           [this](const std::vector<kafka::TopicPartition>&, bool) {
             assigned.clear();
             assignment_changed = true;
             const std::lock_guard lock(status_mutex);
             unassigned_since = Clock::now();
           }});
  if (!joining) return std::unexpected("Kafka: " + joining.error().text);
  group = std::move(*joining);
  return {};
}

/// One turn: serve the group, take over what it gave, write what is pending, read more. Never longer than the longest
/// statement.
void Projector::Impl::look() {
  looked_at = Clock::now().time_since_epoch().count();
  if (const auto another = watch_topic->another_log()) return refuse(std::string(kAnotherLog) + *another);
  serve_group();
  if (assignment_changed && !waiting() && !take_over()) return;
  if (!pending.empty() && !waiting() && write() == Written::reload) {
    drop();
    assignment_changed = true;
    if (++misses > kMissesMax) refuse("the checkpoints are moved by somebody else all the time");
    return;
  }
  if (pending.empty() && !assignment_changed && !failure) read();
  if (!failure) watch();
}

void Projector::Impl::serve_group() {
  std::vector<kafka::Message> none;  // every partition of the group stays paused: records come through `reader`
  const bool idle = waiting() || (owned.empty() && !assignment_changed);
  if (!group && idle) std::this_thread::sleep_for(kPollWait);
  for (bool more = group.has_value(); more;) {
    const auto polled = group->poll(none, 1, idle ? kPollWait : 0ms);
    // The group has no committed offsets, on purpose, and is told so for each partition.
    more = !polled && polled.error().kind == kafka::Kind::no_offset;
    if (!polled && !more && !polled.error().retryable) refuse("Kafka group: " + polled.error().text);
  }
  if (assignment_changed && (!pending.empty() || !owned.empty())) drop();
}

void Projector::Impl::drop() {
  pending.clear();
  set_pending(false);
  backlog.clear();
  replayer.reset();
  parked.clear();
  show_parked();
  for (auto& [partition, p] : owned) p.metrics.owned.set(0), p.metrics.set_lag(0, {});
  owned.clear();
  reading = 0;
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
  if (const auto started = projections::start_checkpoints(*lease, partitions, topic_id); !started)
    return trouble(started.error(), "take over");
  const auto rows = projections::checkpoints(*lease);
  if (!rows) return trouble(rows.error(), "take over");
  // After the checkpoints: what is parked between the two moves one of them, and is found out when we write.
  const auto parked_now = projections::parked_streams(*lease, options.parked_streams_max + 1, partitions);
  if (!parked_now) return trouble(parked_now.error(), "take over");
  recovered();
  for (const auto& stream : *parked_now) parked[stream.stream] = stream;
  show_parked();
  for (const auto& row : *rows) {
    if (row.topic_id && *row.topic_id != topic_id) {
      refuse(std::string(kAnotherLog) + options.events_topic +
             " is not the topic that the read models were made from (" + topic_id + ", not " + *row.topic_id + ")");
      return false;
    }
  }
  if (!reaches_to(*rows)) return false;
  for (const auto& row : *rows) {
    if (!assigned.contains(row.partition)) continue;
    Owned& p = owned.emplace(row.partition, row.partition).first->second;
    p.next = row.next;
    if (options.until) p.until = options.until->contains(row.partition) ? options.until->at(row.partition) : 0;
    if (row.last_event_id && row.last_position) p.witness = row;
    p.metrics.owned.set(1);
    p.metrics.checkpoint.set(static_cast<double>(row.next));
  }
  if (!read_on()) return false;
  assignment_changed = false;
  look_at = {};
  log::info("projector owns partitions", {{"count", owned.size()}});
  return true;
}

std::size_t Projector::Impl::undone() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(owned, [](const auto& each) { return !each.second.is_done(); }));
}

/// Reads the partitions that have something left to read, from their checkpoints on.
bool Projector::Impl::read_on() {
  std::vector<kafka::PartitionOffset> positions;
  for (const auto& [partition, p] : owned) {
    if (!p.is_done()) positions.push_back({at(partition), p.witness ? *p.witness->last_position : p.next});
  }
  reading = positions.size();
  const auto assigned_now = reader->assign(positions);
  if (!assigned_now) refuse("Kafka: " + assigned_now.error().text);
  return assigned_now.has_value();
}

void Projector::Impl::read() {
  if (owned.empty()) return;
  const std::size_t ahead = options.writers * kReadAhead * options.batch_events_max;
  if (backlog.empty() && undone() < reading && !read_on()) return;
  // A partition that is done is left as soon as nothing is lost by that: what is read and not folded would be read
  // again.
  if (undone() == reading && backlog.size() < ahead) {
    std::vector<kafka::Message> records;
    const auto polled = reader->poll(records, ahead - backlog.size(), backlog.empty() ? kPollWait : 0ms);
    if (!polled) {
      if (polled.error().kind == kafka::Kind::no_offset) {
        refuse("another log: it does not reach to the checkpoint (" + polled.error().text + ")");
      } else if (!polled.error().retryable) {
        refuse("Kafka: " + polled.error().text);
      } else {
        log::warn("reading events", {{"error", polled.error().text}});
      }
    }
    std::ranges::move(records, std::back_inserter(backlog));
  }
  if (!failure && fold()) write();
}

/// Folds the backlog into `pending`, as far as it can be written together: what is too much for one transaction into
/// several, by partition. False when there is nothing to write.
bool Projector::Impl::fold() {
  Shares shares(backlog.size() > options.batch_events_max ? options.writers : 1);
  std::deque<kafka::Message> left;  // of partitions whose transaction is full
  for (; !backlog.empty(); backlog.pop_front()) {
    kafka::Message& message = backlog.front();
    const auto found = owned.find(message.partition());
    if (found == owned.end()) continue;
    Pending& made = shares.of(message.partition());
    if (made.events() >= options.batch_events_max) {
      left.push_back(std::move(message));
      continue;
    }
    Owned& partition = found->second;
    const auto record = read_record(message);
    if (!record) {
      refuse(record.error());
      return false;
    }
    if (partition.witness) {
      if (!check_witness(partition, *record)) return false;
      continue;
    }
    if (record->offset < partition.next) continue;
    if (partition.until && record->offset >= *partition.until) {
      const auto folded = shares.advances.find(record->partition);
      if ((folded == shares.advances.end() ? partition.next : folded->second.to.next) >= *partition.until) continue;
      refuse(std::string(kAnotherLog) + "it has no event at " + std::to_string(record->partition) + ":" +
             std::to_string(*partition.until - 1));
      return false;
    }
    // What lets a stream go on is a step of its own: whether the stream is parked may depend on what stands before.
    auto unparking = unparking_of(*record);
    if (unparking && !shares.empty()) break;
    Advance& advance =
        shares.advances.try_emplace(record->partition, Advance{.from = partition.next, .to = {}}).first->second;
    advance.to = {.partition = record->partition,
                  .next = record->offset + 1,
                  .topic_id = topic_id,
                  .last_event_id = record->envelope.id,
                  .last_position = record->offset};
    const bool is_parked = parked.contains(record->envelope.subject);
    if (is_parked && !unparking) {
      made.waiting.push_back({record->envelope.subject, projections::parked_event(*record)});
      continue;
    }
    if (is_parked) {
      made.unparking = std::move(unparking);
    } else if (!made.is_apart && !made.batch.add(record->envelope, record->value, record->partition, record->offset)) {
      made.is_apart = true;
    }
    made.records.push_back(std::move(message));
    if (!made.unparking) continue;
    backlog.pop_front();
    break;
  }
  std::ranges::move(backlog, std::back_inserter(left));
  backlog = std::move(left);
  pending = shares.take();
  if (!pending.empty()) set_pending(true);
  return !pending.empty();
}

/// The first record after taking over must be the one that the checkpoint names.
bool Projector::Impl::check_witness(Owned& partition, const projections::Record& record) {
  if (record.offset != *partition.witness->last_position || record.envelope.id != *partition.witness->last_event_id) {
    refuse("another log: partition " + std::to_string(record.partition) + " has event " + record.envelope.id + " at " +
           std::to_string(record.offset) + " where the read models reflect " + *partition.witness->last_event_id +
           " at " + std::to_string(*partition.witness->last_position));
    return false;
  }
  partition.witness.reset();
  return true;
}

/// Writes what is pending, all of it at the same time. What is written is not pending any more.
Written Projector::Impl::write() {
  std::vector<std::future<postgres::Result<Written>>> others;
  for (std::size_t i = 1; i < pending.size(); ++i) {
    others.push_back(std::async(std::launch::async, [this, &share = pending[i]] {
      ::pthread_setname_np(::pthread_self(), "writer");
      return write(share);
    }));
  }
  std::vector<postgres::Result<Written>> outcomes{write(pending.front())};
  for (auto& other : others) outcomes.push_back(other.get());
  if (std::ranges::any_of(outcomes, &postgres::Result<Written>::has_value)) recovered();
  Written all = Written::yes;
  std::vector<Pending> left;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Written outcome = outcomes[i].value_or(Written::not_now);
    all = std::max(all, outcome);
    if (outcome == Written::yes) {
      written(pending[i]);
    } else {
      left.push_back(std::move(pending[i]));
    }
  }
  if (all < Written::not_now || left.size() < pending.size()) set_pending(!left.empty());
  pending = std::move(left);
  const auto failed = std::ranges::find_if_not(outcomes, &postgres::Result<Written>::has_value);
  if (failed != outcomes.end()) trouble(failed->error(), "write");
  return all;
}

/// One transaction. Several threads are in it at a time, each with a share of its own; nobody else is anywhere else
/// meanwhile.
postgres::Result<Written> Projector::Impl::write(Pending& share) {
  auto lease = pool.lease(kLeaseWait);
  if (!lease) return std::unexpected(std::move(lease.error()));
  if (share.in_doubt) {
    const auto settled = settle(*lease, share);
    if (!settled || *settled != Written::not_now) return settled;
  }
  share.parked.clear();
  share.unparked.reset();
  return share.unparking ? write_replay(*lease, share) : write_batch(*lease, share);
}

/// Moves checkpoints, which locks their rows: a batch that belongs to somebody else by now ends here.
postgres::Result<Written> Projector::Impl::move(postgres::Transaction& transaction, std::span<const Advance> advances) {
  for (const auto& advance : advances) invariant(advance.from <= advance.to.next, "a checkpoint never moves back");
  const auto moved = projections::advance(transaction, advances);
  if (!moved) return std::unexpected(moved.error());
  if (*moved == advances.size()) return Written::yes;
  metrics.misses.add();
  log::warn("checkpoint is not where it was", {{"partitions", advances.size()}, {"matched", *moved}});
  return Written::reload;
}

postgres::Result<Written> Projector::Impl::write_batch(postgres::Lease& lease, Pending& share) {
  const auto begun = Clock::now();
  auto transaction = lease.transaction();
  if (!transaction) return std::unexpected(transaction.error());
  if (const auto moved = move(*transaction, share.advances); !moved || *moved != Written::yes) return moved;
  if (!share.is_apart) {
    const auto rows = share.batch.write(*transaction);
    if (!rows && rows.error().is_about_a_row) {
      share.is_apart = true;
      return Written::partly;
    }
    if (!rows) return std::unexpected(rows.error());
  } else {
    std::vector<projections::Record> records;
    for (const auto& message : share.records) records.push_back(*read_record(message));
    const auto parkings = projections::write_apart(*transaction, records);
    if (!parkings) return std::unexpected(parkings.error());
    for (const auto& p : *parkings) share.parked.push_back({p.stream, p.partition, p.events.front(), p.reason, {}});
    if (parked.size() + parkings->size() > options.parked_streams_max) {
      refuse("more than " + std::to_string(options.parked_streams_max) +
             " streams would be parked: this is no matter of single events (" + parkings->front().stream + ": " +
             parkings->front().reason + ")");
      return Written::not_now;
    }
    if (const auto noted = projections::park(*transaction, *parkings); !noted) return std::unexpected(noted.error());
  }
  if (const auto noted = projections::append_waiting(*transaction, share.waiting); !noted)
    return std::unexpected(noted.error());
  const auto finished = finish(*transaction, share);
  if (finished && *finished == Written::yes)
    metrics.transaction_seconds.observe(std::chrono::duration<double>(Clock::now() - begun).count());
  return finished;
}

/// Applies what waits of a parked stream, a part of it in each transaction. The last one passes the event that lets the
/// stream go on.
postgres::Result<Written> Projector::Impl::write_replay(postgres::Lease& lease, Pending& share) {
  const auto unparking = read_record(share.records.front());
  const std::string& stream = unparking->envelope.subject;
  auto events = projections::parked_events(lease, stream, kReplayEventsMax + 1);
  if (!events) return std::unexpected(events.error());
  if (events->empty()) return Written::reload;
  const std::int64_t first = events->front().position;
  std::optional<ParkedEvent> next;  // that is not a part of this transaction
  if (events->size() > kReplayEventsMax) next = events->back(), events->pop_back();
  const auto messages = read_parked(unparking->partition, *events);
  if (!messages) return Written::not_now;
  if (messages->size() < events->size()) next = (*events)[messages->size()];
  std::vector<projections::Record> records;
  for (const auto& message : *messages) {
    auto record = read_record(message);
    const auto& expected = (*events)[records.size()];
    if (!record || record->envelope.id != expected.event_id) {
      refuse("another log: " + place_of(message) + " does not hold event " + expected.event_id + ", which is parked");
      return Written::not_now;
    }
    records.push_back(std::move(*record));
  }
  if (!next) records.push_back(*unparking);

  auto transaction = lease.transaction();
  if (!transaction) return std::unexpected(transaction.error());
  const Advance& advance = share.advances.front();
  const Advance stay{.from = advance.from, .to = {.partition = advance.to.partition, .next = advance.from}};
  if (const auto moved = move(*transaction, {&stay, 1}); !moved || *moved != Written::yes) return moved;
  const auto held = projections::hold(*transaction, stream, first);
  if (!held) return std::unexpected(held.error());
  if (!*held) return Written::reload;
  const bool is_skip = share.unparking->action == parking::Action::skip;
  const auto fault = projections::replay(*transaction, records, is_skip ? share.unparking->version : std::nullopt);
  if (!fault) return std::unexpected(fault.error());
  if (*fault) {
    const auto& at_fault = records[(*fault)->index];
    const projections::Waiting too{stream, projections::parked_event(*unparking)};
    if (const auto noted = projections::append_waiting(*transaction, {&too, 1}); !noted)
      return std::unexpected(noted.error());
    if (const auto noted =
            projections::wait_from(*transaction, stream, projections::parked_event(at_fault), (*fault)->reason);
        !noted) {
      return std::unexpected(noted.error());
    }
    share.parked.push_back({stream, at_fault.partition, projections::parked_event(at_fault), (*fault)->reason, {}});
  } else if (next) {
    if (const auto noted = projections::wait_from(*transaction, stream, *next, std::nullopt); !noted)
      return std::unexpected(noted.error());
    if (const auto committed = transaction->commit(); !committed) return std::unexpected(committed.error());
    return Written::partly;
  } else {
    if (const auto noted = projections::unpark(*transaction, stream); !noted) return std::unexpected(noted.error());
    share.unparked = stream;
  }
  if (const auto moved = move(*transaction, share.advances); !moved || *moved != Written::yes) return moved;
  return finish(*transaction, share);
}

/// The records of parked events, from the first on, as many as can be read in kReplayReadMax. Nothing: not now.
std::optional<std::vector<kafka::Message>> Projector::Impl::read_parked(std::int32_t partition,
                                                                        const std::vector<ParkedEvent>& events) {
  if (!replayer) {
    auto opened = kafka::Consumer::open(options.kafka, {.prefetch_kib_max = kReplayPrefetchKib});
    if (!opened) {
      refuse("Kafka: " + opened.error().text);
      return std::nullopt;
    }
    replayer = std::move(*opened);
  }
  std::vector<kafka::Message> found, polled;
  std::optional<std::int64_t> read_to;
  for (const auto until = Clock::now() + kReplayReadMax; found.size() < events.size() && Clock::now() < until;
       polled.clear()) {
    const std::int64_t wanted = events[found.size()].position;
    if (!read_to || wanted - *read_to > kReplaySeekFrom) {
      const kafka::PartitionOffset position{at(partition), wanted};
      if (const auto reading = replayer->assign({&position, 1}); !reading) {
        refuse("Kafka: " + reading.error().text);
        return std::nullopt;
      }
      read_to = wanted;
    }
    const auto read = replayer->poll(polled, kReplayEventsMax, kPollWait);
    if (!read && !read.error().retryable) {
      refuse("parked events cannot be read: " + read.error().text);
      return std::nullopt;
    }
    for (auto& message : polled) {
      if (found.size() == events.size()) break;
      read_to = message.offset() + 1;
      if (message.offset() < events[found.size()].position) continue;
      if (message.offset() > events[found.size()].position) {
        refuse("another log: it has no event at " + std::to_string(partition) + ":" +
               std::to_string(events[found.size()].position) + ", where one is parked");
        return std::nullopt;
      }
      found.push_back(std::move(message));
    }
  }
  if (found.empty()) return std::nullopt;
  return found;
}

postgres::Result<Written> Projector::Impl::finish(postgres::Transaction& transaction, Pending& share) {
  if (const auto told = projections::announce(transaction, share.advances); !told) return std::unexpected(told.error());
  if (const auto committed = transaction.commit(); !committed) {
    share.in_doubt = committed.error().kind == postgres::ErrorKind::in_doubt;
    return std::unexpected(committed.error());
  }
  return Written::yes;
}

/// After a COMMIT that nobody answered: `yes` it happened, `not_now` with in_doubt cleared: it did not.
postgres::Result<Written> Projector::Impl::settle(postgres::Lease& lease, Pending& share) {
  const auto rows = projections::checkpoints(lease);
  if (!rows) return std::unexpected(rows.error());
  const auto stands = [&](const Advance& advance, std::int64_t next) {
    return std::ranges::any_of(
        *rows, [&](const Checkpoint& row) { return row.partition == advance.to.partition && row.next == next; });
  };
  share.in_doubt = false;
  if (std::ranges::all_of(share.advances, [&](const Advance& a) { return stands(a, a.to.next); })) return Written::yes;
  if (std::ranges::all_of(share.advances, [&](const Advance& a) { return stands(a, a.from); })) return Written::not_now;
  return Written::reload;
}

void Projector::Impl::written(Pending& share) {
  metrics.events.add(static_cast<double>(share.events()));
  events_written += static_cast<std::int64_t>(share.events());
  metrics.batch_events.observe(static_cast<double>(share.events()));
  for (const auto& advance : share.advances) {
    const auto found = owned.find(advance.to.partition);
    if (found == owned.end()) continue;
    found->second.next = advance.to.next;
    found->second.moved_at = Clock::now();
    found->second.behind_since.reset();
    found->second.metrics.checkpoint.set(static_cast<double>(advance.to.next));
  }
  for (auto& stream : share.parked) {
    metrics.parkings.add();
    log::error("a stream is parked", {{"stream", stream.stream},
                                      {"version", stream.first.version},
                                      {"event", stream.first.event_id},
                                      {"reason", stream.reason}});
    parked[stream.stream] = std::move(stream);
  }
  if (share.unparked) {
    log::info("a parked stream goes on", {{"stream", *share.unparked}});
    parked.erase(*share.unparked);
  }
  if (share.unparking) replayer.reset();
  if (share.unparking || !share.parked.empty()) show_parked();
  misses = 0;
}

void Projector::Impl::show_parked() {
  metrics.parked_streams.set(static_cast<double>(parked.size()));
  std::vector<std::string> reasons;
  for (const auto& [name, stream] : parked) {
    if (reasons.size() == kReasonsMax) {
      reasons.push_back(std::to_string(parked.size() - kReasonsMax) + " more streams are parked");
      break;
    }
    reasons.push_back(name + " is parked at version " + std::to_string(stream.first.version) + ": " + stream.reason);
  }
  const std::lock_guard lock(status_mutex);
  parked_reasons = std::move(reasons);
}

void Projector::Impl::set_pending(bool is_pending) {
  const std::lock_guard lock(status_mutex);
  pending_since.reset();
  if (is_pending) pending_since = Clock::now();
}

/// Are both servers there, and do the partitions advance?
void Projector::Impl::watch() {
  const auto now = Clock::now();
  if (now < look_at) return;
  look_at = now + kLookEvery;
  watch_ends(now);
  if (!pending.empty() || assignment_changed || waiting() || now - answered_at < kLookEvery) return;
  auto lease = pool.lease(kLeaseWait);
  if (!lease) {
    trouble(lease.error(), "look");
  } else if (const auto answer = lease->query("SELECT 1"); !answer) {
    trouble(answer.error(), "look");
  } else {
    recovered();
  }
}

/// Lag, and whether a partition stands still although it has events.
void Projector::Impl::watch_ends(Clock::time_point now) {
  std::vector<kafka::TopicPartition> partitions;
  for (const auto& [partition, p] : owned) partitions.push_back(at(partition));
  if (partitions.empty()) partitions.push_back(at(0));  // nothing to do, but is Kafka there?
  const auto ends = reader->end(partitions, kafka::Isolation::read_committed, kEndsTimeout);
  ends_misses = ends ? 0 : ends_misses + 1;
  {
    const std::lock_guard lock(status_mutex);
    if (ends) kafka_trouble.reset();
    if (ends_misses >= kEndsMissesMax) kafka_trouble = ends.error().text;
  }
  if (!ends) return;
  std::map<std::int32_t, std::int64_t> read_to;
  if (!owned.empty()) {
    const auto positions = reader->position();
    if (!positions) return;
    for (const auto& position : *positions) read_to[position.where.partition] = position.offset;
  }
  std::vector<std::int32_t> still;
  for (const auto& end : *ends) {
    const auto found = owned.find(end.where.partition);
    if (found == owned.end()) continue;
    Owned& p = found->second;
    // Past the last event come control records, which are read but move no checkpoint.
    const bool written_all = pending.empty() && backlog.empty() && read_to[end.where.partition] >= end.offset;
    show_lag(p, end.where.partition, written_all ? 0 : std::max<std::int64_t>(0, end.offset - p.next));
    if (written_all) p.moved_at = now;
    if (now - p.moved_at > options.stuck_after) still.push_back(end.where.partition);
  }
  const std::lock_guard lock(status_mutex);
  stuck = std::move(still);
}

/// The oldest event that is not reflected says itself how old it is, once it was read. Before that it is as old as its
/// first sight at least.
void Projector::Impl::show_lag(Owned& owned, std::int32_t partition, std::int64_t events) {
  if (events == 0) {
    owned.behind_since.reset();
    return owned.metrics.set_lag(0, {});
  }
  if (!owned.behind_since) owned.behind_since = Clock::now();
  std::chrono::duration<double> age = Clock::now() - *owned.behind_since;
  const auto is_next = [&](const kafka::Message& message) {
    return message.partition() == partition && message.offset() >= owned.next;
  };
  const auto first_of = [&](const auto& messages) {
    const auto found = std::ranges::find_if(messages, is_next);
    if (found != messages.end())
      age = std::max<std::chrono::duration<double>>(age, std::chrono::system_clock::now() - found->time());
    return found != messages.end();
  };
  if (std::ranges::none_of(pending, [&](const Pending& share) { return first_of(share.records); })) first_of(backlog);
  owned.metrics.set_lag(events, age);
}

/// Notes that PostgreSQL failed us and when to try again; what trying again cannot change ends the process. Returns
/// false.
bool Projector::Impl::trouble(const postgres::Error& error, std::string_view doing) {
  if (error.kind == postgres::ErrorKind::rejected) {
    refuse("PostgreSQL refused to " + std::string(doing) + ": " + error.detail);
    return false;
  }
  pause = pause.count() == 0 ? options.retry_min : std::min(pause * 2, options.retry_max);
  retry_at = Clock::now() + pause;
  metrics.retries.add();
  log::warn(
      "PostgreSQL is away",
      {{"step", doing}, {"kind", postgres::name_of(error.kind)}, {"error", error.detail}, {"retry_ms", pause.count()}});
  const std::lock_guard lock(status_mutex);
  postgres_trouble = std::string(postgres::name_of(error.kind)) + ": " + error.detail;
  return false;
}

void Projector::Impl::recovered() {
  pause = {};
  retry_at = {};
  answered_at = Clock::now();
  const std::lock_guard lock(status_mutex);
  if (postgres_trouble) log::info("PostgreSQL answers again");
  postgres_trouble.reset();
}

std::int64_t Projector::sign_of_life() const { return impl_->looked_at.load(); }
std::int64_t Projector::events() const { return impl_->events_written.load(); }

health::Verdict Projector::verdict() const {
  health::Verdict verdict;
  const auto not_ready = [&](std::string why) {
    verdict.readiness = health::Readiness::not_ready;
    verdict.reasons.push_back(std::move(why));
  };
  const auto now = Clock::now();
  const auto stuck_after = impl_->options.stuck_after;
  const Clock::time_point looked{Clock::duration{impl_->looked_at.load()}};
  if (now - looked > stuck_after) not_ready("the loop does not turn: it waits for an answer of a server");
  const std::lock_guard lock(impl_->status_mutex);
  if (impl_->halted) return {health::Readiness::not_ready, {*impl_->halted}};
  // A rebalance takes them away for a moment.
  if (impl_->unassigned_since && now - *impl_->unassigned_since > stuck_after) not_ready("no partitions assigned");
  if (impl_->postgres_trouble) not_ready("PostgreSQL: " + *impl_->postgres_trouble);
  if (impl_->kafka_trouble) not_ready("Kafka is away: " + *impl_->kafka_trouble);
  if (impl_->pending_since && now - *impl_->pending_since > stuck_after)
    not_ready("events were read and cannot be written");
  for (const auto partition : impl_->stuck) not_ready("partition " + std::to_string(partition) + " does not advance");
  if (!impl_->parked_reasons.empty()) {
    verdict =
        health::worse(std::move(verdict), {.readiness = health::Readiness::degraded, .reasons = impl_->parked_reasons});
  }
  return verdict;
}

}  // namespace parley::projector
