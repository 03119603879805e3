#include "platform/kafka/transactional_producer.h"

#include <algorithm>
#include <functional>

#include "platform/kafka/client.h"

namespace parley::kafka {
namespace {

constexpr std::chrono::milliseconds kCallSlice{1'000};
constexpr std::chrono::milliseconds kQueueFullWait{5'000};
constexpr std::int64_t kNotDelivered = -1;

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds left_until(Clock::time_point deadline) {
  return std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()));
}

TransactionError classify(const rd_kafka_error_t* error, const char* step) {
  Severity severity = Severity::fatal;  // no flag at all is a wrong use of the interface
  if (rd_kafka_error_is_fatal(error) == 0) {
    if (rd_kafka_error_txn_requires_abort(error) != 0) {
      severity = Severity::abort_required;
    } else if (rd_kafka_error_is_retriable(error) != 0) {
      severity = Severity::retriable;
    }
  }
  return {severity, to_error(error, step)};
}

/// The same call repeated continues it (librdkafka documents so for init, commit and abort); past the deadline its
/// outcome is unknown.
TransactionResult<void> repeat(const char* step, std::chrono::milliseconds timeout,
                               const std::function<rd_kafka_error_t*(int)>& call) {
  const auto deadline = Clock::now() + timeout;
  while (true) {
    const ErrorHandle error(call(to_ms(std::clamp(left_until(deadline), std::chrono::milliseconds(1), kCallSlice))));
    if (!error) return {};
    auto classified = classify(error.get(), step);
    if (classified.severity != Severity::retriable) return std::unexpected(std::move(classified));
    if (Clock::now() >= deadline) {
      classified.severity = Severity::fatal;
      return std::unexpected(std::move(classified));
    }
  }
}

}  // namespace

struct TransactionalProducer::Impl {
  struct Delivery {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__IN_PROGRESS;
    std::int64_t offset = kNotDelivered;
  };

  Client client;
  std::vector<Delivery>
      deliveries;               // of the transaction under way; reports come inside our own calls, on our own thread
  std::size_t transaction = 0;  // so that a late report of an aborted transaction changes nothing

  static constexpr std::size_t kNumberBits = 24;
  static constexpr std::size_t kRecordsMax = (std::size_t{1} << kNumberBits) - 1;

  void* token(std::size_t number) const { return reinterpret_cast<void*>((transaction << kNumberBits) | number); }

  static void on_delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) noexcept {
    auto& self = *static_cast<Impl*>(opaque);
    const auto token = reinterpret_cast<std::uintptr_t>(message->_private);
    const std::size_t number = token & kRecordsMax;
    if (self.token(number) != message->_private || number >= self.deliveries.size()) return;
    self.deliveries[number] = {message->err, message->offset};
  }
};

TransactionalProducer::TransactionalProducer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TransactionalProducer::TransactionalProducer(TransactionalProducer&&) noexcept = default;
TransactionalProducer& TransactionalProducer::operator=(TransactionalProducer&&) noexcept = default;
TransactionalProducer::~TransactionalProducer() = default;

Result<TransactionalProducer> TransactionalProducer::open(const Config& config, const Options& options) {
  auto conf = make_conf(config, {{"transactional.id", options.transactional_id},
                                 {"transaction.timeout.ms", std::to_string(to_ms(options.transaction_timeout))},
                                 {"message.timeout.ms", std::to_string(to_ms(options.transaction_timeout))},
                                 {"enable.idempotence", "true"},
                                 {"acks", "all"},
                                 {"linger.ms", "0"},
                                 {"retry.backoff.ms", "1"},  // the transaction that follows at once waits one backoff
                                 {"retry.backoff.max.ms", "20"},
                                 {"socket.nagle.disable", "true"}});
  if (!conf) return std::unexpected(std::move(conf.error()));
  auto impl = std::make_unique<Impl>();
  rd_kafka_conf_set_opaque(conf->get(), impl.get());
  rd_kafka_conf_set_dr_msg_cb(conf->get(), &Impl::on_delivered);
  if (auto opened = impl->client.open(RD_KAFKA_PRODUCER, std::move(*conf)); !opened)
    return std::unexpected(std::move(opened.error()));
  return TransactionalProducer(std::move(impl));
}

TransactionResult<void> TransactionalProducer::init(std::chrono::milliseconds timeout) {
  return repeat("init transactions", timeout,
                [&](int wait_ms) { return rd_kafka_init_transactions(impl_->client.raw(), wait_ms); });
}

TransactionResult<void> TransactionalProducer::begin() {
  impl_->deliveries.clear();
  ++impl_->transaction;
  const ErrorHandle error(rd_kafka_begin_transaction(impl_->client.raw()));
  if (error) return std::unexpected(classify(error.get(), "begin"));
  return {};
}

TransactionResult<std::size_t> TransactionalProducer::produce(const Record& record) {
  const std::size_t number = impl_->deliveries.size();
  if (number >= Impl::kRecordsMax)
    return std::unexpected(TransactionError{Severity::abort_required, {Kind::queue_full, false, "too many records"}});
  impl_->deliveries.emplace_back();
  const auto deadline = Clock::now() + kQueueFullWait;
  while (true) {
    auto queued = kafka::produce(impl_->client, record, impl_->token(number));
    if (queued) return number;
    if (queued.error().kind != Kind::queue_full || Clock::now() >= deadline) {
      const bool alive = impl_->client.alive().has_value();
      return std::unexpected(
          TransactionError{alive ? Severity::abort_required : Severity::fatal, std::move(queued.error())});
    }
    rd_kafka_poll(impl_->client.raw(), 1);
  }
}

TransactionResult<void> TransactionalProducer::flush(std::chrono::milliseconds timeout) {
  const auto code = rd_kafka_flush(impl_->client.raw(), to_ms(timeout));
  if (auto alive = impl_->client.alive(); !alive)
    return std::unexpected(TransactionError{Severity::fatal, std::move(alive.error())});
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return std::unexpected(TransactionError{Severity::abort_required, to_error(code, "flush")});
  const auto failed =
      std::ranges::find_if(impl_->deliveries, [](const auto& one) { return one.error != RD_KAFKA_RESP_ERR_NO_ERROR; });
  if (failed != impl_->deliveries.end())
    return std::unexpected(TransactionError{Severity::abort_required, to_error(failed->error, "delivery")});
  return {};
}

std::int64_t TransactionalProducer::offset_of(std::size_t number) const { return impl_->deliveries.at(number).offset; }

TransactionResult<void> TransactionalProducer::send_offsets(std::span<const PartitionOffset> positions,
                                                            const GroupMetadata& metadata,
                                                            std::chrono::milliseconds timeout) {
  if (!metadata) {
    return std::unexpected(TransactionError{
        Severity::abort_required, {Kind::rebalanced, false, "send offsets: no group metadata, no transaction"}});
  }
  const ListHandle list = to_list(positions);
  const auto* group = static_cast<const rd_kafka_consumer_group_metadata_t*>(metadata.value_.get());
  const ErrorHandle error(
      rd_kafka_send_offsets_to_transaction(impl_->client.raw(), list.get(), group, std::max(1, to_ms(timeout))));
  if (!error) return {};
  auto classified = classify(error.get(), "send offsets");
  // Not resumable (librdkafka starts it anew), so whether a late answer still counts is unknown: abort.
  if (classified.severity == Severity::retriable) classified.severity = Severity::abort_required;
  return std::unexpected(std::move(classified));
}

TransactionResult<void> TransactionalProducer::commit(std::chrono::milliseconds timeout) {
  return repeat("commit", timeout,
                [&](int wait_ms) { return rd_kafka_commit_transaction(impl_->client.raw(), wait_ms); });
}

TransactionResult<void> TransactionalProducer::abort(std::chrono::milliseconds timeout) {
  return repeat("abort", timeout,
                [&](int wait_ms) { return rd_kafka_abort_transaction(impl_->client.raw(), wait_ms); });
}

}  // namespace parley::kafka
