#pragma once
// All windows and all subscriptions of one process: events come in, each goes to the subscribers of its stream and to
// its owner's feeds, as their surfaces show it, and each subscriber gets what it waits for.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/timers.h"
#include "api/streams/feed.h"
#include "api/streams/history.h"
#include "api/streams/history_reader.h"
#include "api/streams/log_token.h"
#include "api/streams/stream_subscription.h"
#include "api/streams/views.h"
#include "api/streams/window.h"
#include "domain/model.h"
#include "platform/kafka/config.h"
#include "schemas/signals.h"

namespace parley::api {

/// A client that has asked for a stream and has no answer yet. One of the two is called, once.
class PendingClient {
 public:
  virtual ~PendingClient() = default;
  /// Answers with a stream; `on_close` is called once when it is over, never from within this or a call of the Sink.
  virtual std::unique_ptr<Sink> start(std::function<void()> on_close) = 0;
  virtual void refuse(const Error& error) = 0;
  /// The error as a stream says it that has begun already: a JSON object with the member "error".
  virtual std::string error_json(const Error& error) = 0;
  /// Asked every second at least, also after the start: why the viewer may follow no longer. Thread-safe; must not
  /// block.
  virtual std::optional<Error> over() const { return std::nullopt; }
};

/// Thread-safe. Knows neither Kafka nor sockets: EventTail feeds it, Streams opens it to clients.
class Hub {
 public:
  struct Options {
    int partitions = kafka::kPartitionsDefault;
    Window::Limits window{};  ///< of each partition
    StreamSubscription::Limits stream{};
    Feed::Limits feed{};
    /// Whose assistant that is, as far as it is known without PostgreSQL. Called on several threads at once; does not
    /// block.
    std::function<std::optional<AccountId>(AssistantId)> owner_of{};
    HistoryReader::Options history{};
    std::size_t streams_max = 8'000;                  ///< and feeds; one more is refused as overloaded
    std::chrono::milliseconds ping_interval{15'000};  ///< of silence
    std::chrono::milliseconds decide_within{2'000};   ///< then a client gets its stream, which says that it waits
    std::chrono::milliseconds ask_again_every{
        10'000};  ///< for history that was not there, beside every announcement of the projector
    std::chrono::milliseconds pace_min{10};  ///< between looks at a socket that is full, doubled while it stays so
    std::chrono::milliseconds pace_max{250};
  };
  using Clock = StreamSubscription::Clock;
  static constexpr std::chrono::seconds kEndWaitMax{5};

  /// `history`, `timers` and all views that are given with clients must outlive this.
  Hub(const Options& options, HistorySource& history, http::Timers& timers);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // From the log, one thread per partition.

  struct LogRecord {
    std::string_view type;
    Stream stream;
    std::int64_t sequence = 0;
    Timestamp at;
    std::string_view value;
    std::string_view actor{};  ///< ce_actor: says whose stream it is, because decisions let nobody else act in it.
  };
  /// Before the partition's first record.
  void start_at(int partition, std::int64_t offset);
  void append(int partition, std::int64_t offset, const LogRecord& record);
  /// All records that were in the partition at `when` have been appended; it ended before the offset `end`.
  void confirm(int partition, Clock::time_point when, std::int64_t end);
  /// Somebody waits for confirm().
  bool wants_confirmation() const;
  /// Calls `tell` with the partition's end as it is asked from now on, once, on the log's thread; never when Kafka does
  /// not say it for kEndWaitMax. Must not block.
  void ask_end(int partition, std::function<void(std::int64_t end)> tell);

  // From the read model.

  /// Checkpoints have moved, or the read model is back.
  void read_model_advanced();

  // From clients.

  /// Follows one stream, of a followed kind, as `views` show it.
  void open(std::unique_ptr<PendingClient> client, const Stream& stream, const Principal& viewer,
            const EventViews& views, std::optional<std::int64_t> last_id);
  /// A feed of everything new in the streams of one owner. `log`: of which the ids are. It goes on after the positions
  /// in `from`, or, where they are of another log or too far behind, from now, and says so; without them from now. That
  /// the log has not reached one of them it says once that is certain.
  void open_feed(std::unique_ptr<PendingClient> client, AccountId owner, const EventViews& views,
                 const std::string& log, const std::optional<LogToken>& from);
  /// Passes on what is no event (a data frame without an id) to the subscribers of the dialog and to its owner's feeds,
  /// as their views show it; nothing keeps it.
  void pass_on(const schema::Typing& typing);
  /// What the log's newest part says of a stream.
  std::optional<StreamFacts> find(const Stream& stream) const;
  std::size_t streams() const;
  /// Ends the streams of a viewer who may not follow any more: the refusal is their last frame. Looks at every stream.
  void end_those_of(const Principal& viewer, Code refusal);
  /// Ends all streams and refuses new ones.
  void close_all();

  struct Retained {
    std::size_t events = 0;
    std::size_t bytes = 0;
  };
  Retained retained() const;
  /// Of a partition: every followed event from this offset on is retained.
  std::int64_t floor(int partition) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace parley::api
