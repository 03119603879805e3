#include "workers/processes/processes.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "platform/metrics/metrics.h"
#include "platform/opened.h"
#include "workers/processes/ledger.h"
#include "workers/processes/steps.h"
#include "workers/reactors/runtime/command_sender.h"
#include "workers/reactors/runtime/event_reader.h"
#include "workers/reactors/runtime/metrics.h"
#include "workers/runtime/group_member.h"

namespace parley::processes {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPollWait{50};
constexpr milliseconds kLookEvery{500};

struct Metrics {
  metrics::Counter events = metrics::counter("parley_reactor_events_total", "Events that asked for a command");
  reactors::SenderMetrics commands;
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
  std::map<int, std::int64_t> positions() const override { return events->positions(); }
  Poll next_poll() const override { return {.wait = member.assigned().empty() ? kPollWait : milliseconds(0)}; }
  void on_stopped() override { member.commit(ledger.positions(), true); }

  std::expected<void, std::string> read_events();
  std::expected<void, std::string> note(const kafka::Message& message);
  std::expected<void, std::string> send_steps();
  bool is_full() const { return sender->under_way() >= options.waiting_max; }
  void look();

  const Options options;
  Metrics metrics;
  runtime::GroupMember member;

  // Owned by the thread in run().
  Opened<reactors::CommandSender> sender;
  Opened<reactors::EventReader> events;
  Ledger ledger;
  Clock::time_point looked_at;
};

std::expected<bool, std::string> Processes::Impl::on_start(const std::stop_token& stop) {
  if (auto there = member.await_positions(stop); !there || !*there) return there;
  auto opened = reactors::CommandSender::open({.kafka = options.kafka,
                                               .topic_prefix = options.topic_prefix,
                                               .partitions = options.partitions,
                                               .again_min = options.again_min,
                                               .again_max = options.again_max,
                                               .late_after = options.stuck_after});
  if (!opened) return std::unexpected(std::move(opened.error()));
  sender.emplace(std::move(*opened));
  auto reader = reactors::EventReader::open(options.kafka, topic("events"));
  if (!reader) return std::unexpected(std::move(reader.error()));
  events.emplace(std::move(*reader));
  return true;
}

/// What is under way is another member's from now on, who reads it again.
void Processes::Impl::on_revoked() {
  ledger.clear();
  sender->clear();
  events->stop();
  looked_at = {};
  look();
}

/// From the group's positions on.
std::expected<bool, std::string> Processes::Impl::on_assigned() {
  on_revoked();
  const auto from = member.committed();
  if (!from) return std::unexpected(from.error());
  const auto& positions = *from;
  if (!positions) return false;
  std::vector<kafka::PartitionOffset> starts;
  starts.reserve(positions->size());
  for (const auto& [partition, next] : *positions) {
    starts.push_back({{topic("events"), partition}, next});
    ledger.begin(partition, next);
  }
  if (auto begun = events->begin(starts); !begun) return std::unexpected(std::move(begun.error()));
  return true;
}

std::expected<void, std::string> Processes::Impl::read_events() {
  if (is_full() || member.assigned().empty()) return {};
  return events->read(kPollWait, [this](const kafka::Message& record) { return note(record); });
}

std::expected<void, std::string> Processes::Impl::note(const kafka::Message& message) {
  const auto read = reactors::read_event(message);
  if (!read) return std::unexpected(read.error());
  std::vector<std::string> ids;
  if (const auto& event = read->event) {  // a type that this build does not know asks it for nothing
    for (auto& step : steps_of(read->envelope, *event)) {
      ids.push_back(step.envelope.command_id);
      sender->send(std::move(step.envelope), std::move(step.command));
    }
  }
  ledger.read(message.partition(), message.offset(), ids);
  if (!ids.empty()) metrics.events.add();
  return {};
}

/// Steps that are due are sent; those that were decided are done.
std::expected<void, std::string> Processes::Impl::send_steps() {
  const auto decided = sender->turn(is_full() ? kPollWait : milliseconds(0));
  if (!decided) return std::unexpected(decided.error());
  for (const auto& one : *decided) {
    if (!ledger.settle(one.command_id)) continue;
    metrics.commands.decided();
    metrics.step.observe(std::chrono::duration<double>(one.after).count());
  }
  return {};
}

/// What waits for long. Once in a while.
void Processes::Impl::look() {
  const auto now = Clock::now();
  if (now - looked_at < kLookEvery) return;
  looked_at = now;
  metrics.commands.look(*sender);
  member.health().degrade(sender->late());
}

std::expected<bool, std::string> Processes::Impl::turn(std::vector<kafka::Message>& /*records*/) {
  if (auto read = read_events(); !read) return std::unexpected(std::move(read.error()));
  if (auto sent = send_steps(); !sent) return std::unexpected(std::move(sent.error()));
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
