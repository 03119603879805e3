#pragma once
// One viewer that follows one stream, as a state machine: what it has sent, what it may send next, and what it needs
// before it can go on.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/streams/views.h"
#include "api/streams/window.h"
#include "domain/model.h"

namespace parley::api {

/// Where frames go: an http::EventStream, or a test. Thread-safe; does not block. Its destructor ends the stream.
class Sink {
 public:
  virtual ~Sink() = default;
  /// False when the stream is over.
  virtual bool write(const Frame& frames) = 0;
  /// What was written and the client has not taken.
  virtual std::size_t queued_bytes() const = 0;
};

/// A History, made into frames.
struct Chapter {
  struct Event {
    std::int64_t version;
    Frame frame;
  };
  std::int64_t after = 0;  ///< it begins after this version
  std::vector<Event> events;
  bool has_more = false;
  std::int64_t version = 0;
  std::int64_t reflected = 0;   ///< below this offset everything of the stream is in it or before it
  std::int64_t checkpoint = 0;  ///< before it moves, reading again would bring nothing new
};

/// The promise: every event that this viewer may see, in order, once. All that it remembers of the way is the last
/// version that it sent (the cursor); what follows comes out of the window while the window has it, and out of the read
/// model otherwise, and each answer of either is read against the cursor, so that they may overlap, come late or be
/// repeated. Whoever owns it calls, with the partition's lock held: not thread-safe, does not block.
class StreamSubscription {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    std::size_t pace_bytes =
        65'536;  ///< with more than this untaken, nothing is written: the log waits for the reader, not in memory
    std::size_t write_bytes = 16'384;  ///< of history frames that are joined into one write
    int events_min = 16;  ///< that one read of history asks for; doubled while the reader takes all of them
    int events_max = 256;
  };
  /// What it waits for; advance() again when that may be there.
  enum class Need {
    nothing,       ///< the next event of the stream
    history,       ///< read after(window), limit(), then loaded() or absent()
    checkpoint,    ///< the projector has to come on
    confirmation,  ///< the window has to be known to hold everything that was in the log when this stream was opened
    socket,        ///< the client has to take what was written
    refusal,       ///< this viewer may not see the stream, or there is none
    end,           ///< the stream is over
  };

  /// `views`: what is shown. Without `last_id` it begins with what comes after now; 0 is everything. `views` and
  /// `limits` must outlive this.
  StreamSubscription(const Stream& stream, Principal viewer, const EventViews& views,
                     std::optional<std::int64_t> last_id, Clock::time_point opened_at, const Limits& limits);

  /// Before anything else: fixes what "now" is.
  void begin(Window& window);
  /// From here on it writes. `opening` is the first frame.
  void start(std::unique_ptr<Sink> sink, const std::string& opening);
  /// Writes what there is. `confirmed_at`: the window holds all that the log held then.
  Need advance(Window& window, Clock::time_point confirmed_at, Timestamp now);

  /// An event of the stream has come into the window; call before advance().
  void appended(std::int64_t sequence);
  /// The read model says that this viewer may see the stream.
  void grant() { access_ = Access::granted; }
  /// What was read. Then advance().
  void loaded(const Chapter& chapter, Window& window);
  /// The read model, at this checkpoint, has no such stream for this viewer, and would have it if it had opened below
  /// `reflected`. Then advance().
  void absent(std::int64_t reflected, std::int64_t checkpoint);
  /// What it needs will take long: says so, once until it goes on.
  void delay(Timestamp now);
  /// Forgets that the read model had nothing: advance() asks for it again.
  void ask_again();

  /// Something that is no event: written at once, or, to a client that does not keep up or has no stream yet, not at
  /// all.
  void pass_on(const Frame& frame);
  /// Keeps a silent connection alive.
  void ping(Clock::time_point now, Clock::duration interval);
  /// The last words of a stream that ends.
  void finish(const std::string& frame);

  const Stream& stream() const { return stream_; }
  const Principal& viewer() const { return viewer_; }
  const EventViews& views() const { return views_; }
  Viewer looks_as() const { return looks_as_; }
  bool may_see() const { return access_ == Access::granted; }
  bool has_started() const { return sink_ != nullptr; }
  /// After what history is to be read. Where the window has all that follows, and who may see it is the question alone,
  /// after everything.
  std::int64_t after(Window& window) const;
  int limit() const { return limit_; }
  Clock::time_point opened_at() const { return opened_at_; }

  struct Counts {
    std::uint64_t events = 0;  ///< written, hidden ones too
    std::uint64_t bytes = 0;   ///< of all frames
    std::uint64_t delays = 0;
    std::uint64_t resets = 0;
  };
  /// Since the last call.
  Counts take_counts();

 private:
  enum class Access { unknown, granted, denied };

  void decide(const std::optional<StreamFacts>& facts);
  Need undecided(Window& window, Clock::time_point confirmed_at);
  Need uncovered(const Window& window) const;
  Need write_window(Window& window);
  Need live();
  /// False when the reader has not taken all of it, or the stream is over.
  bool write_chapter(const Chapter& chapter);
  void reset(Window& window, Timestamp now);
  void pass(std::int64_t version);
  bool write(const Frame& frames);
  bool has_room() const { return sink_->queued_bytes() < limits_.pace_bytes; }

  const Stream stream_;
  const Principal viewer_;
  const EventViews& views_;
  const Viewer looks_as_;
  const Clock::time_point opened_at_;
  const Limits& limits_;
  std::unique_ptr<Sink> sink_;
  Access access_ = Access::unknown;
  std::optional<std::int64_t> cursor_;     // the last version sent or passed; nothing: none yet since now
  bool is_claimed_;                        // the cursor is what the client says that it has
  std::int64_t end_at_opening_ = 0;        // the window's
  bool is_live_ = false;                   // it has all that the window had; what follows is announced by appended()
  bool says_cursor_ = false;               // the client gets the id that "now" is
  std::optional<std::int64_t> exhausted_;  // the read model had nothing more at this checkpoint
  std::optional<std::int64_t> absent_;     // the read model had no such stream at this checkpoint
  bool has_said_delayed_ = false;
  bool ended_ = false;
  int limit_;
  Clock::time_point written_at_{};
  Counts counts_;
};

}  // namespace parley::api
