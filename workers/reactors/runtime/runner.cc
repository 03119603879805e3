#include "workers/reactors/runtime/runner.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <ranges>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "platform/kafka/admin.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "schemas/replies.h"
#include "workers/reactors/runtime/command_sender.h"
#include "workers/reactors/runtime/event_reader.h"
#include "workers/reactors/runtime/metrics.h"
#include "workers/reactors/runtime/state.h"
#include "workers/runtime/group_member.h"
#include "workers/runtime/log_mismatch.h"
#include "workers/runtime/wait_for_kafka.h"

namespace parley::reactors {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kRequestWait{800};
constexpr milliseconds kFoldWait{100};
/// While nothing is under way, and while something is.
constexpr milliseconds kIdleWait{50};
constexpr milliseconds kBusyWait{5};
constexpr milliseconds kLookEvery{500};

Decision decision_of(const CommandSender::Decided& decided) {
  const auto outcome = schema::read_outcome(decided.outcome);
  if (outcome && std::holds_alternative<Error>(outcome->result)) return Decision::refused;
  return decided.memory == schema::Memory::first && decided.is_own ? Decision::first : Decision::earlier;
}

Performer::Now now() { return {std::chrono::floor<milliseconds>(std::chrono::system_clock::now()), Clock::now()}; }

}  // namespace

struct Runner::Impl final : runtime::Worker, Commands {
  Impl(Options o, Reactor& r)
      : options(std::move(o)),
        reactor(r),
        memory(options.memory),
        performer(r, *this, options.perform),
        member({.kafka = options.kafka,
                .group = group(),
                .instance = options.instance,
                .topic = topic("events"),
                .other_topics = {topic("commands"), topic("replies")},
                .partitions = options.partitions,
                .session_timeout = options.session_timeout,
                .stuck_after = options.stuck_after,
                .halt_linger = options.halt_linger,
                .doing = "acting in"},
               {{"parley_reactor_owned", "Whether this process goes on with the partition's events"},
                {"parley_reactor_lag_events", "Events, and ends of transactions among them, that were not read"},
                options.partitions}) {}

  std::string topic(std::string_view name) const { return options.topic_prefix + "." + std::string(name); }
  std::string group() const { return topic("reactor." + std::string(reactor.name())); }
  std::string log_id() const { return topic("events") + " " + member.topic_id(topic("events")); }
  std::string path(int partition) const { return options.state_dir + "/" + std::to_string(partition); }

  std::expected<bool, std::string> on_start(const std::stop_token& stop) override;
  std::expected<bool, std::string> on_assigned() override;
  void on_revoked() override;
  std::expected<bool, std::string> turn(std::vector<kafka::Message>& records) override;
  std::map<int, std::int64_t> positions() const override { return events->positions(); }
  Poll next_poll() const override { return {.wait = member.assigned().empty() ? kIdleWait : milliseconds(0)}; }
  void on_stopped() override;

  void send(schema::CommandEnvelope envelope, Command command) override {
    sender->send(std::move(envelope), std::move(command));
  }
  void forget(const std::string& command_id) override { sender->forget(command_id); }

  std::expected<void, std::string> discard_states_of_another_log();
  std::expected<bool, std::string> begin_if_new(const std::stop_token& stop);
  bool has_state() const;
  std::expected<void, std::string> open_states(const std::map<int, std::int64_t>& begin);
  std::expected<bool, std::string> fold_to_the_end(const std::vector<kafka::PartitionOffset>& ends);
  std::expected<void, std::string> read_events(milliseconds wait);
  std::expected<void, std::string> fold(const kafka::Message& record);
  std::expected<void, std::string> act(milliseconds wait);
  void commit(bool at_once);
  void look();

  const Options options;
  Reactor& reactor;
  const store::Memory memory;
  std::map<int, State> states;
  std::set<int> opened;     ///< Partitions whose states were opened last.
  std::set<int> witnesses;  ///< Partitions whose next record must be the last event that was folded.
  std::optional<CommandSender> sender;
  std::optional<EventReader> events;
  Performer performer;
  SenderMetrics commands;
  ActingMetrics acting;
  Clock::time_point looked_at;
  runtime::GroupMember member;
};

bool Runner::Impl::has_state() const {
  return std::ranges::any_of(std::views::iota(0, options.partitions),
                             [&](int partition) { return State::log_at(path(partition)).has_value(); });
}

/// What was folded from the log that stood here before (this one was restored, say) tells nothing of this one.
std::expected<void, std::string> Runner::Impl::discard_states_of_another_log() {
  for (int partition = 0; partition < options.partitions; ++partition) {
    const auto log = State::log_at(path(partition));
    if (!log || log->empty() || *log == log_id()) continue;
    log::warn("the state of another log is discarded",
              {{"store", path(partition)}, {"log", *log}, {"instead_of", log_id()}});
    if (auto gone = store::Store::destroy(path(partition)); !gone) return std::unexpected(std::move(gone.error()));
  }
  return {};
}

/// One that has neither state nor positions of this log calls nobody about the past.
std::expected<bool, std::string> Runner::Impl::begin_if_new(const std::stop_token& stop) {
  auto admin = kafka::Admin::open(options.kafka);
  if (!admin) return std::unexpected(described(admin.error()));
  const auto partitions = kafka::every_partition(topic("events"), options.partitions);
  return runtime::wait_for_kafka(stop, member.health(), [&]() -> std::optional<std::string> {
    const auto known = admin->group_offsets(group(), partitions, kRequestWait);
    if (!known) return known.error().text;
    if (has_state()) return std::nullopt;
    const auto ends = admin->end(partitions, kafka::Isolation::read_uncommitted, kRequestWait);
    if (!ends) return ends.error().text;
    const auto has_none = [](const kafka::PartitionOffset& one) { return one.offset < 0; };
    // Those of a log that stood here before: nothing of this one was waiting for a call when they were written.
    const auto is_beyond = [&](const kafka::PartitionOffset& one) {
      const auto end = std::ranges::find(*ends, one.where.partition, [](const auto& e) { return e.where.partition; });
      return end != ends->end() && one.offset > end->offset;
    };
    if (!std::ranges::all_of(*known, has_none) && std::ranges::none_of(*known, is_beyond)) return std::nullopt;
    // Refused while the group has members: another instance has written them.
    const auto written = admin->set_group_offsets(group(), *ends, kRequestWait);
    if (!written) return written.error().text;
    log::warn("this reactor is new: it begins at the end of the log", {{"group", group()}});
    return std::nullopt;
  });
}

std::expected<bool, std::string> Runner::Impl::on_start(const std::stop_token& stop) {
  if (auto done = discard_states_of_another_log(); !done) return std::unexpected(std::move(done.error()));
  if (auto begun = begin_if_new(stop); !begun || !*begun) return begun;
  if (auto there = member.await_positions(stop); !there || !*there) return there;
  std::error_code failed;
  std::filesystem::create_directories(options.state_dir, failed);
  if (failed) return std::unexpected(options.state_dir + ": " + failed.message());
  auto opened = CommandSender::open({.kafka = options.kafka,
                                     .topic_prefix = options.topic_prefix,
                                     .partitions = options.partitions,
                                     .again_min = options.again_min,
                                     .again_max = options.again_max,
                                     .late_after = options.stuck_after});
  if (!opened) return std::unexpected(std::move(opened.error()));
  sender.emplace(std::move(*opened));
  auto reader = EventReader::open(options.kafka, topic("events"));
  if (!reader) return std::unexpected(std::move(reader.error()));
  events.emplace(std::move(*reader));
  return true;
}

/// What is under way is another member's from now on: its calls are repeated there as the reactor wants it.
void Runner::Impl::on_revoked() {
  performer.take_over(nullptr);
  states.clear();
  witnesses.clear();
  events->stop();
  looked_at = {};
  look();
}

/// The group's positions first, the end of the events after that: then nothing that an earlier owner has led to is
/// missing when the end is reached.
std::expected<bool, std::string> Runner::Impl::on_assigned() {
  on_revoked();
  const auto begin = member.committed();
  if (!begin) return std::unexpected(begin.error());
  if (!*begin) return false;
  const auto ends = events->end(member.assigned(), kRequestWait);
  if (!ends && !is_transient(ends.error())) return std::unexpected(described(ends.error()));
  if (!ends) return false;
  if (auto opened = open_states(**begin); !opened) return std::unexpected(std::move(opened.error()));
  auto folded = fold_to_the_end(*ends);
  if (folded && *folded) performer.take_over(&states);
  return folded;
}

std::expected<void, std::string> Runner::Impl::open_states(const std::map<int, std::int64_t>& begin) {
  opened.clear();
  for (const auto& [partition, position] : begin) {
    opened.insert(partition);
    auto state = State::open(path(partition), memory, log_id(), reactor, position);
    if (!state) return std::unexpected(std::move(state.error()));
    if (state->log() != log_id())
      throw runtime::another_log(path(partition) + " was folded from " + state->log() + ", not " + log_id());
    states.emplace(partition, std::move(*state));
  }
  return {};
}

std::expected<bool, std::string> Runner::Impl::fold_to_the_end(const std::vector<kafka::PartitionOffset>& ends) {
  std::vector<kafka::PartitionOffset> from;
  for (const auto& end : ends) {
    const auto& state = states.at(end.where.partition);
    if (state.last() >= end.offset)
      throw runtime::another_log(topic("events") + " " + std::to_string(end.where.partition) + " ends at " +
                                 std::to_string(end.offset) + ", but its event at " + std::to_string(state.last()) +
                                 " was folded");
    if (state.last() >= 0) witnesses.insert(end.where.partition);
    from.push_back({end.where, std::max<std::int64_t>(state.last(), 0)});
  }
  if (auto begun = events->begin(from); !begun) return std::unexpected(std::move(begun.error()));
  const auto is_reached = [&] {
    const auto next = events->positions();
    return std::ranges::all_of(ends, [&](const auto& end) {
      const auto at = next.find(end.where.partition);
      return at != next.end() && at->second >= end.offset;
    });
  };
  while (!is_reached()) {
    if (!member.still_assigned()) return false;
    if (auto read = read_events(kFoldWait); !read) return std::unexpected(std::move(read.error()));
  }
  if (!witnesses.empty())
    throw runtime::another_log(topic("events") + " " + std::to_string(*witnesses.begin()) +
                               " does not hold the last event that was folded");
  return true;
}

std::expected<void, std::string> Runner::Impl::read_events(milliseconds wait) {
  const auto taken = events->read(wait, [this](const kafka::Message& record) { return fold(record); });
  if (!taken) return taken;
  for (auto& [partition, state] : states) state.keep();
  return {};
}

std::expected<void, std::string> Runner::Impl::fold(const kafka::Message& record) {
  auto& state = states.at(record.partition());
  const auto read = read_event(record);
  if (witnesses.erase(record.partition()) > 0 &&
      (record.offset() != state.last() || !read || read->envelope.id != state.last_id())) {
    throw runtime::another_log(topic("events") + " " + std::to_string(record.partition()) + " has another event at " +
                               std::to_string(record.offset()) + " than the one that was folded");
  }
  if (!read) return std::unexpected(read.error());
  state.fold(record.offset(), read->envelope, read->event, record.value());
  return {};
}

std::expected<void, std::string> Runner::Impl::act(milliseconds wait) {
  const auto decided = sender->turn(wait);
  if (!decided) return std::unexpected(decided.error());
  const auto when = now();
  for (const auto& one : *decided) {
    commands.decided();
    performer.decided(one.command_id, decision_of(one), when);
  }
  performer.turn(when);
  return {};
}

std::expected<bool, std::string> Runner::Impl::turn(std::vector<kafka::Message>& /*records*/) {
  if (states.empty()) return true;
  const bool is_busy = performer.in_flight() > 0;
  if (auto read = read_events(is_busy ? kBusyWait : kIdleWait); !read) return std::unexpected(std::move(read.error()));
  if (auto acted = act(is_busy ? kBusyWait : milliseconds(0)); !acted) return std::unexpected(std::move(acted.error()));
  commit(false);
  look();
  return true;
}

void Runner::Impl::commit(bool at_once) {
  std::map<int, std::int64_t> oldest;
  for (auto& [partition, state] : states) oldest.emplace(partition, state.oldest_unfinished());
  member.commit(oldest, at_once);
}

/// What there is to do, and what waits for long. Once in a while.
void Runner::Impl::look() {
  if (Clock::now() - looked_at < kLookEvery) return;
  looked_at = Clock::now();
  auto reasons = sender->late();
  std::string off;
  ActingMetrics::Work work;
  const auto wall = now().wall;
  for (auto& [partition, state] : states) {
    work.calls += state.calls();
    work.timers += state.timers();
    if (const auto oldest = state.oldest_time())
      work.oldest = std::max<std::chrono::duration<double>>(work.oldest, wall - *oldest);
    if (state.are_effects_on()) continue;
    ++work.partitions_off;
    off.append(off.empty() ? "" : ", ").append(std::to_string(partition));
  }
  commands.look(*sender);
  acting.look(work, performer);
  if (!off.empty()) {
    reasons.push_back("effects are off in what was restored from a backup (partitions " + off +
                      "): `parley effects on` switches them on");
  }
  member.health().degrade(std::move(reasons));
}

void Runner::Impl::on_stopped() {
  performer.begin_nothing();
  const auto until = Clock::now() + options.finish_within;
  while (performer.in_flight() > 0 && Clock::now() < until) {
    member.health().beat();
    if (!act(kBusyWait)) break;
  }
  commit(true);
}

Runner::Runner(Options options, Reactor& reactor) : impl_(std::make_unique<Impl>(std::move(options), reactor)) {}
Runner::~Runner() = default;

std::expected<void, std::string> Runner::run(const std::stop_token& stop) {
  try {
    return impl_->member.run(*impl_, stop);
  } catch (const store::DiskFull& full) {
    return std::unexpected(full.what());
  } catch (const store::Failure& broken) {
    log::error("the state is discarded and folded again", {{"reason", broken.what()}});
    impl_->performer.take_over(nullptr);
    impl_->states.clear();
    for (const int partition : impl_->opened) {
      if (const auto gone = store::Store::destroy(impl_->path(partition)); !gone)
        log::error("a store cannot be removed", {{"store", impl_->path(partition)}, {"reason", gone.error()}});
    }
    return std::unexpected(broken.what());
  }
}

health::Verdict Runner::verdict() const { return impl_->member.health().verdict(); }
std::int64_t Runner::sign_of_life() const { return impl_->member.health().heartbeat(); }

}  // namespace parley::reactors
