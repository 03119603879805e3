#pragma once
// One viewer's stream of everything new in an account, as a state machine: where it stands in every partition, what it
// may send next, and what it needs before it can go on.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/streams/stream_subscription.h"
#include "api/streams/views.h"
#include "api/streams/window.h"
#include "domain/kernel.h"

namespace parley::api {

/// A part of the owner's past in one partition, made into frames.
struct FeedChapter {
  struct Event {
    std::int64_t offset;
    Frame frame;
  };
  std::vector<Event> events;
  std::int64_t read_to = 0;     ///< Below this offset the owner's events are here, or before it.
  std::int64_t checkpoint = 0;  ///< Before it moves, reading on from there would bring nothing new.
  bool has_gap = false;         ///< The read model holds something back that is the owner's, or may be.
};

/// The promise: every event of the owner's streams that is shown on feeds, once, in the order of its stream. What it
/// remembers of the way is a position in every partition, which is also the id of every frame: whoever comes back with
/// an id goes on right after that frame. What follows a position comes out of the partition's window while that has it,
/// and out of the read model otherwise, as a StreamSubscription has it for one stream.
///
/// Thread-safe; does not block. Whoever calls a function with a partition holds that partition's lock; those of several
/// partitions may be called at once.
class Feed {
 public:
  using Clock = StreamSubscription::Clock;
  using Need = StreamSubscription::Need;
  /// Of each partition: up to where everything has been handed to the feeds that were live in it.
  using Ends = std::vector<std::atomic<std::int64_t>>;
  /// Of a partition: when it was asked for its end the last time, and that; everything below it is in the window, or
  /// was.
  struct Confirmed {
    Clock::time_point at{};
    std::int64_t end = 0;
  };
  struct Limits {
    std::size_t pace_bytes = 65'536;  ///< As a StreamSubscription's.
    std::int64_t span_max = 20'000;   ///< Offsets that one read of history goes through.
    int events_max = 256;             ///< And events that it brings.
    /// Offsets in all partitions together that a client may be behind the windows: more is not made up for, but told
    /// (stream.reset).
    std::int64_t behind_max = 500'000;
  };

  /// `views`: what is shown. `log`: what ids begin with. `views` and `ends` must outlive this.
  Feed(AccountId owner, const EventViews& views, std::string log, const Ends& ends, Clock::time_point opened_at,
       const Limits& limits);

  AccountId owner() const { return owner_; }
  const EventViews& views() const { return views_; }
  Clock::time_point opened_at() const { return opened_at_; }

  /// First: from here on it writes. `opening` is the first frame.
  void start(std::unique_ptr<Sink> sink, const std::string& opening);
  /// Then for each partition: where it begins. The window's end is `now`; a position above that is the client's, and
  /// the log has to be asked for it.
  void begin_at(int partition, std::int64_t position, std::int64_t now);
  /// Then the client gets the id of where it stands, and is told when that is not where it asked to be.
  void announce(bool is_reset, Timestamp now);

  /// Writes what there is in a partition, until it is live there or needs something. A position that the log turns out
  /// not to have reached is told (stream.reset), once for all partitions; from there it goes on with what has come
  /// since it was opened.
  Need catch_up(int partition, Window& window, const Confirmed& confirmed, Timestamp now);
  /// An event has come into the window of a partition. `owner` is unknown when nothing says whose stream it is: history
  /// will.
  Need appended(int partition, Window& window, Window::Held& event, std::optional<AccountId> owner);
  /// What was read. Then catch_up().
  void loaded(int partition, const FeedChapter& chapter, Timestamp now);
  /// Where to read on.
  std::int64_t position(int partition) const;

  /// As StreamSubscription has them.
  void delay(Timestamp now);
  void ask_again(int partition);
  void pass_on(const Frame& frame);
  /// Nothing is written any more, after `last`.
  void finish(const Frame& last = nullptr);
  void ping(Clock::time_point now, Clock::duration interval);

  struct Counts {
    std::uint64_t events = 0;
    std::uint64_t resets = 0;  ///< For a position that the log has not reached.
  };
  /// Since the last call.
  Counts take_counts();

 private:
  struct Place {
    std::int64_t position = 0;
    std::int64_t end_at_opening = 0;        // the window's
    bool is_claimed = false;                // the position is what the client says, and nothing here has come to it yet
    bool is_live = false;                   // everything below the end of the window has been written or is not shown
    std::optional<std::int64_t> exhausted;  // the read model had nothing more at this checkpoint
  };

  // With the mutex held.
  Place& place(int partition) { return places_[static_cast<std::size_t>(partition)]; }
  static Need uncovered(const Place& place, const Window& window);
  /// Nothing: the position is one of this log.
  std::optional<Need> unreached(Place& place, const Window& window, const Confirmed& confirmed, Timestamp now);
  std::string id() const;
  bool write(const Frame& frames);
  bool write_event(const Frame& feed);
  bool has_room() const { return sink_->queued_bytes() < limits_.pace_bytes; }

  const AccountId owner_;
  const EventViews& views_;
  const std::string log_;
  const Ends& ends_;
  const Clock::time_point opened_at_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::vector<Place> places_;
  std::unique_ptr<Sink> sink_;
  bool ended_ = false;
  bool has_said_delayed_ = false;
  bool has_said_reset_ = false;
  Clock::time_point written_at_{};
  Counts counts_;
};

}  // namespace parley::api
