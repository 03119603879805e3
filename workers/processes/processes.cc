#include "workers/processes/processes.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "platform/crypto/crypto.h"
#include "platform/kafka/admin.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/group_consumer.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/read_through.h"
#include "platform/kafka/topic_watch.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "platform/process/process.h"
#include "schemas/events.h"
#include "schemas/replies.h"
#include "workers/processes/ledger.h"
#include "workers/processes/steps.h"

namespace parley::processes {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPollWait{50};
constexpr milliseconds kPause{200};
constexpr milliseconds kRequestWait{800};
constexpr milliseconds kCommitEvery{1'000};
constexpr milliseconds kLookEvery{500};
constexpr std::size_t kEventsAtOnce = 500;
constexpr std::size_t kRepliesAtOnce = 2'000;
/// A command is good for so long; it is sent again long before that.
constexpr std::chrono::minutes kDecideWithin{10};
/// Replies are read for so long after the last command was decided: the next one need not look for their end.
constexpr std::chrono::seconds kListenOn{10};
constexpr std::size_t kReasonsMax = 3;

/// Nothing goes on before somebody has looked.
struct Halted {
  std::string why;
};

/// A step that is not known to be decided.
struct Waiting {
  Step step;
  Clock::time_point since;
  Clock::time_point send_at;
  milliseconds pause;
};

struct PartitionMetrics {
  explicit PartitionMetrics(int partition)
      : PartitionMetrics(metrics::Labels{{"partition", std::to_string(partition)}}) {}
  explicit PartitionMetrics(const metrics::Labels& labels)
      : owned(
            metrics::gauge("parley_reactor_owned", "Whether this process goes on with the partition's events", labels)),
        lag(metrics::gauge("parley_reactor_lag_events",
                           "Events, and ends of transactions among them, that were not read", labels)) {}
  metrics::Gauge owned;
  metrics::Gauge lag;
};
metrics::Counter commands(const char* outcome) {
  return metrics::counter("parley_reactor_commands_total",
                          "Commands by what became of them: decided, or sent once more because that was not known",
                          {{"outcome", outcome}});
}
struct Metrics {
  explicit Metrics(int partitions) {
    for (int partition = 0; partition < partitions; ++partition) by_partition.emplace_back(partition);
  }
  metrics::Counter events = metrics::counter("parley_reactor_events_total", "Events that asked for a command");
  metrics::Counter decided = commands("decided");
  metrics::Counter again = commands("sent_again");
  metrics::Gauge waiting =
      metrics::gauge("parley_reactor_waiting_commands", "Commands that are not known to be decided");
  metrics::Gauge waiting_seconds =
      metrics::gauge("parley_reactor_waiting_seconds", "For how long the oldest of them has waited");
  metrics::Histogram step =
      metrics::histogram("parley_reactor_step_seconds", "From an event to the decision that it asked for");
  std::vector<PartitionMetrics> by_partition;
};

}  // namespace

struct Processes::Impl {
  explicit Impl(Options o) : options(std::move(o)), metrics(options.partitions) { beat(); }

  std::string topic(std::string_view name) const { return options.topic_prefix + "." + std::string(name); }
  std::string group() const { return topic(kGroup); }
  void beat() { last_beat.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed); }

  std::expected<void, std::string> run(const std::stop_token& stop);
  std::expected<bool, std::string> await_positions(const std::stop_token& stop);
  void expect_position(const kafka::PartitionOffset& one) const;
  std::expected<bool, std::string> start(const std::stop_token& stop);
  std::expected<void, std::string> turn();
  std::expected<void, std::string> take_over();
  std::expected<void, std::string> read_events();
  std::expected<void, std::string> note(const kafka::Message& message);
  void listen();
  void read_replies();
  void send_what_is_due();
  void send(Waiting& waiting);
  void settle(const std::string& command_id);
  void commit(bool at_the_end);
  void look();
  void drop();
  void say(std::optional<std::string> trouble, std::vector<std::string> late);

  const Options options;
  Metrics metrics;

  // Owned by the thread in run().
  std::optional<kafka::TopicWatch> watch;
  std::optional<kafka::Producer> producer;
  std::optional<kafka::Consumer> events;
  std::optional<kafka::Consumer> replies;
  bool listens = false;
  Clock::time_point listened_for;  // when there was something to listen for
  std::vector<kafka::TopicPartition> assigned;
  bool assignment_is_new = false;
  bool is_reading = false;
  Ledger ledger;
  std::unordered_map<std::string, Waiting> waiting;
  std::map<int, std::int64_t> committed;
  Clock::time_point committed_at;
  Clock::time_point looked_at;
  std::map<int, std::pair<std::int64_t, Clock::time_point>>
      moved;  // of each partition that is behind: where it was, and since when

  std::atomic<Clock::rep> last_beat = 0;
  mutable std::mutex mutex;  // of what follows, for verdict()
  std::string trouble = "starting: waiting for Kafka";
  std::vector<std::string> late;
  std::string doing;

  std::optional<kafka::GroupConsumer> member;  // declared last: its destructor calls back into the members above
};

void Processes::Impl::say(std::optional<std::string> why, std::vector<std::string> waits) {
  const std::lock_guard lock(mutex);
  trouble = why.value_or("");
  late = std::move(waits);
}

/// Before it joins the group: one with members takes no positions from `parley topics`.
std::expected<bool, std::string> Processes::Impl::await_positions(const std::stop_token& stop) {
  auto admin = kafka::Admin::open(options.kafka);
  if (!admin) return std::unexpected(described(admin.error()));
  std::string last_trouble;
  while (true) {
    beat();
    const auto positions =
        admin->group_offsets(group(), kafka::every_partition(topic("events"), options.partitions), kRequestWait);
    if (positions) {
      for (const auto& one : *positions) expect_position(one);
      return true;
    }
    if (!passes(positions.error())) return std::unexpected(described(positions.error()));
    if (positions.error().text != last_trouble) log::warn("waiting for Kafka", {{"reason", positions.error().text}});
    last_trouble = positions.error().text;
    if (!process::pause(stop, kPause)) return false;
  }
}

/// auto.offset.reset is "error" everywhere: nothing is skipped and nothing begun again in silence.
void Processes::Impl::expect_position(const kafka::PartitionOffset& one) const {
  if (one.offset >= 0) return;
  throw Halted{"the group " + group() + " has no position in " + one.where.topic + " " +
               std::to_string(one.where.partition) + " (`parley topics` writes those that are missing)"};
}

std::expected<bool, std::string> Processes::Impl::start(const std::stop_token& stop) {
  watch.emplace(kafka::TopicWatch::Options{.kafka = options.kafka,
                                           .topics = {topic("events"), topic("commands"), topic("replies")},
                                           .partitions = options.partitions,
                                           .ids = {}});
  std::string last_trouble;
  while (watch->ends() == nullptr) {  // from then on it knows which topics these are
    beat();
    if (const auto another = watch->another_log()) throw Halted{"another log: " + *another};
    if (const auto now = watch->trouble(); now != last_trouble) {
      log::warn("waiting for Kafka", {{"reason", now}});
      last_trouble = now;
    }
    if (!process::pause(stop, kPause)) return false;
  }
  if (auto there = await_positions(stop); !there || !*there) return there;
  auto opened_producer = kafka::Producer::open(options.kafka, {});
  if (!opened_producer) return std::unexpected(described(opened_producer.error()));
  producer.emplace(std::move(*opened_producer));
  for (auto* reader : {&events, &replies}) {
    auto opened = kafka::Consumer::open(options.kafka, {});
    if (!opened) return std::unexpected(described(opened.error()));
    reader->emplace(std::move(*opened));
  }
  auto joined = kafka::GroupConsumer::open(
      options.kafka,
      {.group = group(),
       .instance = options.instance,
       .topics = {topic("events")},
       .session_timeout = options.session_timeout},
      {.on_assign =
           [this](const std::vector<kafka::TopicPartition>& partitions, const kafka::GroupMetadata&) {
             assigned = partitions;
             assignment_is_new = true;
           },
       .on_revoke =
           [this](const std::vector<kafka::TopicPartition>& partitions, bool lost) {
             log::info("partitions revoked", {{"count", partitions.size()}, {"lost", lost}});
             drop();
           }});
  if (!joined) return std::unexpected(described(joined.error()));
  member.emplace(std::move(*joined));
  say("waiting for an assignment of partitions", {});
  return true;
}

/// What is under way is somebody else's from now on, who reads it again.
void Processes::Impl::drop() {
  assigned.clear();
  assignment_is_new = false;
  is_reading = false;
  ledger.clear();
  waiting.clear();
  committed.clear();
  moved.clear();
  if (events) static_cast<void>(events->assign({}));
  for (auto& one : metrics.by_partition) one.owned.set(0), one.lag.set(0);
}

/// After an assignment: from the group's positions on.
std::expected<void, std::string> Processes::Impl::take_over() {
  const auto positions = assigned.empty() ? kafka::Result<std::vector<kafka::PartitionOffset>>{}
                                          : member->committed(assigned, kRequestWait);
  if (!positions && !passes(positions.error())) return std::unexpected(described(positions.error()));
  if (!positions) return {};  // asked again at the next turn
  std::map<int, std::int64_t> from;
  for (const auto& one : *positions) {
    expect_position(one);
    from.emplace(one.where.partition, one.offset);
  }
  if (const auto reading = events->assign(*positions); !reading) return std::unexpected(described(reading.error()));
  ledger.clear();
  waiting.clear();
  for (const auto& [partition, next] : from) ledger.begin(partition, next);
  committed = std::move(from);
  for (const auto& one : assigned) metrics.by_partition.at(static_cast<std::size_t>(one.partition)).owned.set(1);
  assignment_is_new = false;
  is_reading = true;
  const std::lock_guard lock(mutex);
  trouble.clear();
  doing = assigned.empty() ? "standing by: other members have all partitions"
                           : "going on in " + std::to_string(assigned.size()) + " partitions";
  return {};
}

std::expected<void, std::string> Processes::Impl::read_events() {
  if (waiting.size() >= options.waiting_max || assigned.empty()) {
    read_replies();
    return {};
  }
  std::vector<kafka::Message> records;
  const auto polled = events->poll(records, kEventsAtOnce, kPollWait);
  if (!polled && polled.error().kind == kafka::Kind::no_offset) {
    throw Halted{"another log: " + topic("events") + " does not hold what comes next (" + polled.error().text + ")"};
  }
  if (!polled && !passes(polled.error())) return std::unexpected(described(polled.error()));
  for (const auto& record : records) {
    if (auto noted = note(record); !noted) return noted;
  }
  return {};
}

std::expected<void, std::string> Processes::Impl::note(const kafka::Message& message) {
  const auto where = [&] {
    return "event at " + std::to_string(message.partition()) + ":" + std::to_string(message.offset()) + ": ";
  };
  const auto envelope = schema::read_envelope([&](std::string_view name) { return message.header(name); });
  if (!envelope) return std::unexpected(where() + envelope.error());
  const auto event = schema::decode_event(envelope->type, message.value());
  if (!event) return std::unexpected(where() + event.error().field + " " + event.error().issue);
  std::vector<std::string> ids;
  if (*event) {  // a type that this build does not know asks it for nothing
    const auto now = Clock::now();
    for (auto& step : steps_of(*envelope, **event)) {
      ids.push_back(step.envelope.command_id);
      waiting.try_emplace(ids.back(), Waiting{std::move(step), now, now, options.again_min});
    }
  }
  ledger.read(message.partition(), message.offset(), ids);
  if (!ids.empty()) metrics.events.add();
  return {};
}

/// Replies are read from their end on, while there is something to wait for. What is missed before that is asked for
/// again.
void Processes::Impl::listen() {
  const auto now = Clock::now();
  if (!waiting.empty()) listened_for = now;
  if (listens && now - listened_for > kListenOn) {
    static_cast<void>(replies->assign({}));
    listens = false;
  }
  if (listens || waiting.empty()) return;
  const auto ends = replies->end(kafka::every_partition(topic("replies"), options.partitions),
                                 kafka::Isolation::read_committed, kRequestWait);
  if (ends) listens = replies->assign(*ends).has_value();
}

void Processes::Impl::read_replies() {
  if (!listens) return;
  std::vector<kafka::Message> records;
  const auto polled =
      replies->poll(records, kRepliesAtOnce, waiting.size() >= options.waiting_max ? kPollWait : milliseconds(0));
  if (!polled && !polled.error().retryable) listens = false;  // from their end on, once more
  for (const auto& record : records) {
    const std::string id(record.header("command_id").value_or(""));
    if (!ledger.waits_for(id)) continue;
    const auto envelope = schema::read_reply_envelope([&](std::string_view name) { return record.header(name); });
    // Refused because the stream stands still, or expired: that was no decision.
    if (envelope && envelope->memory != schema::Memory::none) settle(id);
  }
}

void Processes::Impl::settle(const std::string& command_id) {
  const auto found = waiting.find(command_id);
  if (found == waiting.end() || !ledger.settle(command_id)) return;
  metrics.decided.add();
  metrics.step.observe(std::chrono::duration<double>(Clock::now() - found->second.since).count());
  waiting.erase(found);
}

void Processes::Impl::send_what_is_due() {
  const auto now = Clock::now();
  for (auto& [id, one] : waiting) {
    if (one.send_at > now) continue;
    if (one.send_at > one.since) metrics.again.add();
    send(one);
    one.send_at = now + one.pause;
    one.pause = std::min(one.pause * 2, options.again_max);
  }
}

void Processes::Impl::send(Waiting& one) {
  auto envelope = one.step.envelope;
  envelope.attempt_id = crypto::uuid7();
  envelope.not_after = std::chrono::floor<milliseconds>(std::chrono::system_clock::now()) + kDecideWithin;
  const auto record = schema::to_record(envelope, one.step.command);
  std::vector<kafka::Header> headers;
  for (const auto& [name, value] : record.headers) headers.push_back({name, value});
  const auto to = topic("commands");
  const auto produced = producer->produce(
      {.topic = to,
       .partition = partition_of(envelope.slot, options.partitions),
       .key = record.key,
       .value = record.value,
       .headers = headers,
       .time = std::nullopt},
      [](const kafka::Result<std::int64_t>&) {});  // what is not decided is sent again, whatever the reason
  if (!produced)
    log::warn("a command cannot be sent yet",
              {{"correlation_id", envelope.correlation}, {"reason", produced.error().text}});
}

void Processes::Impl::commit(bool at_the_end) {
  const auto now = Clock::now();
  if (!is_reading || (!at_the_end && now - committed_at < kCommitEvery)) return;
  committed_at = now;
  std::vector<kafka::PartitionOffset> news;
  auto positions = ledger.positions();
  for (const auto& [partition, next] : positions) {
    if (committed.at(partition) != next) news.push_back({{topic("events"), partition}, next});
  }
  if (news.empty()) return;
  if (const auto done = member->commit(news, kRequestWait); done) {
    committed = std::move(positions);
  } else if (done.error().kind != kafka::Kind::rebalanced) {  // whoever has them then reads a little again
    log::warn("positions are not committed", {{"reason", done.error().text}});
  }
}

/// Lag, what waits for long, and whether it stands still although there are events. Once in a while.
void Processes::Impl::look() {
  if (const auto another = watch->another_log()) throw Halted{"another log: " + *another};
  const auto now = Clock::now();
  if (now - looked_at < kLookEvery) return;
  looked_at = now;
  std::optional<std::string> why;
  const auto silent = now - watch->answered_at();
  if (silent > options.stuck_after) {
    why = "Kafka has not answered for " +
          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(silent).count()) + " s: " + watch->trouble();
  } else if (!is_reading) {
    why = "waiting for an assignment of partitions";
  } else if (const auto ends = watch->ends(); ends != nullptr) {
    const auto positions = events->position();
    for (const auto& one : positions.value_or(std::vector<kafka::PartitionOffset>{})) {
      const auto end = ends->offsets.find(one.where);
      const auto behind = end == ends->offsets.end() ? 0 : std::max<std::int64_t>(0, end->second - one.offset);
      metrics.by_partition.at(static_cast<std::size_t>(one.where.partition)).lag.set(static_cast<double>(behind));
      auto& [at, since] = moved.try_emplace(one.where.partition, one.offset, now).first->second;
      if (behind == 0 || at != one.offset) at = one.offset, since = now;
      if (now - since > options.stuck_after)
        why = "events of partition " + std::to_string(one.where.partition) + " wait and none is read";
    }
  }
  Clock::duration oldest{};
  std::vector<std::string> waits;
  for (const auto& [id, one] : waiting) {
    oldest = std::max(oldest, now - one.since);
    if (now - one.since < options.stuck_after || waits.size() == kReasonsMax) continue;
    waits.push_back("a command to the slot " + std::to_string(one.step.envelope.slot) +
                    " is not decided (correlation id " + one.step.envelope.correlation + "): is its stream parked?");
  }
  metrics.waiting.set(static_cast<double>(waiting.size()));
  metrics.waiting_seconds.set(std::chrono::duration<double>(oldest).count());
  say(std::move(why), std::move(waits));
}

std::expected<void, std::string> Processes::Impl::turn() {
  beat();
  std::vector<kafka::Message> none;  // the group gives partitions and keeps positions; its own reader stays paused
  const auto served = member->poll(none, 1, milliseconds(0));
  if (!served && !passes(served.error()) && served.error().kind != kafka::Kind::no_offset)
    return std::unexpected(described(served.error()));
  if (const auto alive = producer->alive(); !alive) return std::unexpected(described(alive.error()));
  if (assignment_is_new) {
    if (auto taken = take_over(); !taken) return taken;
  }
  if (is_reading) {
    if (auto read = read_events(); !read) return read;
    listen();
    send_what_is_due();
    read_replies();
    commit(false);
  }
  look();
  return {};
}

std::expected<void, std::string> Processes::Impl::run(const std::stop_token& stop) {
  if (auto started = start(stop); !started || !*started) {
    return started ? std::expected<void, std::string>{} : std::unexpected(std::move(started.error()));
  }
  while (!stop.stop_requested()) {
    const bool idles = !is_reading || assigned.empty();
    if (auto turned = turn(); !turned) return turned;
    if (idles && !process::pause(stop, kPollWait)) break;
  }
  commit(true);
  member->close();
  return {};
}

Processes::Processes(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Processes::~Processes() = default;

std::expected<void, std::string> Processes::run(const std::stop_token& stop) {
  try {
    return impl_->run(stop);
  } catch (const Halted& halted) {
    log::error("nothing goes on before somebody has looked", {{"reason", halted.why}});
    impl_->member.reset();  // leaves the group
    impl_->say(halted.why, {});
    impl_->beat();
    process::pause(stop, impl_->options.say_why_for);
    return std::unexpected(halted.why);
  }
}

std::int64_t Processes::sign_of_life() const { return impl_->last_beat.load(std::memory_order_relaxed); }

health::Verdict Processes::verdict() const {
  using health::Readiness;
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->trouble.empty()) return {Readiness::not_ready, {impl_->trouble}};
  const Clock::time_point beat{Clock::duration(impl_->last_beat.load(std::memory_order_relaxed))};
  if (const auto silent = Clock::now() - beat; silent > impl_->options.stuck_after) {
    return {Readiness::not_ready,
            {"the loop has not turned for " +
             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(silent).count()) + " s"}};
  }
  health::Verdict out{Readiness::ready, {impl_->doing}};
  if (!impl_->late.empty()) out = health::worse(std::move(out), {Readiness::degraded, impl_->late});
  return out;
}

}  // namespace parley::processes
