#include "workers/processes/processes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "platform/crypto/crypto.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "platform/process/backoff.h"
#include "schemas/events.h"
#include "schemas/replies.h"
#include "workers/processes/ledger.h"
#include "workers/processes/steps.h"
#include "workers/runtime/group_member.h"
#include "workers/runtime/log_mismatch.h"

namespace parley::processes {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPollWait{50};
constexpr milliseconds kRequestWait{800};
constexpr std::size_t kEventsAtOnce = 500;
constexpr std::size_t kRepliesAtOnce = 2'000;
/// A command is good for so long; it is sent again long before that.
constexpr std::chrono::minutes kDecideWithin{10};
/// Replies are read for so long after the last command was decided: the next one need not look for their end.
constexpr std::chrono::seconds kListenOn{10};
constexpr milliseconds kLookEvery{500};
constexpr std::size_t kReasonsMax = 3;

/// A step that is not known to be decided.
struct Waiting {
  Step step;
  Clock::time_point since;
  Clock::time_point send_at;
  process::Backoff backoff;
};

metrics::Counter commands(const char* outcome) {
  return metrics::counter("parley_reactor_commands_total",
                          "Commands by what became of them: decided, or sent once more because that was not known",
                          {{"outcome", outcome}});
}
struct Metrics {
  metrics::Counter events = metrics::counter("parley_reactor_events_total", "Events that asked for a command");
  metrics::Counter decided = commands("decided");
  metrics::Counter again = commands("sent_again");
  metrics::Gauge waiting =
      metrics::gauge("parley_reactor_waiting_commands", "Commands that are not known to be decided");
  metrics::Gauge waiting_seconds =
      metrics::gauge("parley_reactor_waiting_seconds", "For how long the oldest of them has waited");
  metrics::Histogram step =
      metrics::histogram("parley_reactor_step_seconds", "From an event to the decision that it asked for");
};

}  // namespace

struct Processes::Impl final : runtime::Worker {
  explicit Impl(Options o)
      : options(std::move(o)),
        member({.kafka = options.kafka,
                .group = topic(kGroup),
                .instance = options.instance,
                .topic = topic("events"),
                .other_topics = {topic("commands"), topic("replies")},
                .partitions = options.partitions,
                .session_timeout = options.session_timeout,
                .stuck_after = options.stuck_after,
                .halt_linger = options.halt_linger,
                .doing = "going on in"},
               {{"parley_reactor_owned", "Whether this process goes on with the partition's events"},
                {"parley_reactor_lag_events", "Events, and ends of transactions among them, that were not read"},
                options.partitions}) {}

  std::string topic(std::string_view name) const { return options.topic_prefix + "." + std::string(name); }

  std::expected<bool, std::string> on_start(const std::stop_token& stop) override;
  std::expected<bool, std::string> on_assigned() override;
  void on_revoked() override;
  std::expected<bool, std::string> turn(std::vector<kafka::Message>& records) override;
  std::map<int, std::int64_t> positions() const override;
  Poll next_poll() const override { return {.wait = member.assigned().empty() ? kPollWait : milliseconds(0)}; }
  void on_stopped() override { member.commit(ledger.positions(), true); }

  std::expected<void, std::string> read_events();
  std::expected<void, std::string> note(const kafka::Message& message);
  void listen();
  void read_replies();
  void send_what_is_due();
  void send(Waiting& waiting);
  void settle(const std::string& command_id);
  void look();

  const Options options;
  Metrics metrics;
  runtime::GroupMember member;

  // Owned by the thread in run().
  std::optional<kafka::Producer> producer;
  std::optional<kafka::Consumer> events;
  std::optional<kafka::Consumer> replies;
  bool listens = false;
  Clock::time_point listened_for;  // when there was something to listen for
  Ledger ledger;
  std::unordered_map<std::string, Waiting> waiting;
  Clock::time_point looked_at;
};

std::expected<bool, std::string> Processes::Impl::on_start(const std::stop_token& stop) {
  if (auto there = member.await_positions(stop); !there || !*there) return there;
  auto opened_producer = kafka::Producer::open(options.kafka, {});
  if (!opened_producer) return std::unexpected(described(opened_producer.error()));
  producer.emplace(std::move(*opened_producer));
  for (auto* reader : {&events, &replies}) {
    auto opened = kafka::Consumer::open(options.kafka, {});
    if (!opened) return std::unexpected(described(opened.error()));
    reader->emplace(std::move(*opened));
  }
  return true;
}

/// What is under way is another member's from now on, who reads it again.
void Processes::Impl::on_revoked() {
  ledger.clear();
  waiting.clear();
  static_cast<void>(events->assign({}));
  looked_at = {};
  look();
}

/// From the group's positions on.
std::expected<bool, std::string> Processes::Impl::on_assigned() {
  on_revoked();
  const auto from = member.committed();
  if (!from) return std::unexpected(from.error());
  if (!*from) return false;
  std::vector<kafka::PartitionOffset> starts;
  for (const auto& [partition, next] : **from) {
    starts.push_back({{topic("events"), partition}, next});
    ledger.begin(partition, next);
  }
  if (const auto reading = events->assign(starts); !reading) return std::unexpected(described(reading.error()));
  return true;
}

std::map<int, std::int64_t> Processes::Impl::positions() const {
  std::map<int, std::int64_t> out;
  for (const auto& one : events->position().value_or(std::vector<kafka::PartitionOffset>{}))
    out.emplace(one.where.partition, one.offset);
  return out;
}

std::expected<void, std::string> Processes::Impl::read_events() {
  if (waiting.size() >= options.waiting_max || member.assigned().empty()) {
    read_replies();
    return {};
  }
  std::vector<kafka::Message> records;
  const auto polled = events->poll(records, kEventsAtOnce, kPollWait);
  if (!polled && polled.error().kind == kafka::Kind::no_offset) {
    throw runtime::another_log(topic("events") + " does not hold what comes next (" + polled.error().text + ")");
  }
  if (!polled && !is_transient(polled.error())) return std::unexpected(described(polled.error()));
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
      waiting.try_emplace(ids.back(), Waiting{std::move(step), now, now, {options.again_min, options.again_max}});
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
    one.send_at = now + one.backoff.next();
  }
}

void Processes::Impl::send(Waiting& one) {
  auto envelope = one.step.envelope;
  envelope.attempt_id = crypto::uuid7();
  envelope.not_after = std::chrono::floor<milliseconds>(std::chrono::system_clock::now()) + kDecideWithin;
  const auto record = schema::to_record(envelope, one.step.command);
  const auto headers = kafka::header_views(record.headers);
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

/// What waits for long. Once in a while.
void Processes::Impl::look() {
  const auto now = Clock::now();
  if (now - looked_at < kLookEvery) return;
  looked_at = now;
  Clock::duration oldest{};
  std::vector<std::string> late;
  for (const auto& [id, one] : waiting) {
    oldest = std::max(oldest, now - one.since);
    if (now - one.since < options.stuck_after || late.size() == kReasonsMax) continue;
    late.push_back("a command to the slot " + std::to_string(one.step.envelope.slot) +
                   " is not decided (correlation id " + one.step.envelope.correlation + "): is its stream parked?");
  }
  metrics.waiting.set(static_cast<double>(waiting.size()));
  metrics.waiting_seconds.set(std::chrono::duration<double>(oldest).count());
  member.health().degrade(std::move(late));
}

std::expected<bool, std::string> Processes::Impl::turn(std::vector<kafka::Message>& /*records*/) {
  if (const auto alive = producer->alive(); !alive) return std::unexpected(described(alive.error()));
  if (auto read = read_events(); !read) return std::unexpected(std::move(read.error()));
  listen();
  send_what_is_due();
  read_replies();
  member.commit(ledger.positions());
  look();
  return true;
}

Processes::Processes(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Processes::~Processes() = default;

std::expected<void, std::string> Processes::run(const std::stop_token& stop) { return impl_->member.run(*impl_, stop); }
std::int64_t Processes::sign_of_life() const { return impl_->member.health().heartbeat(); }
health::Verdict Processes::verdict() const { return impl_->member.health().verdict(); }

}  // namespace parley::processes
