#include "api/commands/dispatcher.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/http/timers.h"
#include "api/progress/progress.h"
#include "api/tail/tail.h"
#include "platform/crypto/crypto.h"
#include "platform/kafka/producer.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"
#include "schemas/events.h"

namespace parley::api {
namespace {

/// Whether a refusal says that nothing was decided; then it is not the command's outcome and is not marked as repeated.
bool is_decision(schema::Memory memory) { return memory != schema::Memory::none; }

using Clock = std::chrono::steady_clock;

metrics::Histogram phase(const char* name) {
  return metrics::histogram(
      "parley_api_command_phase_seconds",
      "decide: from sending a command to its reply; project: from the reply until the read model shows the change",
      {{"phase", name}});
}

}  // namespace

struct Dispatcher::Impl : std::enable_shared_from_this<Dispatcher::Impl> {
  struct Waiting {
    Done done;
    http::Timers::Id deadline;
    Clock::time_point sent;
    std::optional<Clock::time_point> decided;
    std::string under_way = {};  // the command's id, once it is known to have begun and not ended
    bool was_under_way = false;  // it had begun before this sending
  };

  Impl(Options o, Progress& p, kafka::Producer made) : options(std::move(o)), progress(p), producer(std::move(made)) {}

  void complete(const std::string& attempt_id, CommandResult result) {
    auto waiting = take(attempt_id);
    if (!waiting) return;
    const auto now = Clock::now();
    const auto between = [](Clock::time_point from, Clock::time_point to) {
      return std::chrono::duration<double>(to - from).count();
    };
    seconds.observe(between(waiting->sent, now));
    if (waiting->decided) {
      decide_seconds.observe(between(waiting->sent, *waiting->decided));
      if (result.outcome && result.outcome->position) project_seconds.observe(between(*waiting->decided, now));
    }
    if (!result.readable) pending.add();
    waiting->done(std::move(result));
  }

  std::optional<Waiting> take(const std::string& attempt_id) {
    const std::lock_guard lock(mutex);
    const auto it = waiting.find(attempt_id);
    if (it == waiting.end()) return std::nullopt;
    auto found = std::move(it->second);
    waiting.erase(it);
    timers.cancel(found.deadline);
    const auto [begin, end] = under_way.equal_range(found.under_way);
    const auto same = std::find_if(begin, end, [&](const auto& one) { return one.second == attempt_id; });
    if (same != end) under_way.erase(same);
    return found;
  }

  /// The outcome comes later, in a reply that names no sending.
  void wait_on(const std::string& attempt_id, const schema::ReplyEnvelope& envelope) {
    const std::lock_guard lock(mutex);
    const auto found = waiting.find(attempt_id);
    if (found == waiting.end()) return;
    found->second.under_way = envelope.command_id;
    found->second.was_under_way = envelope.memory == schema::Memory::still_under_way;
    under_way.emplace(envelope.command_id, attempt_id);
  }

  /// The sendings that a reply is for: its own, and those of a command that has come to its end. Each with whether it
  /// was a repetition.
  std::vector<std::pair<std::string, bool>> receivers(const kafka::Message& message) {
    std::vector<std::pair<std::string, bool>> out;
    const auto now = Clock::now();
    const std::lock_guard lock(mutex);
    if (const auto found = waiting.find(std::string(message.header("attempt_id").value_or("")));
        found != waiting.end()) {
      found->second.decided = now;
      out.emplace_back(found->first, false);
    }
    if (under_way.empty() || message.header("memory") != schema::name_of(schema::Memory::first)) return out;
    const auto [begin, end] = under_way.equal_range(std::string(message.header("command_id").value_or("")));
    for (auto one = begin; one != end; ++one) {
      auto& waits = waiting.at(one->second);
      waits.decided = now;
      out.emplace_back(one->second, waits.was_under_way);
    }
    return out;
  }

  void reply(const kafka::Message& message) {
    for (const auto& [attempt_id, repeated] : receivers(message))
      reply(message, attempt_id, repeated);  // most are another API's, or too late
  }

  void reply(const kafka::Message& message, const std::string& attempt_id, bool is_repetition) {
    const auto envelope = schema::read_reply_envelope(headers_of(message));
    auto outcome = schema::read_outcome(message.value());
    if (!envelope || !outcome) {
      log::error("a reply cannot be read", {{"partition", message.partition()},
                                            {"offset", message.offset()},
                                            {"reason", envelope ? outcome.error().issue : envelope.error()}});
      return complete(attempt_id, {std::unexpected(Error{kInternalError, {}})});
    }
    if (const auto* error = std::get_if<Error>(&outcome->result); error != nullptr && !is_decision(envelope->memory)) {
      return complete(attempt_id, {std::unexpected(*error)});
    }
    if (schema::is_under_way(envelope->memory)) return wait_on(attempt_id, *envelope);
    decided(attempt_id, std::move(*outcome), is_repetition || envelope->memory == schema::Memory::repeat);
  }

  void event(const kafka::Message& message) {
    const auto header = headers_of(message);
    const auto mark = schema::read_answer_mark(header);
    if (!mark || !note_decided(mark->attempt_id)) return;  // most are another API's, or too late
    auto outcome = outcome_of(message, header, *mark);
    if (!outcome) {
      log::error("an event that is an answer cannot be read",
                 {{"partition", message.partition()}, {"offset", message.offset()}, {"reason", outcome.error()}});
      return complete(mark->attempt_id, {std::unexpected(Error{kInternalError, {}})});
    }
    by_event.add();
    decided(mark->attempt_id, std::move(*outcome), false);
  }

  static std::expected<schema::Outcome, std::string> outcome_of(const kafka::Message& message,
                                                                const schema::HeaderLookup& header,
                                                                const schema::AnswerMark& mark) {
    const auto envelope = schema::read_envelope(header);
    if (!envelope) return std::unexpected(envelope.error());
    const auto event = schema::decode_event(envelope->type, message.value());
    if (!event) return std::unexpected(event.error().issue);
    if (!*event) return std::unexpected("an event of an unknown type: " + envelope->type);
    auto outcome = schema::outcome_of(*envelope, mark, **event, {message.partition(), message.offset()});
    if (!outcome) return std::unexpected(outcome.error().issue);
    return std::move(*outcome);
  }

  /// Whether somebody waits for this sending, of which is known now that it is decided.
  bool note_decided(const std::string& attempt_id) {
    const std::lock_guard lock(mutex);
    const auto found = waiting.find(attempt_id);
    if (found == waiting.end()) return false;
    found->second.decided = Clock::now();
    return true;
  }

  /// Answers once the read model has it.
  void decided(const std::string& attempt_id, schema::Outcome&& outcome, bool repeated) {
    const auto position = outcome.position;
    CommandResult result{std::move(outcome), repeated};
    if (!position) return complete(attempt_id, std::move(result));
    progress.when_readable(*position,
                           [weak = weak_from_this(), attempt_id, result = std::move(result)](bool readable) mutable {
                             result.readable = readable;
                             if (const auto impl = weak.lock()) impl->complete(attempt_id, std::move(result));
                           });
  }

  const Options options;
  Progress& progress;
  std::mutex mutex;
  std::unordered_map<std::string, Waiting> waiting;             // by attempt id
  std::unordered_multimap<std::string, std::string> under_way;  // of those, by command id: what has begun and not ended
  metrics::Histogram seconds = metrics::histogram(
      "parley_api_command_seconds", "From sending a command until its outcome is known and the read model shows it");
  metrics::Histogram decide_seconds = phase("decide");
  metrics::Histogram project_seconds = phase("project");
  metrics::Counter pending =
      metrics::counter("parley_api_commands_pending_total",
                       "Commands answered with X-Projection: pending: the read model did not show the change in time");
  metrics::Counter by_event =
      metrics::counter("parley_api_commands_answered_by_event_total",
                       "Commands whose event was also their reply: the decider wrote no separate reply");
  metrics::Counter timeouts =
      metrics::counter("parley_api_command_timeouts_total", "Commands whose outcome was not known in time");
  http::Timers timers{"commands"};
  kafka::Producer producer;
  std::unique_ptr<Tail> replies;  // last: its thread ends before the rest goes
};

Dispatcher::Dispatcher(Options options, Progress& progress, kafka::TopicWatch& watch) {
  auto producer = kafka::Producer::open(options.kafka,
                                        {.queued_max = options.waiting_max, .delivery_timeout = options.decide_within});
  if (!producer) throw std::runtime_error("no producer for commands: " + producer.error().text);
  impl_ = std::make_shared<Impl>(std::move(options), progress, std::move(*producer));
  auto* impl = impl_.get();
  impl->replies = std::make_unique<Tail>(Tail::Options{impl->options.kafka, impl->options.topic_prefix + ".replies",
                                                       impl->options.partitions, Tail::From::end, "replies"},
                                         watch, [impl](const kafka::Message& message) { impl->reply(message); });
  metrics::on_scrape([weak = std::weak_ptr(impl_),
                      waiting = metrics::gauge("parley_api_commands_waiting", "Commands without an outcome"),
                      queued = metrics::gauge("parley_api_commands_queued",
                                              "Commands that Kafka has not acknowledged yet")]() mutable {
    const auto alive = weak.lock();
    if (alive == nullptr) return;
    queued.set(static_cast<double>(alive->producer.queued()));
    const std::lock_guard lock(alive->mutex);
    waiting.set(static_cast<double>(alive->waiting.size()));
  });
}
Dispatcher::~Dispatcher() = default;

void Dispatcher::send(schema::CommandEnvelope envelope, const Command& command, Done done) {
  const auto refuse = [&](Code code) { done({std::unexpected(Error{code, {}})}); };
  if (!impl_->replies->caught_up()) return refuse(kUnavailable);
  envelope.attempt_id = crypto::uuid7();
  envelope.takes_events = true;
  envelope.not_after =
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + impl_->options.decide_within;
  const auto attempt_id = envelope.attempt_id;
  auto* impl = impl_.get();
  {
    const std::lock_guard lock(impl->mutex);
    if (impl->waiting.size() >= impl->options.waiting_max) return refuse(kOverloaded);
    const auto deadline = impl->timers.after(impl->options.answer_within, [impl, attempt_id] {
      impl->timeouts.add();
      impl->complete(attempt_id, {std::unexpected(Error{kCommandTimeout, {}})});
    });
    impl->waiting.emplace(attempt_id, Impl::Waiting{std::move(done), deadline, Clock::now(), std::nullopt});
  }
  const auto record = schema::to_record(envelope, command);
  const auto headers = kafka::header_views(record.headers);
  const auto topic = impl->options.topic_prefix + ".commands";
  const auto produced =
      impl->producer.produce({.topic = topic,
                              .partition = partition_of(envelope.slot, impl->options.partitions),
                              .key = record.key,
                              .value = record.value,
                              .headers = headers,
                              .time = std::nullopt},
                             [impl, attempt_id](kafka::Result<std::int64_t> delivered) {
                               // Not acknowledged is not "not written": the same key asked again tells.
                               if (!delivered) impl->complete(attempt_id, {std::unexpected(Error{kUnavailable, {}})});
                             });
  if (!produced)
    impl->complete(
        attempt_id,
        {std::unexpected(Error{produced.error().kind == kafka::Kind::queue_full ? kOverloaded : kUnavailable, {}})});
}

void Dispatcher::event(const kafka::Message& event) { impl_->event(event); }

health::Verdict Dispatcher::verdict() const {
  if (!can_send()) return {health::Readiness::not_ready, {"commands cannot be sent any more"}};
  return impl_->replies->verdict();
}

bool Dispatcher::can_send() const { return impl_->producer.alive().has_value(); }

std::size_t Dispatcher::waiting() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->waiting.size();
}

}  // namespace parley::api
