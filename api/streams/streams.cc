#include "api/streams/streams.h"

#include <utility>

#include "api/streams/event_tail.h"
#include "api/streams/frames.h"

namespace parley::api {
namespace {

class HttpSink final : public Sink {
 public:
  explicit HttpSink(http::EventStream stream) : stream_(std::move(stream)) {}
  bool write(const Frame& frames) override { return stream_.write(frames); }
  std::size_t queued_bytes() const override { return stream_.queued_bytes(); }

 private:
  const http::EventStream stream_;
};

class HttpClient final : public PendingClient {
 public:
  template <class Request>
  explicit HttpClient(Request&& request)
      : responder_(std::move(request.responder)),
        extra_(std::move(request.extra)),
        error_(std::move(request.error)),
        over_(std::move(request.over)) {}
  std::unique_ptr<Sink> start(std::function<void()> on_close) override {
    return std::make_unique<HttpSink>(http::EventStream::start(responder_, std::move(on_close), std::move(extra_)));
  }
  void refuse(const Error& error) override { responder_.send(error_(error)); }
  std::string error_json(const Error& error) override { return error_(error).body; }
  std::optional<Error> over() const override { return over_ ? over_() : std::nullopt; }

 private:
  const http::Responder responder_;
  http::Headers extra_;
  const std::function<http::Response(const Error&)> error_;
  const std::function<std::optional<Error>()> over_;
};

Hub::Options hub_options(const Streams::Options& options) {
  auto hub = options.hub;
  hub.partitions = options.partitions;
  return hub;
}

}  // namespace

struct Streams::Impl {
  Impl(const Options& options, std::unique_ptr<HistorySource> source, http::Timers& timers)
      : history(std::move(source)),
        hub(hub_options(options), *history, timers),
        tail({.kafka = options.kafka,
              .topic = options.topic_prefix + ".events",
              .partitions = options.partitions,
              .also = options.also},
             hub, *history) {}

  const std::unique_ptr<HistorySource> history;
  Hub hub;
  EventTail tail;
};

Streams::Streams(const Options& options, std::unique_ptr<HistorySource> history, http::Timers& timers)
    : impl_(std::make_unique<Impl>(options, std::move(history), timers)) {}
Streams::~Streams() = default;

void Streams::open(StreamRequest request) {
  auto client = std::make_unique<HttpClient>(std::move(request));
  impl_->hub.open(std::move(client), request.stream, request.viewer, request.views, request.last_id);
}

void Streams::ask_end(int partition, std::function<void(std::int64_t)> tell) {
  impl_->hub.ask_end(partition, std::move(tell));
}

std::optional<StreamFacts> Streams::find(const Stream& stream) const { return impl_->hub.find(stream); }
void Streams::end_those_of(const Principal& viewer, Code refusal) { impl_->hub.end_those_of(viewer, refusal); }
void Streams::open(FeedRequest request) {
  auto client = std::make_unique<HttpClient>(std::move(request));
  impl_->hub.open_feed(std::move(client), request.owner, request.views, request.log, request.last);
}

void Streams::pass_on(const schema::Typing& typing) { impl_->hub.pass_on(typing); }
void Streams::read_model_advanced() { impl_->hub.read_model_advanced(); }
void Streams::close_all() { impl_->hub.close_all(); }
health::Verdict Streams::verdict() const { return impl_->tail.verdict(); }
std::optional<std::string> Streams::another_log() const { return impl_->tail.another_log(); }

}  // namespace parley::api
