#include "tests/bench/commands.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <vector>

#include "domain/dialogs/dialogs.h"
#include "platform/crypto/crypto.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/producer.h"
#include "schemas/commands.h"
#include "tests/bench/figures.h"

namespace parley::bench {
namespace {

constexpr std::string_view kText =
    "Hello! I ordered a blue jacket on Monday and it still has not arrived. Could you please look where it is?";
constexpr std::chrono::seconds kAnswerWaitMax{30};
constexpr std::size_t kPolledAtOnce = 1'000;

template <class T>
T needed(kafka::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

Timestamp now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

}  // namespace

void run(const Commands& options, const Scene& scene) {
  const kafka::Config config{.brokers = options.brokers, .properties = {}, .client_id = "bench"};
  auto consumer = needed(kafka::Consumer::open(config, {.fetch_wait_max = std::chrono::milliseconds(50)}));
  auto producer = needed(kafka::Producer::open(config, {.queued_max = options.clients + 1'000}));
  std::vector<kafka::TopicPartition> partitions;
  for (int p = 0; p < options.partitions; ++p) partitions.push_back({options.topic_prefix + ".replies", p});
  const auto ends = needed(consumer.end(partitions, kafka::Isolation::read_committed));
  if (const auto assigned = consumer.assign(ends); !assigned) throw std::runtime_error(assigned.error().text);

  const auto topic = options.topic_prefix + ".commands";
  std::vector<Clock::time_point> sent(options.clients);
  const auto send = [&](std::size_t client) {
    const auto& dialog = scene.dialogs[client % scene.dialogs.size()];
    schema::CommandEnvelope envelope;
    envelope.command_id = crypto::uuid7();
    envelope.attempt_id = std::to_string(client);
    envelope.fingerprint = envelope.command_id;
    envelope.principal = Visitor{AssistantId{scene.assistant_id}};
    envelope.target = Stream{Kind::dialog, dialog.id};
    envelope.slot = slot_of(dialog.id);
    envelope.not_after = now() + kAnswerWaitMax;
    envelope.correlation = envelope.command_id;
    const auto record =
        schema::to_record(envelope, dialogs::Command{dialogs::PostVisitorMessage{Personal{std::string(kText)}}});
    std::vector<kafka::Header> headers;
    for (const auto& [name, value] : record.headers) headers.push_back({name, value});
    sent[client] = Clock::now();
    const auto produced = producer.produce({.topic = topic,
                                            .partition = partition_of(envelope.slot, options.partitions),
                                            .key = record.key,
                                            .value = record.value,
                                            .headers = headers,
                                            .time = std::nullopt},
                                           {});
    if (!produced) throw std::runtime_error(produced.error().text);
  };

  const bool counted = options.each > 0;
  const auto begin = Clock::now() + (counted ? std::chrono::milliseconds(0) : options.warm_up);
  const auto end = counted ? Clock::time_point::max() : begin + options.time;
  std::vector<std::size_t> answered(options.clients);
  std::size_t under_way = options.clients;
  for (std::size_t client = 0; client < options.clients; ++client) send(client);
  Latencies latencies;
  double other = 0;
  auto last = Clock::now();
  std::vector<kafka::Message> replies;
  while (under_way > 0 && Clock::now() - last < kAnswerWaitMax) {
    replies.clear();
    if (const auto polled = consumer.poll(replies, kPolledAtOnce, std::chrono::milliseconds(100));
        !polled && !polled.error().retryable)
      throw std::runtime_error(polled.error().text);
    for (const auto& reply : replies) {
      const auto attempt = reply.header("attempt_id").value_or("");
      std::size_t client = options.clients;
      if (std::from_chars(attempt.data(), attempt.data() + attempt.size(), client).ptr !=
              attempt.data() + attempt.size() ||
          client >= options.clients)
        continue;
      last = Clock::now();
      --under_way;
      if (last >= begin && last < end) {
        if (reply.header("memory") == "first" && reply.value().find("\"error\"") == std::string_view::npos) {
          latencies.add(last - sent[client]);
        } else {
          ++other;
        }
      }
      if (counted ? ++answered[client] < options.each : last < end) {
        send(client);
        ++under_way;
      }
    }
  }
  const auto accepted = static_cast<double>(latencies.count());
  Figures figures{{"per_second", accepted / std::chrono::duration<double>(std::min(last, end) - begin).count()},
                  {"accepted", accepted},
                  {"other", other + static_cast<double>(under_way)}};
  add(figures, latencies);
  print(figures);
}

}  // namespace parley::bench
