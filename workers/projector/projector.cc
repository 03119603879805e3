#include "workers/projector/projector.h"

#include <fmt/format.h>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "platform/kafka/consumer.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "platform/opened.h"
#include "platform/postgres/migrator.h"
#include "platform/postgres/pool.h"
#include "platform/process/backoff.h"
#include "platform/process/process.h"
#include "projections/engine/checkpoints.h"
#include "projections/engine/parking.h"
#include "projections/record.h"
#include "projections/schema.h"
#include "schemas/contexts/parking.h"
#include "schemas/events.h"
#include "workers/projector/pending.h"
#include "workers/projector/writer.h"
#include "workers/runtime/group_member.h"
#include "workers/runtime/log_mismatch.h"

namespace parley::projector {

namespace {

using Clock = std::chrono::steady_clock;
using projections::Advance;
using projections::Checkpoint;
using projections::ParkedStream;
using projections::read_record;
using runtime::another_log;
using namespace std::chrono_literals;

// How long one look for records waits. It delays rebalances and the end, not records: those wake it.
constexpr auto kPollWait = 50ms;
// How often PostgreSQL is asked whether it is there, when nothing was written meanwhile.
constexpr auto kLookEvery = 2s;
constexpr auto kEndsTimeout = 1s;
constexpr auto kLeaseWait = 5s;
// What is read ahead, in transactions of each writer: as it comes from Kafka, more than one of them may be of one
// partition alone.
constexpr std::size_t kReadAhead = 2;
// Compare-and-sets that miss one after another before the process gives up and is started anew.
constexpr int kMissesMax = 20;
// Parked streams that /readyz names.
constexpr std::size_t kReasonsMax = 5;

// What impedes it, beside what the runtime sees.
constexpr std::string_view kPostgres = "postgres";
constexpr std::string_view kWriting = "writing";

struct Metrics {
  metrics::Counter events = metrics::counter("parley_projector_events_total", "Events written into the read models");
  metrics::Counter retries =
      metrics::counter("parley_projector_retries_total", "Transactions retried after an error of PostgreSQL");
  metrics::Counter parkings = metrics::counter("parley_projector_parkings_total",
                                               "Streams parked because one of their events could not be applied");
  metrics::Gauge parked_streams =
      metrics::gauge("parley_projector_parked_streams", "Parked streams in the partitions of this process");
  metrics::Histogram batch_events = metrics::histogram("parley_projector_batch_events", "Events per transaction", {},
                                                       {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000});
};

/// Of one partition, beside the runtime's.
struct PartitionMetrics {
  explicit PartitionMetrics(std::int32_t partition)
      : PartitionMetrics(metrics::Labels{{"partition", std::to_string(partition)}}) {}
  explicit PartitionMetrics(const metrics::Labels& labels)
      : checkpoint(metrics::gauge("parley_projector_checkpoint", "The first offset that the read models do not reflect",
                                  labels)),
        lag_seconds(metrics::gauge(
            "parley_projector_lag_seconds",
            "Seconds for which the oldest of these events has been in the log, or has been known to be there",
            labels)) {}

  metrics::Gauge checkpoint;
  metrics::Gauge lag_seconds;
};

/// The event that lets a stream go on which this projection has parked; nothing when the event is none, or is about
/// something else.
std::optional<parking::Unparked> unparking_of(const projections::Record& record) {
  if (record.envelope.type != schema::type_name<parking::Unparked>) return std::nullopt;
  const auto event = schema::decode_event(record.envelope.type, record.value);
  if (!event) return std::nullopt;
  const std::optional<Event>& known = *event;
  const auto* of_parking = known ? known->get_if<parking::Event>() : nullptr;
  const auto* unparked = of_parking == nullptr ? nullptr : std::get_if<parking::Unparked>(of_parking);
  if (unparked == nullptr || unparked->projection != projections::kReadModels) return std::nullopt;
  return *unparked;
}

/// The last event that the read models reflect, as the checkpoint says.
struct Witness {
  std::int64_t position = 0;
  std::string event_id;
};

/// One partition that this process reads.
struct Owned {
  std::int64_t next = 0;                          ///< The checkpoint as this process knows it.
  std::optional<std::int64_t> until;              ///< Where it must end.
  std::optional<Witness> witness;                 ///< It is read first, and must be what the checkpoint says.
  std::optional<Clock::time_point> behind_since;  ///< The look that saw it so first at this checkpoint.
  PartitionMetrics metrics;

  explicit Owned(std::int32_t partition) : metrics(partition) {}

  bool is_done() const { return until && next >= *until; }
};

}  // namespace

struct Projector::Impl final : runtime::Worker {
  explicit Impl(Options o)
      : options(std::move(o)),
        pool({.session = {.connection = options.postgres,
                          .application_name = "parley projector " + options.instance,
                          .schema = options.schema,
                          .statement_timeout = options.statement_timeout,
                          .durable_commit = false},  // README.md says why
              .connections_max = options.writers,
              .name = "projector"}),
        member({.kafka = options.kafka,
                .group = options.group,
                .instance = options.instance,
                .topic = options.events_topic,
                .partitions = options.partitions,
                .session_timeout = options.session_timeout,
                .stuck_after = options.stuck_after,
                .assignment_grace = options.stuck_after,  // a rebalance takes them away for a moment
                .halt_linger = options.halt_linger,
                .doing = "projecting"},
               {{"parley_projector_owned", "Whether this process projects the partition"},
                {"parley_projector_lag_events",
                 "Offsets of the log (events and ends of transactions) that the read models do not reflect yet"},
                options.partitions}),
        writer(pool, {options.kafka, options.events_topic, options.parked_streams_max}),
        backoff(options.retry_min, options.retry_max) {
    for (std::int32_t partition = 0; partition < options.partitions; ++partition)
      static_cast<void>(PartitionMetrics(partition));
  }

  const Options options;
  postgres::Pool pool;
  Metrics metrics;
  runtime::GroupMember member;
  Writer writer;

  std::string topic_id;
  Opened<kafka::Consumer> reader;
  std::map<std::int32_t, Owned> owned;  // with a position
  std::map<std::string, ParkedStream, std::less<>>
      parked;                          // of the owned partitions, by stream; true at their checkpoints
  std::size_t reading = 0;             // partitions that `reader` has
  std::deque<kafka::Message> backlog;  // read, not folded yet
  std::vector<Pending> pending;        // of different partitions each
  int misses = 0;

  std::optional<std::string> failure;  // why the process must end

  process::Backoff backoff;  // before PostgreSQL is tried again
  bool postgres_is_away = false;
  Clock::time_point retry_at{};
  Clock::time_point look_at{};
  Clock::time_point answered_at{};  // by PostgreSQL
  std::atomic<std::int64_t> events_written{0};

  std::expected<bool, std::string> on_start(const std::stop_token& stop) override;
  std::expected<bool, std::string> on_assigned() override;
  void on_revoked() override { discard_assignment(); }
  std::expected<bool, std::string> turn(std::vector<kafka::Message>& records) override;
  std::map<int, std::int64_t> positions() const override;
  void on_lag(int partition, std::int64_t events) override;
  Poll next_poll() const override { return {.wait = waiting() || owned.empty() ? kPollWait : 0ms}; }

  void discard_assignment();
  bool take_over();
  std::size_t undone() const;
  bool read_on();
  void read();
  bool fold();
  static void check_witness(const Witness& witness, const projections::Record& record);
  Written write();
  void written(Pending& share);
  void show_parked();
  void set_pending(bool is_pending);
  void check_postgres();
  bool reaches_to(const std::vector<Checkpoint>& rows);
  void refuse(std::string why) {
    if (!failure) failure = std::move(why);
  }
  bool trouble(const postgres::Error& error, std::string_view doing);
  void recovered();
  bool is_assigned(std::int32_t partition) const {
    return std::ranges::any_of(member.assigned(), [&](const auto& one) { return one.partition == partition; });
  }
  bool waiting() const { return Clock::now() < retry_at; }
  kafka::TopicPartition at(std::int32_t partition) const { return {options.events_topic, partition}; }
};

/// Whether the log still has what the checkpoints say was read of it. False also when Kafka does not answer just now.
bool Projector::Impl::reaches_to(const std::vector<Checkpoint>& rows) {
  std::vector<kafka::TopicPartition> partitions;
  for (const auto& row : rows) {
    if (is_assigned(row.partition)) partitions.push_back(at(row.partition));
  }
  const auto ends = reader->end(partitions, kafka::Isolation::read_uncommitted, kEndsTimeout);
  if (!ends) return false;
  for (const auto& end : *ends) {
    const auto row = std::ranges::find(rows, end.where.partition, &Checkpoint::partition);
    if (row->next <= end.offset) continue;
    throw another_log(fmt::format("{} {} ends at {}, but the read models reflect it to {}: it has lost its tail",
                                  options.events_topic, row->partition, end.offset, row->next));
  }
  return true;
}

/// Is this the schema that this program knows? Waits for PostgreSQL.
std::expected<bool, std::string> Projector::Impl::on_start(const std::stop_token& stop) {
  topic_id = member.topic_id(options.events_topic);
  while (true) {
    member.health().beat();
    const auto migrated = postgres::expect_migrated({.connection = options.postgres, .schema = options.schema},
                                                    projections::migrations());
    if (migrated) break;
    if (!migrated.error().retryable()) return std::unexpected("PostgreSQL: " + migrated.error().detail);
    trouble(migrated.error(), "start");
    if (!process::pause(stop, options.retry_max / 4)) return false;
  }
  recovered();
  auto opened = kafka::Consumer::open(options.kafka, {});
  if (!opened) return std::unexpected("Kafka: " + opened.error().text);
  reader.emplace(std::move(*opened));
  return true;
}

/// Writes what is pending, reads more. Never longer than the longest statement.
std::expected<bool, std::string> Projector::Impl::turn(std::vector<kafka::Message>& /*records*/) {
  if (!pending.empty() && !waiting() && write() == Written::reload) {
    member.take_over_again();
    if (++misses > kMissesMax) refuse("the checkpoints are moved by another process all the time");
  } else if (pending.empty() && !failure) {
    read();
  }
  if (!failure) check_postgres();
  if (failure) return std::unexpected(*failure);
  return owned.empty() || undone() > 0;
}

void Projector::Impl::discard_assignment() {
  pending.clear();
  set_pending(false);
  backlog.clear();
  writer.end_replay();
  parked.clear();
  show_parked();
  for (auto& [partition, p] : owned) p.metrics.lag_seconds.set(0);
  owned.clear();
  reading = 0;
  if (const auto cleared = reader->assign({}); !cleared) refuse("Kafka: " + cleared.error().text);
}

std::expected<bool, std::string> Projector::Impl::on_assigned() {
  discard_assignment();
  const bool taken = !failure && !waiting() && (member.assigned().empty() || take_over());
  if (failure) return std::unexpected(*failure);
  return taken;
}

/// Positions for the partitions that the group gave us. False: not now.
bool Projector::Impl::take_over() {
  std::vector<std::int32_t> partitions;
  for (const auto& one : member.assigned()) partitions.push_back(one.partition);
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
      throw another_log(fmt::format("{} is not the topic that the read models were made from ({}, not {})",
                                    options.events_topic, topic_id, *row.topic_id));
    }
  }
  if (!reaches_to(*rows)) return false;
  for (const auto& row : *rows) {
    if (!is_assigned(row.partition)) continue;
    Owned& p = owned.emplace(row.partition, row.partition).first->second;
    p.next = row.next;
    if (options.until) p.until = options.until->contains(row.partition) ? options.until->at(row.partition) : 0;
    if (row.last_event_id && row.last_position) p.witness = Witness{*row.last_position, *row.last_event_id};
    p.metrics.checkpoint.set(static_cast<double>(row.next));
  }
  return read_on();
}

std::size_t Projector::Impl::undone() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(owned, [](const auto& each) { return !each.second.is_done(); }));
}

/// Reads the partitions that have something left to read, from their checkpoints on.
bool Projector::Impl::read_on() {
  std::vector<kafka::PartitionOffset> positions;
  for (const auto& [partition, p] : owned) {
    if (!p.is_done()) positions.push_back({at(partition), p.witness ? p.witness->position : p.next});
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
      if (polled.error().kind == kafka::Kind::no_offset)
        throw another_log("it does not reach to the checkpoint (" + polled.error().text + ")");
      if (!polled.error().retryable) {
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
      check_witness(*partition.witness, *record);
      partition.witness.reset();
      continue;
    }
    if (record->offset < partition.next) continue;
    if (partition.until && record->offset >= *partition.until) {
      const auto folded = shares.advances.find(record->partition);
      if ((folded == shares.advances.end() ? partition.next : folded->second.to.next) >= *partition.until) continue;
      throw another_log(fmt::format("it has no event at {}:{}", record->partition, *partition.until - 1));
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
void Projector::Impl::check_witness(const Witness& witness, const projections::Record& record) {
  if (record.offset != witness.position || record.envelope.id != witness.event_id) {
    throw another_log(fmt::format("partition {} has event {} at {} where the read models reflect {} at {}",
                                  record.partition, record.envelope.id, record.offset, witness.event_id,
                                  witness.position));
  }
}

/// Writes what is pending, all of it at the same time. What is written is not pending any more.
Written Projector::Impl::write() {
  std::vector<std::future<postgres::Result<Written>>> others;
  for (std::size_t i = 1; i < pending.size(); ++i) {
    others.push_back(std::async(std::launch::async, [this, &share = pending[i]] {
      ::pthread_setname_np(::pthread_self(), "writer");
      return writer.write(share, parked.size());
    }));
  }
  std::vector<postgres::Result<Written>> outcomes{writer.write(pending.front(), parked.size())};
  for (auto& other : others) outcomes.push_back(other.get());
  if (std::ranges::any_of(outcomes, &postgres::Result<Written>::has_value)) recovered();
  Written all = Written::yes;
  std::vector<Pending> left;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Written outcome = outcomes[i].value_or(Written::not_now);
    if (const auto& refused = pending[i].refused) refuse(*refused);
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

void Projector::Impl::written(Pending& share) {
  metrics.events.add(static_cast<double>(share.events()));
  events_written += static_cast<std::int64_t>(share.events());
  metrics.batch_events.observe(static_cast<double>(share.events()));
  for (const auto& advance : share.advances) {
    const auto found = owned.find(advance.to.partition);
    if (found == owned.end()) continue;
    found->second.next = advance.to.next;
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
  if (share.unparking) writer.end_replay();
  if (share.unparking || !share.parked.empty()) show_parked();
  misses = 0;
}

void Projector::Impl::show_parked() {
  metrics.parked_streams.set(static_cast<double>(parked.size()));
  std::vector<std::string> reasons;
  for (const auto& [name, stream] : parked) {
    if (reasons.size() == kReasonsMax) {
      reasons.push_back(fmt::format("{} more streams are parked", parked.size() - kReasonsMax));
      break;
    }
    reasons.push_back(fmt::format("{} is parked at version {}: {}", name, stream.first.version, stream.reason));
  }
  member.health().degrade(std::move(reasons));
}

void Projector::Impl::set_pending(bool is_pending) {
  member.health().clear(kWriting);
  if (is_pending) member.health().impede(kWriting, {"events were read and cannot be written"}, options.stuck_after);
}

void Projector::Impl::check_postgres() {
  const auto now = Clock::now();
  if (now < look_at) return;
  look_at = now + kLookEvery;
  if (!pending.empty() || waiting() || now - answered_at < kLookEvery) return;
  auto lease = pool.lease(kLeaseWait);
  if (!lease) {
    trouble(lease.error(), "look");
  } else if (const auto answer = lease->query("SELECT 1"); !answer) {
    trouble(answer.error(), "look");
  } else {
    recovered();
  }
}

/// Past the last event come control records, which are read but move no checkpoint.
std::map<int, std::int64_t> Projector::Impl::positions() const {
  std::map<int, std::int64_t> out;
  for (const auto& [partition, p] : owned) out.emplace(partition, p.next);
  if (!pending.empty() || !backlog.empty()) return out;
  for (const auto& read : reader->position().value_or(std::vector<kafka::PartitionOffset>{})) {
    if (const auto found = out.find(read.where.partition); found != out.end())
      found->second = std::max(found->second, read.offset);
  }
  return out;
}

/// The oldest event that is not reflected says itself how old it is, once it was read. Before that it is as old as its
/// first sight at least.
void Projector::Impl::on_lag(int partition, std::int64_t events) {
  Owned& p = owned.at(partition);
  if (events == 0) {
    p.behind_since.reset();
    return p.metrics.lag_seconds.set(0);
  }
  if (!p.behind_since) p.behind_since = Clock::now();
  std::chrono::duration<double> age = Clock::now() - *p.behind_since;
  const auto is_next = [&](const kafka::Message& message) {
    return message.partition() == partition && message.offset() >= p.next;
  };
  const auto first_of = [&](const auto& messages) {
    const auto found = std::ranges::find_if(messages, is_next);
    if (found != messages.end())
      age = std::max<std::chrono::duration<double>>(age, std::chrono::system_clock::now() - found->time());
    return found != messages.end();
  };
  if (std::ranges::none_of(pending, [&](const Pending& share) { return first_of(share.records); })) first_of(backlog);
  p.metrics.lag_seconds.set(std::max(0.0, age.count()));
}

/// Notes that PostgreSQL failed us and when to try again; what trying again cannot change ends the process. Returns
/// false.
bool Projector::Impl::trouble(const postgres::Error& error, std::string_view doing) {
  if (error.kind == postgres::ErrorKind::rejected) {
    refuse(fmt::format("PostgreSQL refused to {}: {}", doing, error.detail));
    return false;
  }
  const auto pause = backoff.next();
  retry_at = Clock::now() + pause;
  metrics.retries.add();
  log::warn(
      "PostgreSQL is away",
      {{"step", doing}, {"kind", postgres::name_of(error.kind)}, {"error", error.detail}, {"retry_ms", pause.count()}});
  postgres_is_away = true;
  member.health().impede(kPostgres, {fmt::format("PostgreSQL: {}: {}", postgres::name_of(error.kind), error.detail)});
  return false;
}

void Projector::Impl::recovered() {
  backoff.reset();
  retry_at = {};
  answered_at = Clock::now();
  if (postgres_is_away) log::info("PostgreSQL answers again");
  postgres_is_away = false;
  member.health().clear(kPostgres);
}

Projector::Projector(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Projector::~Projector() = default;

std::expected<void, std::string> Projector::run(const std::stop_token& stop) { return impl_->member.run(*impl_, stop); }
std::int64_t Projector::sign_of_life() const { return impl_->member.health().heartbeat(); }
std::int64_t Projector::events() const { return impl_->events_written.load(); }
health::Verdict Projector::verdict() const { return impl_->member.health().verdict(); }

}  // namespace parley::projector
