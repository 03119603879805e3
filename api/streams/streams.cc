#include "api/streams/streams.h"

#include <utility>

#include "api/streams/event_tail.h"

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

class HttpOpening final : public Opening {
 public:
  explicit HttpOpening(StreamRequest request) : request_(std::move(request)) {}
  std::unique_ptr<Sink> start(std::function<void()> on_close) override {
    return std::make_unique<HttpSink>(http::EventStream::start(request_.responder, std::move(on_close), std::move(request_.extra)));
  }
  void refuse(const Error& error) override { request_.responder.send(request_.error(error)); }
  std::string error_json(const Error& error) override { return request_.error(error).body; }

 private:
  StreamRequest request_;
};

Hub::Options hub_options(const Streams::Options& options) {
  auto hub = options.hub;
  hub.partitions = options.partitions;
  return hub;
}

}  // namespace

struct Streams::Impl {
  Impl(const Options& options, MessageFormat format, std::unique_ptr<HistorySource> source, http::Timers& timers)
      : history(std::move(source)),
        hub(hub_options(options), std::move(format), *history, timers),
        tail({.kafka = options.kafka, .topic = options.topic_prefix + ".events", .partitions = options.partitions}, hub, *history) {}

  const std::unique_ptr<HistorySource> history;
  Hub hub;
  EventTail tail;
};

Streams::Streams(const Options& options, MessageFormat format, std::unique_ptr<HistorySource> history, http::Timers& timers)
    : impl_(std::make_unique<Impl>(options, std::move(format), std::move(history), timers)) {}
Streams::~Streams() = default;

void Streams::open(StreamRequest request) {
  const DialogId dialog = request.dialog;
  const Principal viewer = request.viewer;
  const auto last_id = request.last_id;
  impl_->hub.open(std::make_unique<HttpOpening>(std::move(request)), dialog, viewer, last_id);
}

std::optional<DialogFacts> Streams::find_dialog(DialogId dialog) const { return impl_->hub.find_dialog(dialog); }
void Streams::end_those_of(const Principal& viewer, Code refusal) { impl_->hub.end_those_of(viewer, refusal); }
void Streams::read_model_advanced() { impl_->hub.read_model_advanced(); }
void Streams::close_all() { impl_->hub.close_all(); }
health::Verdict Streams::verdict() const { return impl_->tail.verdict(); }
std::optional<std::string> Streams::another_log() const { return impl_->tail.another_log(); }

}  // namespace parley::api
