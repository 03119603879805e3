#include "workers/reactors/runtime/command_sender.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "platform/crypto/crypto.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/process/backoff.h"

namespace parley::reactors {
namespace {

using std::chrono::milliseconds;
using Clock = CommandSender::Clock;

constexpr milliseconds kRequestWait{800};
constexpr std::size_t kRepliesAtOnce = 2'000;
/// A command is good for so long; it is sent again long before that.
constexpr std::chrono::minutes kDecideWithin{10};
/// Replies are read for so long after the last command was decided: the next one need not look for their end.
constexpr std::chrono::seconds kListenOn{10};
constexpr std::size_t kLateNamedMax = 3;

struct Waiting {
  schema::CommandEnvelope envelope;
  Command command;
  std::vector<std::string> attempts;
  Clock::time_point since;
  Clock::time_point send_at;
  process::Backoff backoff;
};

}  // namespace

struct CommandSender::Impl {
  std::string topic(std::string_view name) const { return options.topic_prefix + "." + std::string(name); }
  void send_what_is_due();
  void send(Waiting& one);
  void listen();
  std::vector<Decided> read_replies(milliseconds wait);

  Options options;
  kafka::Producer producer;
  kafka::Consumer replies;
  std::unordered_map<std::string, Waiting> waiting;
  bool listens = false;
  Clock::time_point listened_for;  ///< When there was something to listen for.
  std::uint64_t again = 0;
};

CommandSender::CommandSender(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CommandSender::CommandSender(CommandSender&&) noexcept = default;
CommandSender& CommandSender::operator=(CommandSender&&) noexcept = default;
CommandSender::~CommandSender() = default;

std::expected<CommandSender, std::string> CommandSender::open(Options options) {
  auto producer = kafka::Producer::open(options.kafka, {});
  if (!producer) return std::unexpected(described(producer.error()));
  auto replies = kafka::Consumer::open(options.kafka, {});
  if (!replies) return std::unexpected(described(replies.error()));
  return CommandSender(
      std::make_unique<Impl>(Impl{std::move(options), std::move(*producer), std::move(*replies), {}, false, {}, 0}));
}

void CommandSender::send(schema::CommandEnvelope envelope, Command command) {
  const auto now = Clock::now();
  auto id = envelope.command_id;
  impl_->waiting.try_emplace(
      std::move(id),
      Waiting{
          std::move(envelope), std::move(command), {}, now, now, {impl_->options.again_min, impl_->options.again_max}});
}

void CommandSender::forget(const std::string& command_id) { impl_->waiting.erase(command_id); }
void CommandSender::clear() { impl_->waiting.clear(); }
bool CommandSender::is_under_way(const std::string& command_id) const { return impl_->waiting.contains(command_id); }
std::size_t CommandSender::under_way() const { return impl_->waiting.size(); }
std::uint64_t CommandSender::sent_again() const { return impl_->again; }

std::expected<std::vector<CommandSender::Decided>, std::string> CommandSender::turn(milliseconds wait) {
  if (const auto alive = impl_->producer.alive(); !alive) return std::unexpected(described(alive.error()));
  impl_->listen();
  impl_->send_what_is_due();
  return impl_->read_replies(wait);
}

void CommandSender::Impl::listen() {
  const auto now = Clock::now();
  if (!waiting.empty()) listened_for = now;
  if (listens && now - listened_for > kListenOn) {
    static_cast<void>(replies.assign({}));
    listens = false;
  }
  if (listens || waiting.empty()) return;
  const auto ends = replies.end(kafka::every_partition(topic("replies"), options.partitions),
                                kafka::Isolation::read_committed, kRequestWait);
  if (ends) listens = replies.assign(*ends).has_value();
}

void CommandSender::Impl::send_what_is_due() {
  const auto now = Clock::now();
  for (auto& [id, one] : waiting) {
    if (one.send_at > now) continue;
    if (one.send_at > one.since) ++again;
    send(one);
    one.send_at = now + one.backoff.next();
  }
}

void CommandSender::Impl::send(Waiting& one) {
  auto& envelope = one.envelope;
  envelope.attempt_id = crypto::uuid7();
  envelope.not_after = std::chrono::floor<milliseconds>(std::chrono::system_clock::now()) + kDecideWithin;
  one.attempts.push_back(envelope.attempt_id);
  const auto record = schema::to_record(envelope, one.command);
  const auto headers = kafka::header_views(record.headers);
  const auto to = topic("commands");
  const auto produced =
      producer.produce({.topic = to,
                        .partition = partition_of(envelope.slot, options.partitions),
                        .key = record.key,
                        .value = record.value,
                        .headers = headers,
                        .time = std::nullopt},
                       [](const kafka::Result<std::int64_t>&) {});  // what is not decided is sent again, whatever why
  if (!produced)
    log::warn("a command cannot be sent yet",
              {{"correlation_id", envelope.correlation}, {"reason", produced.error().text}});
}

std::vector<CommandSender::Decided> CommandSender::Impl::read_replies(milliseconds wait) {
  std::vector<Decided> out;
  if (!listens) return out;
  std::vector<kafka::Message> records;
  const auto polled = replies.poll(records, kRepliesAtOnce, wait);
  if (!polled && !polled.error().retryable) listens = false;  // from their end on, once more
  for (const auto& record : records) {
    const auto one = waiting.find(std::string(record.header("command_id").value_or("")));
    if (one == waiting.end()) continue;
    const auto envelope = schema::read_reply_envelope([&](std::string_view name) { return record.header(name); });
    // Refused because the stream stands still, or expired: that was no decision.
    if (!envelope || envelope->memory == schema::Memory::none) continue;
    const auto& attempts = one->second.attempts;
    const bool is_own = std::ranges::find(attempts, envelope->attempt_id) != attempts.end();
    out.push_back(
        {one->first, envelope->memory, is_own, std::string(record.value()), Clock::now() - one->second.since});
    waiting.erase(one);
  }
  return out;
}

CommandSender::Clock::duration CommandSender::oldest() const {
  const auto now = Clock::now();
  Clock::duration oldest{};
  for (const auto& [id, one] : impl_->waiting) oldest = std::max(oldest, now - one.since);
  return oldest;
}

std::vector<std::string> CommandSender::late() const {
  const auto now = Clock::now();
  std::vector<std::string> out;
  for (const auto& [id, one] : impl_->waiting) {
    if (now - one.since < impl_->options.late_after || out.size() == kLateNamedMax) continue;
    out.push_back("a command to the slot " + std::to_string(one.envelope.slot) + " is not decided (correlation id " +
                  one.envelope.correlation + "): is its stream parked?");
  }
  return out;
}

}  // namespace parley::reactors
