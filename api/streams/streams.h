#pragma once
// Live event streams and feeds: what a surface opens, and what the API process runs.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/http/message.h"
#include "api/http/responder.h"
#include "api/http/timers.h"
#include "api/streams/history.h"
#include "api/streams/hub.h"
#include "domain/kernel.h"
#include "platform/health/health.h"
#include "platform/kafka/config.h"
#include "platform/kafka/message.h"

namespace parley::api {

/// A client that asks for a stream. Who it is has been authenticated; a visitor's secret has been checked for this
/// stream.
struct StreamRequest {
  http::Responder responder;
  Stream stream;                        ///< Of a followed kind (followed.h).
  const EventViews& views;              ///< The surface's; must outlive the Streams.
  Principal viewer;                     ///< Owner, Operator or Visitor: whether the stream is theirs is decided here
  std::optional<std::int64_t> last_id;  ///< not negative; absent: from now; 0: everything
  http::Headers extra{};                ///< for the stream's head
  std::function<http::Response(const Error&)>
      error;  ///< the surface's form, in the client's language: dialog_not_found, overloaded, unavailable
  /// Asked again and again: why the viewer may follow no longer. The stream then ends with that error. Thread-safe;
  /// must not block.
  std::function<std::optional<Error>()> over{};
};

/// A client that asks for a feed of an owner's streams, and may.
struct FeedRequest {
  http::Responder responder;
  AccountId owner;
  const EventViews& views;                            ///< The surface's; must outlive the Streams.
  std::string log;                                    ///< endpoint::Deps::log_identity
  std::optional<LogToken> last;                       ///< the id that the client has
  http::Headers extra{};                              ///< for the stream's head
  std::function<http::Response(const Error&)> error;  ///< overloaded, unavailable
  std::function<std::optional<Error>()> over{};       ///< as a StreamRequest's
};

/// Owns the hub and its threads ("hub", "history-N"). Thread-safe.
///
/// A stream: `data: {"type":"connection.established",...}`, then the stream's events in order, each once: what the
/// surface shows the viewer as `id: N` and `data:`, what it does not show as `id: N` alone. `data: __ping__` after a
/// silence.
/// {"type":"stream.delayed"} when what follows has to wait for the read model; nothing newer is sent before it.
/// {"type":"stream.reset"} with the current id when the client's id is of another log, or the log has not reached it.
/// {"type":"error","error":{...}} as the last frame when it turns out late that the stream is not the viewer's, or when
/// the viewer's session is over.
class Streams {
 public:
  struct Options {
    kafka::Config kafka;
    std::string topic_prefix = "parley";
    int partitions = kafka::kPartitionsDefault;
    Hub::Options hub{};                                 ///< `partitions` is the one above
    std::function<void(const kafka::Message&)> also{};  ///< gets every record of the log; must not block
  };

  /// `timers` must outlive this.
  Streams(const Options& options, std::unique_ptr<HistorySource> history, http::Timers& timers);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  /// Answers the request, now or as soon as it is known whether the stream is the viewer's: with a stream or an error.
  /// Does not block.
  void open(StreamRequest request);

  /// As Hub has it: where a partition of the log ends, as Kafka says it from now on.
  void ask_end(int partition, std::function<void(std::int64_t end)> tell);

  /// What the newest part of the log says of a stream; nothing: ask the read model.
  std::optional<StreamFacts> find(const Stream& stream) const;

  /// Ends the streams of a viewer who is not let in any more, with the refusal as their last frame.
  void end_those_of(const Principal& viewer, Code refusal);
  /// Answers with a feed of everything new in the owner's streams, from `last` on, or from now, as far as the surface
  /// shows it on feeds. Every frame of it has an id; {"type":"stream.reset"} when it does not go on from `last`.
  void open(FeedRequest request);

  /// Passes on what is no event to the open streams of the dialog and to its owner's feeds, as far as their surfaces
  /// show it; nothing keeps it.
  void pass_on(const schema::Typing& typing);

  /// For Progress::on_advance.
  void read_model_advanced();
  /// Ends all streams; new ones are refused as unavailable. For draining.
  void close_all();

  /// Not ready until everything that stood in the log at the start has been read.
  health::Verdict verdict() const;
  /// Why the log is not the one that was read, or that the read model was made from; streams are closed then.
  std::optional<std::string> another_log() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::api
