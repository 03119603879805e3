#include "platform/kafka/producer.h"

#include <pthread.h>

#include <stop_token>
#include <thread>

#include "platform/kafka/client.h"

namespace parley::kafka {
namespace {

constexpr std::chrono::milliseconds kServeSlice{100};
constexpr std::chrono::milliseconds kCloseFlush{1'000};

void on_delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) noexcept {
  const std::unique_ptr<Producer::OnDelivery> callback(static_cast<Producer::OnDelivery*>(message->_private));
  if (!callback || !*callback) return;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    (*callback)(std::unexpected(to_error(message->err, "delivery")));
  } else {
    (*callback)(message->offset);
  }
}

}  // namespace

struct Producer::Impl {
  Client client;
  std::jthread server;  // the one thread that calls delivery callbacks

  ~Impl() {
    if (client.raw() == nullptr) return;
    rd_kafka_flush(client.raw(), to_ms(kCloseFlush));
    rd_kafka_purge(client.raw(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client.raw(), to_ms(kCloseFlush));
    server.request_stop();
    if (server.joinable()) server.join();
    while (rd_kafka_poll(client.raw(), 0) > 0) {
    }
  }
};

Producer::Producer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Producer::Producer(Producer&&) noexcept = default;
Producer& Producer::operator=(Producer&&) noexcept = default;
Producer::~Producer() = default;

Result<Producer> Producer::open(const Config& config, const Options& options) {
  auto conf = make_conf(config, {{"enable.idempotence", "true"},
                                 {"acks", "all"},
                                 {"linger.ms", "0"},
                                 // What comes while a request is under way goes with the next one: requests grow with
                                 // the load, and one client alone waits for nothing.
                                 {"max.in.flight.requests.per.connection", "1"},
                                 {"retry.backoff.ms", "10"},
                                 {"socket.nagle.disable", "true"},
                                 {"queue.buffering.max.messages", std::to_string(options.queued_max)},
                                 {"queue.buffering.max.kbytes", std::to_string(options.queued_kib_max)},
                                 {"message.timeout.ms", std::to_string(to_ms(options.delivery_timeout))}});
  if (!conf) return std::unexpected(std::move(conf.error()));
  rd_kafka_conf_set_dr_msg_cb(conf->get(), on_delivered);
  auto impl = std::make_unique<Impl>();
  if (auto opened = impl->client.open(RD_KAFKA_PRODUCER, std::move(*conf)); !opened)
    return std::unexpected(std::move(opened.error()));
  impl->server = std::jthread([raw = impl->client.raw()](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), "kafka-delivery");
    while (!stop.stop_requested()) rd_kafka_poll(raw, to_ms(kServeSlice));
  });
  return Producer(std::move(impl));
}

Result<void> Producer::produce(const Record& record, OnDelivery on_delivery) {
  if (auto alive = impl_->client.alive(); !alive) return alive;
  auto callback = std::make_unique<OnDelivery>(std::move(on_delivery));
  auto queued = kafka::produce(impl_->client, record, callback.get());
  if (queued) static_cast<void>(callback.release());  // on_delivered owns it now
  return queued;
}

std::size_t Producer::queued() const { return static_cast<std::size_t>(rd_kafka_outq_len(impl_->client.raw())); }

Result<void> Producer::alive() const { return impl_->client.alive(); }

Result<void> Producer::flush(std::chrono::milliseconds timeout) {
  // The callbacks are called by our own thread too while this one waits; either may serve them.
  const auto code = rd_kafka_flush(impl_->client.raw(), to_ms(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(to_error(code, "flush"));
  return {};
}

}  // namespace parley::kafka
